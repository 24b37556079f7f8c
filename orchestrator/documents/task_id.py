"""A task's id: which text is one, and the slug a title alone stands for."""

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 64
_READ: Final = 1_024  # characters of a title that its slug is made of: one letter can stand for eighteen
RULE: Final = (
    "an id is up to 64 of a-z 0-9 . _ - (or a ticket: T12, ABC-12), no `..`, no `.`, `.lock` or `.result` at its end"
)
_ENDS: Final = (".", ".lock", ".result")  # `specs/a.result.md` is the result of `a`

_WRITTEN: Final = re.compile(r"`?([a-z0-9][a-z0-9._-]*|[A-Z][A-Z0-9]*-?[0-9]+)`?:(?:[ \t]+|\Z)")
_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9._-]*|[A-Z][A-Z0-9]*-?[0-9]+")
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def split(words: str) -> tuple[str, str]:
    """The id written before a title and the title; no id when there is only a title."""
    found = _WRITTEN.match(words)
    if not found or words.startswith("`") != words.startswith("`:", found.end(1)):
        return "", words
    return found.group(1), words[found.end() :]


def valid(task: str) -> bool:
    """Whether this can name a file, a branch and a ref."""
    if not _SHAPE.fullmatch(task) or len(task) > MAX_LENGTH:
        return False
    return ".." not in task and not task.endswith(_ENDS)


def slug(title: str) -> str:
    """The id of a title without one: lower-case ASCII, accents folded; "" when nothing is left."""
    title = title[:_READ]
    if not title.isascii():
        title = unicodedata.normalize("NFKD", title)
        title = "".join(letter for letter in title if not unicodedata.combining(letter)).casefold()
    return _OTHER.sub("-", title.lower()).strip("-")[:MAX_LENGTH].rstrip("-")
