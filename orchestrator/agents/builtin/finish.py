"""How the work ended, as the model says it: the `result` tool's input, checked, and the document it becomes.

A tool and not a schema of the answer: newer models cannot be forced to either, and a tool is called where the work
ends, without one more call that sends the whole conversation again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator import render
from orchestrator.documents.result import Result, Status
from orchestrator.errors import DocumentError
from orchestrator.plaintext import one_line

RESULT = "result"
_MOST = 40  # entries of one list
_LONGEST = 500  # characters of one entry
_STATUSES: Mapping[str, Status] = {
    "complete": Status.COMPLETE,
    "partial": Status.PARTIAL,
    "failed": Status.FAILED,
    "blocked": Status.BLOCKED,
}


def _texts(what: str) -> dict[str, object]:
    return {"type": "array", "items": {"type": "string"}, "description": what}


_PROPERTIES: Mapping[str, Mapping[str, object]] = {
    "status": {
        "type": "string",
        "enum": [*_STATUSES],
        "description": "complete: all of the spec is done and checked; blocked: a person has to do something first",
    },
    "summary": {"type": "string", "description": "what was done, in one line"},
    "files": _texts("paths that were changed"),
    "decisions": _texts("what was decided, and why, that whoever comes next should not decide again"),
    "tests_needed": _texts("what still needs a test"),
    "issues": _texts("what is wrong, missing or in the way; why it is not complete"),
}
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": [*_PROPERTIES],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Finish:
    """The structured result of one attempt."""

    status: Status
    summary: str
    files: tuple[str, ...]
    decisions: tuple[str, ...]
    tests_needed: tuple[str, ...]
    issues: tuple[str, ...]

    def document(self) -> bytes:
        """Return the result document."""
        return render.document("worker-result.md.j2", vars(self))


def problems(given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a result; nothing where it can be taken."""
    found = [f"there is no {name}" for name in _PROPERTIES if name not in given]
    found += [f"it takes no {name!r:.80}" for name in given if name not in _PROPERTIES]
    if "status" in given and given["status"] not in [*_STATUSES]:  # a model may say what no dict can look up
        found.append(f"status {given['status']!r:.80} is none of: {', '.join(_STATUSES)}")
    if "summary" in given and not (isinstance(given["summary"], str) and given["summary"].strip()):
        found.append("summary must be some text")
    for name, what in _PROPERTIES.items():
        if what["type"] == "array" and name in given:
            found += _problems_of_list(name, given[name])
    return found or _unreadable(finish(given))


def _problems_of_list(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        return [f"{name} must be a list of texts"]
    return [f"{name} has more than {_MOST} entries"] if len(value) > _MOST else []


def _unreadable(said: Finish) -> list[str]:
    """Return why the document that a result becomes would say something else than the result."""
    try:
        read = Result.parse(said.document(), "result.md")
    except DocumentError as error:
        return [f"it makes no document: {error.message}; leave the Markdown out"]
    return [] if read.status is said.status else ["it makes a document of another status; leave the Markdown out"]


def finish(given: Mapping[str, Any]) -> Finish:
    """Return a result without problems as a record."""
    return Finish(
        _STATUSES[given["status"]],
        one_line(given["summary"], 120),
        _lines(given["files"]),
        _lines(given["decisions"]),
        _lines(given["tests_needed"]),
        _lines(given["issues"]),
    )


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in (one_line(text, _LONGEST) for text in texts) if line)
