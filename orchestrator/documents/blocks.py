"""The shapes a line can have: what starts a block, decided from the line alone. `scan` holds the context.

Every expression here is anchored and linear; where a search would be quadratic, strings are stripped instead.
"""

import re
from typing import Final

BLANK: Final = frozenset({"", "\r"})
CODE_INDENT: Final = 4
HEADING: Final = re.compile(r"#{1,6}(?=[ \t\r]|\Z)")
FENCE: Final = re.compile(r"`{3,}(?=[^`]*\Z)|~{3,}")
MARKER: Final = re.compile(r"(?:[-*+]|[0-9]{1,9}[.)])(?=[ \t\r]|\Z)")
# A top-level item whose words can start nothing else: no marker of a nested one, fence, heading, quote or break.
PLAIN_ITEM: Final = re.compile(r"- (?![0-9]{1,9}[.)])(?:[^\W_]|[\[(])")
RAW: Final = re.compile(r"<(?:script|pre|style|textarea)(?=[ \t\r>]|\Z)", re.IGNORECASE)
RAW_END: Final = re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE)
COMMENT_END: Final = re.compile("-->")

_BREAK_LENGTH: Final = 3


def columns(line: str, lead: int) -> int:
    """How far the first `lead` characters, all spaces and tabs, indent the line."""
    if not lead or "\t" not in line[:lead]:
        return lead
    return len(line[:lead].expandtabs(4))


def content(body: str, marker: int, indent: int) -> tuple[str, int, int]:
    """What follows a list marker: the text, the column it starts in, and its offset."""
    inner = body[marker:].lstrip(" \t")
    spaces = body[marker : len(body) - len(inner)]
    column = indent + marker
    if inner in BLANK:
        return inner, column + 1, len(body) - len(inner)
    width = len(spaces) if "\t" not in spaces else len((" " * column + spaces).expandtabs(4)) - column
    if width > CODE_INDENT:
        return body[marker + 1 :], column + 1, marker + 1
    return inner, column + width, len(body) - len(inner)


def interrupts(body: str, marker: int) -> bool:
    """Whether an item may follow a paragraph's line directly: not empty, and counted from 1."""
    if not body[marker:].strip(" \t\r"):
        return False
    return not body[0].isdigit() or int(body[: marker - 1]) == 1


def quotes_paragraph(body: str) -> bool:
    """Whether a block quote's line ends in an open paragraph, which plain lines below would continue."""
    inner = body.lstrip(">")
    said = inner.strip(" \t\r")
    if not said or said[0] in "#`~<" or columns(inner, len(inner) - len(inner.lstrip(" \t"))) > CODE_INDENT:
        return False
    return not is_break(said)


def is_break(body: str) -> bool:
    """Whether this is a thematic break: three or more of `-`, `*` or `_` and nothing else."""
    first = body[0]
    return first in "-*_" and body.count(first) >= _BREAK_LENGTH and not body.strip(first + " \t\r")


def heading_text(rest: str) -> str:
    """What a heading says, without its closing hashes."""
    text = rest.strip(" \t\r")
    short = text.rstrip("#")
    if short != text and (not short or short[-1] in " \t"):
        return short.rstrip(" \t")
    return text


def fold(name: str) -> str:
    """A heading or a key as look-ups compare it."""
    return " ".join(name.casefold().split())
