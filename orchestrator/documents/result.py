"""specs/<task>.result.md: what an agent says it did, and the table of all attempts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from orchestrator.documents import table
from orchestrator.documents.blocks import fold
from orchestrator.documents.codec import Text
from orchestrator.documents.fields import Field
from orchestrator.documents.scan import Heading, Kind
from orchestrator.documents.source import shown


class Status(StrEnum):
    """How it ended."""

    COMPLETE = "Complete"
    PARTIAL = "Partial"
    FAILED = "Failed"
    BLOCKED = "Blocked"
    DEAD = "Dead letter"
    RETRY = "Retry"
    DROPPED = "Dropped"


class AttemptRow(NamedTuple):
    """One row of the attempts table."""

    number: int
    status: str
    failure: str
    agent: str
    commit: str
    why: str
    seconds: str


_STATUSES: Final = {status.value.casefold(): status for status in Status}
_NOTHING: Final = frozenset({"", "none", "none.", "(none)", "n/a", "-", "--"})
_BULLETS: Final = "-*+"


@dataclass(frozen=True, slots=True)
class Result:
    """The structured summary. Lists are empty where the document says `None`."""

    text: Text
    title: str
    status: Status
    lines_added: str
    files: tuple[str, ...]
    decisions: tuple[str, ...]
    tests_needed: tuple[str, ...]
    issues: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> "Result":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        text = Text.parse(data, path)
        heading = _heading(text)
        return cls(
            text=text,
            title=heading.text.partition(":")[2].strip(),
            status=_status(text, heading),
            lines_added=" ".join(_values(text, "Lines added")),
            files=tuple(_files(_values(text, "Files changed"))),
            decisions=_values(text, "Decisions"),
            tests_needed=_values(text, "Tests needed"),
            issues=_values(text, "Issues"),
            attempts=tuple(_attempts(text)),
        )

    def render(self) -> bytes:
        """The bytes this was parsed from."""
        return self.text.render()


def _heading(text: Text) -> Heading:
    heading = text.title
    if heading is None or not heading.name.startswith("result:"):
        line = text.scan.headings[0].line if text.scan.headings else 1
        raise text.error(line, "the heading `## Result: ...` is missing", hint="start with `## Result: what was done`")
    return heading


def _status(text: Text, heading: Heading) -> Status:
    word, field = text.word("Status"), text.meta("Status")
    if field is None:
        raise text.error(heading.line, "`**Status**` is missing", hint="add a line `**Status**: Complete`")
    status = _STATUSES.get(fold(word))
    if status is None:
        raise text.error(
            field.line, f"the status `{shown(word)}` is unknown", hint=f"write one of: {', '.join(Status)}"
        )
    return status


def _values(text: Text, key: str) -> tuple[str, ...]:
    """A field's own words, then each bullet and each continued line's addition below it."""
    field = text.field(key)
    if field is None:
        return ()
    found = [[str(field.value)]]
    for number in _below(text, field):
        if text.kind(number) is Kind.ITEM:
            found.append([_unbulleted(text.line(number))])
        elif text.kind(number) in {Kind.TEXT, Kind.TABLE}:
            found[-1].append(text.line(number).strip())
    values = (" ".join(parts).strip() for parts in found)
    return tuple(value for value in values if fold(value) not in _NOTHING)


def _below(text: Text, field: Field) -> range:
    """The lines up to the next field or heading."""
    lines = [*(other.line for other in text.bold), *(other.line for other in text.scan.headings)]
    stops = [line for line in lines if line > field.line]
    return range(field.line + 1, min(stops, default=text.count + 1))


def _unbulleted(line: str) -> str:
    parts = line.split(maxsplit=1)
    return parts[1].strip() if len(parts) > 1 else ""


def _files(values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        for name in value.split(","):
            path = name.strip().split("`")[1] if name.count("`") > 1 else name.strip()
            if path:
                yield path


def _attempts(text: Text) -> Iterator[AttemptRow]:
    found = table.read(text, text.section("Attempts"))
    for row in found.rows if found else ():
        number = row.cell("attempt")
        if not (number.isascii() and number.isdigit() and len(number) < 10):  # noqa: PLR2004 - fits an int
            raise text.error(
                row.line,
                f"`{shown(number)}` is no attempt's number",
                hint="write 1, 2, 3 in the first column",
            )
        rest = (row.cell(name) for name in ("status", "failure", "agent", "commit", "why", "seconds"))
        yield AttemptRow(int(number), *rest)
