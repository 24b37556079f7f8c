"""The faults that are an error instead of an answer."""

import math
from collections.abc import Mapping

from orchestrator.testing.fault import Fault, Trouble
from orchestrator.testing.refusal import RefusalError

_SAID: Mapping[Fault, tuple[int, str]] = {
    Fault.RATE_LIMITED: (429, "This request would exceed your organization's rate limit"),
    Fault.RATE_LIMITED_BARE: (429, "This request would exceed your organization's rate limit"),
    Fault.RATE_LIMITED_MS: (429, "This request would exceed your organization's rate limit"),
    Fault.OVERLOADED: (529, "Overloaded"),
    Fault.SERVER_ERROR: (500, "Internal server error"),
    Fault.UNAVAILABLE: (503, "Service unavailable"),
    Fault.UNAUTHENTICATED: (401, "invalid x-api-key"),
    Fault.FORBIDDEN: (403, "Your API key does not have permission to use the specified resource."),
    Fault.UNPAID: (402, "Your credit balance is too low to access the API."),
    Fault.MODEL_GONE: (404, "model: {model}"),
    Fault.PROMPT_TOO_LONG: (400, "prompt is too long: 1000001 tokens > 1000000 maximum"),
    Fault.TOO_LARGE: (413, "Request exceeds the maximum size"),
}


def refusal(trouble: Trouble, model: str) -> RefusalError | None:
    """The error a trouble answers with; None when it is of another kind."""
    if trouble.fault not in _SAID:
        return None
    status, said = _SAID[trouble.fault]
    return RefusalError(said.format(model=model), status, _headers(trouble))


def _headers(trouble: Trouble) -> dict[str, str]:
    if trouble.fault is Fault.RATE_LIMITED:
        return {"retry-after": str(math.ceil(trouble.seconds))}
    if trouble.fault is Fault.RATE_LIMITED_MS:
        return {"retry-after-ms": str(round(trouble.seconds * 1000))}
    return {}
