"""The endpoints of batches. A batch ends after it was looked at so many times, not after some time."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.clock import Clock
from orchestrator.testing import refusal
from orchestrator.testing.call import Answer, Call, page
from orchestrator.testing.checks.kinds import a_list, a_string, an_object, only
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Json, digest
from orchestrator.testing.signing import letters

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEPT = 1_000  # batches
_ENDINGS = ("canceled", "errored", "expired", "succeeded")


@dataclass
class _Batch:
    id: str
    requests: list[Json]
    created: datetime
    left: int
    canceled: datetime | None = None
    ended: datetime | None = None
    results: list[Json] = field(default_factory=list)

    def show(self, url: str) -> Json:
        count = {ending: sum(each["result"]["type"] == ending for each in self.results) for ending in _ENDINGS}
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": "ended" if self.ended else "canceling" if self.canceled else "in_progress",
            "request_counts": {"processing": len(self.requests) - len(self.results), **count},
            "created_at": self.created.isoformat(),
            "expires_at": (self.created + timedelta(days=1)).isoformat(),
            "ended_at": self.ended.isoformat() if self.ended else None,
            "cancel_initiated_at": self.canceled.isoformat() if self.canceled else None,
            "archived_at": None,
            "results_url": f"{url}/v1/messages/batches/{self.id}/results" if self.ended else None,
        }


@dataclass
class Batches:
    """The batches of one server.

    Attributes:
        make: makes the message of one request, or refuses it.
        polls: how often a batch is still in progress when it is retrieved.
        clock: dates them.
        url: where the server is.
    """

    make: Callable[[Any], Json]
    polls: int
    clock: Clock
    url: str = ""
    _held: dict[str, _Batch] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def create(self, call: Call) -> Answer:
        """`POST /v1/messages/batches`."""
        requests = _checked(call.json())
        with self._lock:
            if len(self._held) >= _KEPT:
                raise RefusalError("requests: too many batches", 429)
            self._made += 1
            identity = "msgbatch_01" + letters(f"{digest(requests)}/{self._made}", 22)
            self._held[identity] = _Batch(identity, requests, self.clock.now(), self.polls)
            return Answer.of(self._held[identity].show(self.url))

    def listed(self, call: Call) -> Answer:
        """`GET /v1/messages/batches`, newest first."""
        with self._lock:
            return page([batch.show(self.url) for batch in reversed(self._held.values())], call)

    def retrieved(self, call: Call) -> Answer:
        """`GET /v1/messages/batches/{id}`."""
        with self._lock:
            batch = self._find(call)
            if batch.canceled or batch.left <= 0:
                self._end(batch)
            batch.left -= 1
            return Answer.of(batch.show(self.url))

    def canceled(self, call: Call) -> Answer:
        """`POST /v1/messages/batches/{id}/cancel`."""
        with self._lock:
            batch = self._find(call)
            if batch.ended:
                raise RefusalError(f"Batch {batch.id} cannot be canceled because it has ended.")
            batch.canceled = batch.canceled or self.clock.now()
            return Answer.of(batch.show(self.url))

    def deleted(self, call: Call) -> Answer:
        """`DELETE /v1/messages/batches/{id}`."""
        with self._lock:
            batch = self._find(call)
            if not batch.ended:
                raise RefusalError(f"Batch {batch.id} cannot be deleted while it is in progress. Cancel it first.")
            del self._held[batch.id]
        return Answer.of({"id": batch.id, "type": "message_batch_deleted"})

    def results(self, call: Call) -> Answer:
        """`GET /v1/messages/batches/{id}/results`: a line for each request."""
        with self._lock:
            batch = self._find(call)
            if not batch.ended:
                raise RefusalError(f"Batch {batch.id} has no results yet.", 404)
            lines = [json.dumps(result, ensure_ascii=False) + "\n" for result in batch.results]
        return Answer("".join(lines).encode(), "application/x-jsonl")

    def _find(self, call: Call) -> _Batch:
        identity = call.path.removeprefix("/v1/messages/batches/").partition("/")[0]
        if identity not in self._held:
            raise RefusalError(f"Batch {identity} not found", 404)
        return self._held[identity]

    def _end(self, batch: _Batch) -> None:
        if batch.ended is None:
            batch.results = [self._result(each, canceled=bool(batch.canceled)) for each in batch.requests]
            batch.ended = self.clock.now()

    def _result(self, each: Json, *, canceled: bool) -> Json:
        if canceled:
            return {"custom_id": each["custom_id"], "result": {"type": "canceled"}}
        try:
            made: Json = {"type": "succeeded", "message": self.make(each["params"])}
        except RefusalError as error:
            made = {"type": "errored", "error": refusal.body(error.status, error.message, "")}
        return {"custom_id": each["custom_id"], "result": made}


def _checked(body: Any) -> list[Json]:
    only(an_object(body, "body"), {"requests"}, "")
    requests = a_list(body.get("requests"), "requests")
    if not requests:
        raise RefusalError("requests: at least one request is required")
    for number, each in enumerate(requests):
        where = f"requests.{number}"
        only(an_object(each, where), {"custom_id", "params"}, where)
        an_object(each.get("params"), f"{where}.params")
        if not _NAME.fullmatch(a_string(each.get("custom_id"), f"{where}.custom_id")):
            raise RefusalError(f"{where}.custom_id: String should match pattern '^{_NAME.pattern}$'")
    if len({each["custom_id"] for each in requests}) < len(requests):
        raise RefusalError("requests: custom_id must be unique")
    return requests
