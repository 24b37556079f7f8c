"""Everything behind the socket: who may ask, and which endpoint answers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from orchestrator.testing import catalogue, refusal, spoil, statuses
from orchestrator.testing.batches import Batches
from orchestrator.testing.call import Answer, Call
from orchestrator.testing.fault import Troubles
from orchestrator.testing.messages import Messages
from orchestrator.testing.refusal import RefusalError

_VERSIONS = {"2023-06-01", "2026-10-21"}

Endpoint = Callable[[Call], Answer]


@dataclass(frozen=True)
class Service:
    """Answers calls."""

    key: str
    messages: Messages
    batches: Batches
    troubles: Troubles

    def answer(self, call: Call, request_id: str) -> Answer:
        """The answer to a call; one that is refused gets an error."""
        try:
            self._admit(call.headers)
            return self._find(call)(call)
        except RefusalError as error:
            return self.refuse(call, error, request_id)

    def refuse(self, call: Call, error: RefusalError, request_id: str) -> Answer:
        """The answer that is an error."""
        call.note(error=error.message)
        body = refusal.body(error.status, error.message, request_id)
        return Answer.of(body, status=error.status, headers=error.headers)

    @cached_property
    def _routes(self) -> tuple[tuple[str, re.Pattern[str], Endpoint], ...]:
        batch = "/v1/messages/batches/[^/]+"
        routes: Mapping[tuple[str, str], Endpoint] = {
            ("POST", "/v1/messages"): self.messages.create,
            ("POST", "/v1/messages/count_tokens"): self._simple(self.messages.count),
            ("GET", "/v1/models"): self._simple(catalogue.listed),
            ("GET", "/v1/models/[^/]+"): self._simple(catalogue.retrieved),
            ("POST", "/v1/messages/batches"): self._simple(self.batches.create),
            ("GET", "/v1/messages/batches"): self._simple(self.batches.listed),
            ("GET", batch): self._simple(self.batches.retrieved),
            ("DELETE", batch): self._simple(self.batches.deleted),
            ("POST", f"{batch}/cancel"): self._simple(self.batches.canceled),
            ("GET", f"{batch}/results"): self._simple(self.batches.results),
        }
        return tuple((method, re.compile(path), endpoint) for (method, path), endpoint in routes.items())

    def _admit(self, headers: Mapping[str, str]) -> None:
        shown = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if not shown:
            raise RefusalError("x-api-key header is required", 401)
        if shown != self.key:
            raise RefusalError("invalid x-api-key", 401)
        version = headers.get("anthropic-version")
        if version is None:
            raise RefusalError("anthropic-version: header is required")
        if version not in _VERSIONS:
            raise RefusalError(f"anthropic-version: {version!r} is not a valid version")

    def _find(self, call: Call) -> Endpoint:
        for method, path, endpoint in self._routes:
            if method == call.method and path.fullmatch(call.path):
                return endpoint
        raise RefusalError(f"Not found: {call.method} {call.path}", 404)

    def _simple(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, with what may go wrong on the way to it and back."""

        def answer(call: Call) -> Answer:
            trouble = self.troubles.next(call.path, None)
            if trouble is None:
                return endpoint(call)
            call.note(fault=trouble.fault)
            if refused := statuses.refusal(trouble, call.path):
                raise refused
            if spoiled := spoil.body(trouble.fault, stream=False):
                return Answer(spoiled.data, spoiled.type)
            return replace(endpoint(call), trouble=trouble)

        return answer
