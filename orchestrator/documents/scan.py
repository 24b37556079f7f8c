"""What each line is: one linear pass over the lines, with CommonMark's block rules for what matters here.

Containers are list items only. Lines of a block quote are text: nothing in a quote is a heading or an item.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from orchestrator.documents.blocks import (
    BLANK,
    CODE_INDENT,
    COMMENT_END,
    FENCE,
    HEADING,
    MARKER,
    PLAIN_ITEM,
    RAW,
    RAW_END,
    columns,
    content,
    fold,
    heading_text,
    interrupts,
    is_break,
    quotes_paragraph,
)
from orchestrator.errors import DocumentError


class Kind(Enum):
    """What a line is to a reader of the document."""

    META = "front matter"
    FENCE = "fenced code"
    HTML = "HTML comment"
    CODE = "indented code"
    HEADING = "heading"
    ITEM = "list item"
    TABLE = "table row"
    BLANK = "blank"
    TEXT = "text"


class Heading(NamedTuple):
    """One ATX heading outside lists; `name` is its text folded for look-ups."""

    line: int
    level: int
    text: str
    name: str


class Item(NamedTuple):
    """The first list item that starts on a line; offsets count in the raw line."""

    line: int
    depth: int
    indent: int
    marker: str
    start: int


class Scan(NamedTuple):
    """All lines classified. `owners` names the top-level item a line belongs to (0: none)."""

    kinds: tuple[Kind, ...]
    owners: tuple[int, ...]
    headings: tuple[Heading, ...]
    items: tuple[Item, ...]
    unclosed: int


# Far above what anyone reads, and low enough for every question about a document to stay quick.
MAX_PARTS: Final = 20_000

_STARTERS: Final = frozenset("#`~<>-*+_=0123456789")
# A line of nothing but markers would otherwise cost its length once per marker.
_MARKERS_PER_LINE: Final = 16


def scan(lines: Sequence[str], skip: int, path: str) -> Scan:
    """Classify all lines; the first `skip` are front matter."""
    scanner = _Scanner(skip, path)
    for number, line in enumerate(lines[skip:], skip + 1):
        scanner.take(number, line)
    return scanner.result()


class _Scanner:
    """The open containers, the open paragraph and the open fence, carried from line to line."""

    __slots__ = (
        "bare",
        "close",
        "floor",
        "headings",
        "items",
        "kinds",
        "opened",
        "owner",
        "owners",
        "para",
        "path",
        "quoted",
        "stack",
        "verbatim",
    )

    def __init__(self, skip: int, path: str) -> None:
        self.path = path
        self.kinds = [Kind.META] * skip
        self.owners = [0] * skip
        self.headings: list[Heading] = []
        self.items: list[Item] = []
        self.stack: list[int] = []  # content columns of the open items, strictly increasing
        self.owner = 0
        self.para = False  # a paragraph is open, directly in the innermost container
        self.quoted = False  # that paragraph is a block quote's, which only plain text continues
        self.bare = False  # the innermost item has no content yet: a blank line ends it
        self.verbatim: Kind | None = None
        self.close: re.Pattern[str] = COMMENT_END
        self.floor = 0
        self.opened = 0

    def result(self) -> Scan:
        unclosed = self.opened if self.verbatim and not self.floor else 0
        return Scan(tuple(self.kinds), tuple(self.owners), tuple(self.headings), tuple(self.items), unclosed)

    def take(self, number: int, line: str) -> None:
        if not self.verbatim and PLAIN_ITEM.match(line):
            self._plain_item(number)
            return
        body = line.lstrip(" \t")
        lead = len(line) - len(body)
        indent = columns(line, lead) if lead else 0
        if self.verbatim:
            kind = self._inside(number, line, body, indent)
        elif body in BLANK:
            kind = self._blank()
        else:
            kind = self._block(number, body, lead, indent)
        self.kinds.append(kind)
        self.owners.append(self.owner if self.stack else 0)

    def _plain_item(self, number: int) -> None:
        """What `_item` does with such a line wherever it stands: a quarter of the time, and most lines of a list."""
        self.owner = number
        self.items.append(Item(number, 0, 0, "-", 2))
        self._count(self.items, number, "list items")
        self.stack = [2]
        self.para, self.quoted, self.bare = True, False, False
        self.kinds.append(Kind.ITEM)
        self.owners.append(number)

    def _blank(self) -> Kind:
        self.para = False
        if self.bare:
            self.stack.pop()
            self.bare = False
        return Kind.BLANK

    def _inside(self, number: int, line: str, body: str, indent: int) -> Kind:
        if indent < self.floor and body not in BLANK:
            self.verbatim = None
            return self._block(number, body, len(line) - len(body), indent)
        kind = self.verbatim or Kind.TEXT
        if kind is Kind.FENCE:
            closes = indent - self.floor < CODE_INDENT and self.close.match(body)
        else:
            closes = self.close.search(body)
        if closes:
            self.verbatim = None
        return kind

    def _block(self, number: int, body: str, lead: int, indent: int) -> Kind:
        stack = self.stack
        matched = bisect_right(stack, indent) if stack else 0
        deep = indent - (stack[matched - 1] if matched else 0) >= CODE_INDENT
        if not deep and body[0] in _STARTERS:
            kind = self._start(number, body, lead, indent, matched)
            if kind:
                return kind
        if self.para:  # also a lazy continuation: the containers stay open
            return Kind.TABLE if body[0] == "|" else Kind.TEXT
        self._close_to(matched)
        if deep:
            return Kind.CODE
        self.para, self.quoted = True, False
        return Kind.TABLE if body[0] == "|" else Kind.TEXT

    def _close_to(self, matched: int) -> None:
        del self.stack[matched:]
        self.bare = False

    def _start(self, number: int, body: str, lead: int, indent: int, matched: int) -> Kind | None:
        """A line that may start a block of its own; None when it is text after all."""
        if self._underlines(body, matched):
            self.para = False
            return Kind.TEXT
        if body[0] in "-+*0123456789" and not is_break(body):
            return self._item(number, body, lead, indent, matched)
        return self._leaf(number, body, matched)

    def _leaf(self, number: int, body: str, matched: int) -> Kind | None:
        first = body[0]
        if first == "#":
            return self._heading(number, body, matched)
        if first in "`~":
            return self._fence(number, body, matched)
        if first == "<":
            return self._html(number, body, matched)
        if first == ">":
            self._close_to(matched)
            self.para = self.quoted = quotes_paragraph(body)
            return Kind.TEXT
        if is_break(body):
            self._close_to(matched)
            self.para = False
            return Kind.TEXT
        return None

    def _continues(self, matched: int) -> bool:
        """Whether the line stands directly below a paragraph's line, in the same container."""
        return self.para and not self.quoted and matched == len(self.stack)

    def _underlines(self, body: str, matched: int) -> bool:
        """Whether this is a setext underline; the heading above it stays text."""
        if body[0] not in "-=" or not self._continues(matched):
            return False
        return not body.rstrip(" \t\r").strip(body[0])

    def _heading(self, number: int, body: str, matched: int) -> Kind | None:
        found = HEADING.match(body)
        if not found:
            return None
        self._close_to(matched)
        self.para = False
        if self.stack:
            return Kind.TEXT
        text = heading_text(body[found.end() :])
        self.headings.append(Heading(number, found.end(), text, fold(text)))
        self._count(self.headings, number, "headings")
        return Kind.HEADING

    def _count(self, found: Sequence[object], line: int, what: str) -> None:
        if len(found) > MAX_PARTS:
            raise DocumentError(self.path, line, f"more than {MAX_PARTS:,} {what}", hint="split the document")

    def _fence(self, number: int, body: str, matched: int) -> Kind | None:
        found = FENCE.match(body)
        if not found:
            return None
        self._close_to(matched)
        self._enter(Kind.FENCE, number)
        self.close = re.compile(rf"{body[0]}{{{found.end()},}}[ \t\r]*\Z")
        return Kind.FENCE

    def _html(self, number: int, body: str, matched: int) -> Kind | None:
        close = COMMENT_END if body.startswith("<!--") else RAW_END
        if close is RAW_END and not RAW.match(body):
            return None
        self._close_to(matched)
        self._enter(Kind.HTML, number)
        self.close = close
        if close.search(body):
            self.verbatim = None
        return Kind.HTML

    def _enter(self, kind: Kind, number: int) -> None:
        self.para = False
        self.verbatim = kind
        self.opened = number
        self.floor = self.stack[-1] if self.stack else 0

    def _item(self, number: int, body: str, lead: int, indent: int, matched: int) -> Kind | None:
        found = MARKER.match(body)
        if not found or (self._continues(matched) and not interrupts(body, found.end())):
            return None
        if not matched:
            self.owner = number
        inner, column, skipped = content(body, found.end(), indent)
        self.items.append(Item(number, matched, indent, found.group(), lead + skipped))
        self._count(self.items, number, "list items")
        self._close_to(matched)
        self._nest(number, inner, column)
        return Kind.ITEM

    def _nest(self, number: int, body: str, column: int) -> None:
        """Open the item whose content starts here, and one for each marker the content starts with."""
        self.para = False
        self.stack.append(column)
        for _ in range(_MARKERS_PER_LINE):
            if body in BLANK or body[0] in " \t":  # nothing yet, or indented code
                self.bare = body in BLANK
                return
            if body[0] not in _STARTERS:
                self.para, self.quoted = True, False
                return
            found = None if is_break(body) else MARKER.match(body)
            if not found:
                break
            body, column, _skipped = content(body, found.end(), column)
            self.stack.append(column)
        if not self._leaf(number, body, len(self.stack)):
            self.para, self.quoted = True, False
