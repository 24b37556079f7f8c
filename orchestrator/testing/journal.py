"""What the fake was asked and what it answered, for tests to look at."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.clock import Clock, SystemClock
from orchestrator.testing.fault import Fault

_KEPT = 10_000  # requests
_SECRET = {"authorization", "x-api-key", "cookie"}


@dataclass(frozen=True)
class Received:
    """One request, and what became of it.

    Attributes:
        at: monotonic seconds.
        method: "POST" and so on.
        path: without the query.
        headers: by their names in lower case, without secrets.
        body: the parsed body; None when there was none or it is no JSON.
        request_id: what the answer's header said.
        status: the answer's; None when there was none, or is none yet.
        fault: what went wrong on purpose.
        error: the sentence of an answer that is an error.
        usage: of the message it was answered with.
    """

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None
    request_id: str = ""
    status: int | None = None
    fault: Fault | None = None
    error: str = ""
    usage: Mapping[str, Any] | None = None


@dataclass
class Journal:
    """The requests so far, oldest first; safe to use from many threads. The oldest of very many are let go."""

    clock: Clock = field(default_factory=SystemClock)
    _held: OrderedDict[int, Received] = field(default_factory=OrderedDict)
    _count: int = 0
    _totals: Counter[str] = field(default_factory=Counter)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, method: str, path: str, headers: Mapping[str, str]) -> int:
        """Take down a request; the number is for `note`."""
        shown = {name.lower(): value for name, value in headers.items() if name.lower() not in _SECRET}
        with self._changed:
            self._count += 1
            self._held[self._count] = Received(self.clock.monotonic(), method, path, shown)
            if len(self._held) > _KEPT:
                self._held.popitem(last=False)
            self._changed.notify_all()
            return self._count

    def note(self, number: int, **facts: Any) -> None:
        """Add what has become known of a request."""
        with self._changed:
            if number in self._held:
                self._held[number] = replace(self._held[number], **facts)
            usage = facts.get("usage") or {}
            self._totals.update({name: value for name, value in usage.items() if isinstance(value, int)})
            self._changed.notify_all()

    def all(self) -> tuple[Received, ...]:
        """The requests."""
        with self._changed:
            return tuple(self._held.values())

    def totals(self) -> dict[str, int]:
        """All usage so far, added up."""
        with self._changed:
            return dict(self._totals)

    def wait(self, count: int, timeout: float) -> bool:
        """Wait until so many requests have come; whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count >= count, timeout)
