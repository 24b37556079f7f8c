"""One HTTP request and its answer, as the endpoints see them: no sockets here."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.testing.fault import Trouble
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Json
from orchestrator.testing.stream import Event


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes:
        method: "POST" and so on.
        path: without the query.
        query: the query's values by name.
        headers: by their names in lower case.
        data: the body.
        note: adds facts to the journal's entry.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    data: bytes
    note: Callable[..., None]

    def having(self, data: bytes) -> "Call":
        """The call with its body."""
        return replace(self, data=data)

    def json(self) -> Any:
        """The parsed body.

        Raises:
            RefusalError: it is no JSON.
        """
        try:
            body = json.loads(self.data)
        except ValueError as error:
            raise RefusalError(f"The request body is not valid JSON: {error}") from error
        self.note(body=body)
        return body

    def asked(self, name: str) -> str:
        """One value of the query, "" when absent."""
        return (self.query.get(name) or [""])[-1]


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        data: the body, unless there are events.
        type: the body's type.
        status: as HTTP has it.
        headers: further ones.
        events: the events of a stream.
        delay: seconds before it begins.
        pace: seconds before each event.
        trouble: what goes wrong on the way.
    """

    data: bytes = b""
    type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] | None = None
    delay: float = 0.0
    pace: float = 0.0
    trouble: Trouble | None = None

    @classmethod
    def of(cls, body: Json, **more: Any) -> "Answer":
        """The answer that is one JSON object."""
        return cls(json.dumps(body, ensure_ascii=False).encode(), **more)


def page(items: Sequence[Json], call: Call) -> Answer:
    """A page of a list, as `limit`, `after_id` and `before_id` ask for."""
    limit = call.asked("limit") or "20"
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:  # noqa: PLR2004 - the API's own bounds
        raise RefusalError("limit: Input should be between 1 and 1000")
    ids = [item["id"] for item in items]
    start = _place(ids, call.asked("after_id")) + 1
    stop = _place(ids, call.asked("before_id"))
    left = items[start : stop if stop >= 0 else None]
    shown = left[-int(limit) :] if stop >= 0 else left[: int(limit)]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return Answer.of({"data": list(shown), "has_more": len(shown) < len(left), **ends})


def _place(ids: Sequence[str], wanted: str) -> int:
    return ids.index(wanted) if wanted in ids else -1
