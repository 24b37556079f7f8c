"""A document's metadata: `**Key**: value` lines, and front matter's keys in the same shape."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from orchestrator.documents.blocks import fold
from orchestrator.documents.scan import Heading, Kind, Scan

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

MAX: Final = 1_000

_BOLD: Final = re.compile(r"([ ]{0,3}\*\*([^*]+?)(?::\*\*|\*\*[ \t]*:)[ \t]*)(.*)", re.DOTALL)
# A level-two heading is a title only in these documents (the seed's result); else it opens the first section.
_TITLES: Final = ("result:", "spec:", "checkpoint:")


class Field(NamedTuple):
    """One piece of metadata, and where it stands."""

    key: str
    value: Value
    line: int


def title(headings: Sequence[Heading]) -> Heading | None:
    """The heading that names the document, if it has one."""
    first = headings[0] if headings else None
    if first and (first.level == 1 or first.name.startswith(_TITLES)):
        return first
    return None


def bold(lines: Sequence[str], scan: Scan) -> tuple[Field, ...]:
    """The bold fields between the start and the first heading below the title."""
    below = scan.headings[1:] if title(scan.headings) else scan.headings
    stop = below[0].line - 1 if below else len(lines)
    return tuple(islice(_read(lines[:stop], scan.kinds), MAX + 1))


def name(key: str) -> str:
    """A key as look-ups compare it: `last_checkpoint` is `Last checkpoint`."""
    return fold(key.replace("_", " ").replace("-", " "))


def replaced(line: str, value: str) -> str:
    """The bold field's line with another value, all else kept."""
    found = _BOLD.match(line)
    if not found:
        return line
    lead, old = found.group(1), found.group(3)
    tail = old[len(old.rstrip()) :]
    space = "" if lead[-1] in " \t" else " "
    return f"{lead}{space}{value}{tail}"


def _read(lines: Iterable[str], kinds: Sequence[Kind]) -> Iterable[Field]:
    for number, line in enumerate(lines):
        if "**" in line[:5] and kinds[number] is Kind.TEXT:
            found = _BOLD.match(line)
            if found:
                yield Field(found.group(2).strip(), found.group(3).strip(), number + 1)
