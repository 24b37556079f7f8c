"""The one codec: a document's text as lines, sections, items and fields, and back byte for byte."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from orchestrator.documents import fields, source
from orchestrator.documents.blocks import fold
from orchestrator.documents.fields import Field
from orchestrator.documents.scan import Heading, Item, Kind, Scan, scan
from orchestrator.errors import DocumentError

_FENCE: Final = "---"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it, up to the next one of its level; `stop` is the line after."""

    heading: Heading
    start: int
    stop: int


@dataclass(frozen=True)
class Text:
    """One document. Lines count from 1; an edit (see `edits`) gives a new one. Its structure is read when asked for.

    Attributes:
        path: what errors call it.
        bom: the byte order mark, or "".
        whole: all that stands behind it.
    """

    path: str
    bom: str
    whole: str

    @classmethod
    def parse(cls, data: bytes, path: str) -> "Text":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        return cls.of(*source.decode(data, path), path)

    @classmethod
    def of(cls, bom: str, whole: str, path: str) -> "Text":
        """The document of that text, or a refusal."""
        text = cls(path, bom, whole)
        if text.front is not None and len(text.bold) > fields.MAX:
            raise DocumentError(
                path, text.bold[-1].line, f"more than {fields.MAX:,} bold fields", hint="split the document"
            )
        return text

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The pieces between line feeds alone (a carriage return stays at the end of its piece).

        So joining them gives the same text, and no exotic separator (U+2028, VT, FF, NEL) can shift a line number.
        """
        return tuple(self.whole.split("\n"))

    @cached_property
    def scan(self) -> Scan:
        """What each line is."""
        return scan(self.lines, self._skipped, self.path)

    @cached_property
    def front(self) -> dict[str, Field]:
        """The front matter's fields by name."""
        return _metadata(self.lines[1 : self._skipped - 1], self.path) if self._skipped else {}

    @cached_property
    def bold(self) -> tuple[Field, ...]:
        """The bold fields, `**Name**: value`."""
        return fields.bold(self.lines, self.scan)

    @cached_property
    def _skipped(self) -> int:
        return _front_matter(self.lines, self.path)

    def reworded(self, lines: tuple[str, ...]) -> "Text":
        """The document with other words in lines that keep their shape: nothing is looked at again."""
        text = Text(self.path, self.bom, "\n".join(lines))
        known = {name: known for name, known in vars(self).items() if name in {"scan", "front", "bold"}}
        vars(text).update(known, lines=lines)
        return text

    def render(self) -> bytes:
        """The bytes this was parsed from, or those an edit made of them."""
        return source.encode(self.bom, self.whole)

    @property
    def count(self) -> int:
        """How many lines there are; what follows the last line end is none unless something stands there."""
        return len(self.lines) - (not self.lines[-1])

    @property
    def title(self) -> Heading | None:
        """The heading that names the document."""
        return fields.title(self.scan.headings)

    def line(self, number: int) -> str:
        """A line without its end."""
        return self.lines[number - 1].removesuffix("\r")

    def kind(self, number: int) -> Kind:
        """What a line is."""
        return self.scan.kinds[number - 1]

    def error(self, line: int, message: str, *, hint: str) -> DocumentError:
        """The error to raise about one of the lines."""
        return DocumentError(self.path, max(line, 1), message, hint=hint)

    def section(self, pattern: str) -> Section | None:
        """The section of that name in any case (`Name*` and `*Name` match too); two of them are refused.

        Only the shallowest that match count: `### Goal` inside another section is that section's own.
        """
        matching = _named(self.scan.headings[bool(self.title) :], pattern)
        if not matching:
            return None
        level = min(heading.level for heading in matching)
        found = [heading for heading in matching if heading.level == level]
        if len(found) > 1:
            raise self.error(
                found[1].line,
                f"the section `{found[1].text}` stands twice (first in line {found[0].line})",
                hint="join the two under one heading",
            )
        return self._extent(found[0])

    def items(self, section: Section | None) -> tuple[Item, ...]:
        """The top-level list items of a section."""
        if section is None:
            return ()
        return tuple(item for item in self.scan.items if not item.depth and section.start <= item.line < section.stop)

    def content(self, item: Item) -> str:
        """What an item says in its first line."""
        return self.line(item.line)[item.start :].rstrip(" \t")

    def words(self, item: Item) -> str:
        """What an item says, with the lines its paragraph continues on."""
        parts = [self.content(item)]
        for number in range(item.line + 1, self.count + 1):
            if self.kind(number) is not Kind.TEXT or self.scan.owners[number - 1] != item.line:
                break
            parts.append(self.line(number).strip())
        return " ".join(parts)

    def entries(self, pattern: str) -> tuple[str, ...]:
        """The top-level items of a section, as text."""
        return tuple(self.words(item) for item in self.items(self.section(pattern)))

    def prose(self, section: Section | None) -> str:
        """A section's lines as they stand, without blank ones around them."""
        if section is None:
            return ""
        return "\n".join(self.line(number) for number in range(section.start, section.stop)).strip()

    def field(self, key: str) -> Field | None:
        """The bold field of that name; two of them are refused."""
        found = [field for field in self.bold if fields.name(field.key) == fields.name(key)]
        if len(found) > 1:
            raise self.error(
                found[1].line,
                f"`**{found[1].key}**` stands twice (first in line {found[0].line})",
                hint="keep one of the two lines",
            )
        return found[0] if found else None

    def meta(self, key: str) -> Field | None:
        """The metadata of that name, from front matter or a bold field; two that differ are refused."""
        front, bold = self.front.get(fields.name(key)), self.field(key)
        if front and bold and front.value != bold.value:
            raise self.error(
                bold.line,
                f"`{bold.key}` is `{bold.value}` here and `{front.value}` in line {front.line}",
                hint="keep one of the two",
            )
        return front or bold

    def word(self, key: str) -> str:
        """The metadata of that name as plain text, "" when absent."""
        found = self.meta(key)
        if found is None:
            return ""
        if not isinstance(found.value, str):
            raise self.error(found.line, f"`{found.key}` holds more than one value", hint="write one plain value")
        return found.value

    def _extent(self, heading: Heading) -> Section:
        below = self._below(heading)
        return Section(heading, heading.line + 1, next(below, self.count + 1))

    def _below(self, heading: Heading) -> Iterator[int]:
        later = (other for other in self.scan.headings if other.line > heading.line)
        return (other.line for other in later if other.level <= heading.level)


def _named(headings: Sequence[Heading], pattern: str) -> list[Heading]:
    wanted = fold(pattern.strip("*"))
    if pattern.endswith("*"):
        return [heading for heading in headings if heading.name.startswith(wanted)]
    if pattern.startswith("*"):
        return [heading for heading in headings if heading.name.endswith(wanted)]
    return [heading for heading in headings if heading.name == wanted]


def _front_matter(lines: tuple[str, ...], path: str) -> int:
    """How many lines front matter takes, both `---` included."""
    if lines[0].rstrip(" \t\r") != _FENCE:
        return 0
    for number, line in enumerate(lines[1:], 2):
        if line.rstrip(" \t\r") == _FENCE:
            return number
    raise DocumentError(
        path, 1, "front matter is opened here and never closed", hint="add a line `---` after the last key"
    )


def _metadata(lines: tuple[str, ...], path: str) -> dict[str, Field]:
    from orchestrator.documents.front_matter import StrictHandler  # noqa: PLC0415 - rarely needed

    return StrictHandler(path).load("\n".join((*lines, "")))
