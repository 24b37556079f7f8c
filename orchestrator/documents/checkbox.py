"""One line with a checkbox: its mark, what it says, and the annotations behind that."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from orchestrator.documents.codec import Text
from orchestrator.documents.scan import Item


class Mark(StrEnum):
    """What stands between the brackets."""

    OPEN = " "
    DONE = "x"
    DROPPED = "-"


class Checkbox(NamedTuple):
    """A checkbox and its text; `column` is where the mark stands in the line."""

    mark: Mark
    column: int
    words: str
    after: tuple[str, ...]
    commit: str
    current: bool


_BOX: Final = re.compile(r"\[([^\[\]]?)\](?:[ \t]+|\Z)")
_NEARLY: Final = re.compile(r"\[(?:[ \t]*[xX-]?[ \t]*\](?=[ \t]|\Z)|[ xX-]\](?![(:\[]))")
_MARKS: Final = {" ": Mark.OPEN, "x": Mark.DONE, "X": Mark.DONE, "-": Mark.DROPPED}
_ARROW: Final = re.compile(r"<--[ \t]*(?:[A-Z][A-Z ]*|current)\Z", re.IGNORECASE)
# Each annotation costs a search from the end; more than these are part of the title.
_ANNOTATIONS: Final = 8


def read(text: Text, item: Item) -> Checkbox | None:
    """The item's checkbox; None when it has none. A mark nobody defined is refused."""
    said = text.content(item)
    if not said.startswith("["):
        return None
    found = _BOX.match(said)
    mark = _MARKS.get(found.group(1)) if found else None
    if found and mark:
        return _annotated(mark, item.start + 1, said[found.end() :])
    if found or _NEARLY.match(said):
        raise text.error(
            item.line,
            f"`{said[: said.find(']') + 1]}` is not a checkbox",
            hint="write `[ ]` (open), `[x]` (done) or `[-]` (dropped), and a space behind it",
        )
    return None


def _annotated(mark: Mark, column: int, said: str) -> Checkbox:
    """Take `(after: ...)`, `(committed: ...)`, `<-- CURRENT` and comments off the end, in whatever order."""
    after: tuple[str, ...] = ()
    commit, current = "", False
    for _ in range(_ANNOTATIONS):
        start = _annotation(said)
        if start is None:
            break
        note, said = said[start:], said[:start].rstrip(" \t")
        key, _colon, value = note.strip("()").partition(":")
        if note.startswith("<"):
            current = current or not note.startswith("<!--")
        elif key.strip().lower() == "after":
            after = _ids(value) + after
        else:
            commit = value.strip()
    return Checkbox(mark, column, said, after, commit, current)


def _annotation(said: str) -> int | None:
    """Where the last annotation starts."""
    if said.endswith("-->"):
        start = said.rfind("<!--")
        return None if start < 0 else start
    if said.endswith(")"):
        start = said.rfind("(")
        key = said[start + 1 : start + 20].partition(":")[0].strip().lower()
        return start if start >= 0 and key in {"after", "committed"} and ":" in said[start:] else None
    start = said.rfind("<--")
    return start if start >= 0 and _ARROW.match(said, start) else None


def _ids(listed: str) -> tuple[str, ...]:
    names = (name.strip().strip("`") for name in listed.split(","))
    return tuple(name for name in names if name)
