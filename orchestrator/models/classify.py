"""What a failed call means: each error of the SDK, and each that it lets through, is classed once, here."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.failure import Failure
from orchestrator.models.call import CallError
from orchestrator.models.checked import BrokenReplyError
from orchestrator.plaintext import one_line

if TYPE_CHECKING:
    import anthropic

_LONGEST_WAIT = 24 * 3600.0  # seconds: what asks for more is read as this
_SAID = 300
_STATUS: Mapping[int, Failure] = {
    400: Failure.DETERMINISTIC,
    401: Failure.FATAL,
    402: Failure.QUOTA,
    403: Failure.FATAL,
    404: Failure.FATAL,
    408: Failure.TRANSIENT,
    409: Failure.TRANSIENT,
    413: Failure.DETERMINISTIC,
    422: Failure.DETERMINISTIC,
    429: Failure.TRANSIENT,
}
_SERVER = 500
_QUOTA = re.compile(
    r"usage limit|spend(ing)? limit|hit your (\w+ )?limit|credit balance|quota|workspace api usage", re.IGNORECASE
)
# An error that arrives within a stream has the status 200, and its type alone says what it is.
_TYPES: Mapping[str, Failure] = {
    "overloaded_error": Failure.TRANSIENT,
    "rate_limit_error": Failure.TRANSIENT,
    "api_error": Failure.TRANSIENT,
    "timeout_error": Failure.TRANSIENT,
    "billing_error": Failure.QUOTA,
    "authentication_error": Failure.FATAL,
    "permission_error": Failure.FATAL,
    "not_found_error": Failure.FATAL,
}


def classify(error: Exception, cut: str, deadline: float) -> CallError:
    """Return what `error` means; `cut` says that it is our own hanging up, and why."""
    if cut == "cancelled":
        return CallError(Failure.INTERRUPTED, "the call was stopped by the leader")
    if cut:
        return CallError(Failure.TRANSIENT, f"no answer within {deadline:g} s")
    if isinstance(error, BrokenReplyError):
        return CallError(Failure.TRANSIENT, str(error), facts={"broken": True})
    import anthropic  # noqa: PLC0415 - it costs seconds; whoever is here has loaded it
    import httpx2  # noqa: PLC0415 - the same

    if isinstance(error, anthropic.APIStatusError):
        return _of_status(error)
    if isinstance(error, anthropic.AnthropicError) and not isinstance(error, anthropic.APIError):
        return CallError(Failure.FATAL, f"no call can be made: {_short(error)}")
    # A connection that breaks in the middle of a stream comes through as the HTTP library's own error.
    broken = not isinstance(error, anthropic.APIConnectionError | httpx2.TransportError | OSError)
    said = "what came back cannot be read" if broken else "the connection failed"
    return CallError(Failure.TRANSIENT, f"{said}: {type(error).__name__}: {_short(error)}", facts={"broken": broken})


def of_status(status: int, kind: str, said: str) -> Failure:
    """Return what an HTTP status of the API means, with the type of its error and what that says; empty if unknown."""
    failure = _STATUS.get(status, Failure.TRANSIENT if status >= _SERVER else _TYPES.get(kind, Failure.DETERMINISTIC))
    if failure in {Failure.TRANSIENT, Failure.DETERMINISTIC} and status < _SERVER and _QUOTA.search(said):
        return Failure.QUOTA
    return failure


def _of_status(error: "anthropic.APIStatusError") -> CallError:
    kind = str(error.type or "")
    status = error.status_code
    said = one_line(str(error.api_message or error.message), _SAID)
    failure = of_status(status, kind, said)
    facts = {"status": status, "type": kind, "request": error.request_id or ""}
    return CallError(failure, f"{status} {kind}: {said}", wait=_wait(error.response.headers), facts=facts)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the headers ask for; None where they do not, or not by a number."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", headers.get(name, "")):
            return min(_LONGEST_WAIT, float(headers[name]) * unit)
    return None


def _short(error: Exception) -> str:
    return one_line(str(error), _SAID) or "it says nothing more"
