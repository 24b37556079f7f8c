"""Books: names with the commit each stands for, in little memory, for what is held as long as a project lives.

Ten thousand entries take 0.6 MiB, where a `dict` takes 2.5. What was written in last is as it came; what came before
lies in one piece of text, with a place for each name. Copies share the text, so that one costs next to nothing. The
places are found when a name is first looked for: who asks about a whole plan at once needs none.
"""

import os
import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, MutableMapping
from collections.abc import Set as AbstractSet

_FRESH = 256  # entries that may be written in before they join the text,
_SHARE = 32  # or one in so many of those in the text
_MANY = 4  # one in so many: then reading all is quicker than looking for each
_LINE = re.compile(rb"([^\0\n]*)\0([^\n]*)\n")
_GONE = ""
_HALF = 32  # bits of a place: where its line starts, below those that say whose it is
_LOWER = (1 << _HALF) - 1


class Book(MutableMapping[str, str]):
    """Names in the order they were written in last, each with its commit.

    Args:
        text: a line for each: the name, NUL, and the commit.
    """

    def __init__(self, text: bytes = b"") -> None:
        self._text = text
        self._found: array[int] | None = None  # the places, once they were needed
        self._fresh: dict[str, str] = {}  # not in the text yet; `_GONE` for what is there and was taken out

    @property
    def _places(self) -> "array[int]":
        if self._found is None:
            self._found = array("Q", sorted(_places(self._text, 0)))
        return self._found

    @property
    def _held(self) -> int:
        """How many entries the text has."""
        return self._text.count(b"\n") if self._found is None else len(self._found)

    @property
    def text(self) -> bytes:
        """All entries, as a book is made from them."""
        if not self._fresh:
            return self._text
        whole = self.copy()
        whole._join()  # noqa: SLF001 - it is a book, too
        return whole._text  # noqa: SLF001

    def copy(self) -> "Book":
        """Return a book of the same entries; neither knows what is written into the other."""
        made = Book()
        made._text, made._found, made._fresh = self._text, self._places, self._fresh.copy()
        return made

    def among(self, names: AbstractSet[str]) -> dict[str, str]:
        """Return the entries of `names`, in this book's order; that takes as long as there are names."""
        older = names - self._fresh.keys() if self._fresh else names
        if len(older) * _MANY > self._held:
            old = _entries(self._text)
            if not old.keys() <= older:
                old = {name: commit for name, commit in old.items() if name in older}
        else:
            found = {name: place for name in older if (place := self._place(name)) >= 0}
            old = {name: self._at(found[name], name) for name in sorted(found, key=found.__getitem__)}
        fresh = {name: commit for name, commit in self._fresh.items() if commit != _GONE and name in names}
        return old | fresh if fresh else old

    def _find(self, name: str) -> str:
        commit = self._fresh.get(name)
        if commit is not None:
            return commit
        place = self._place(name)
        return self._at(place, name) if place >= 0 else _GONE

    def _place(self, name: str) -> int:
        """Return where the line of `name` starts in the text, -1 where it has none."""
        raw = os.fsencode(name)
        wanted = _key(raw)
        at = bisect_left(self._places, wanted)
        while at < len(self._places) and self._places[at] >> _HALF == wanted >> _HALF:
            place = self._places[at] & _LOWER
            if self._text.startswith(raw + b"\0", place):
                return place
            at += 1
        return -1

    def _at(self, place: int, name: str) -> str:
        start = place + len(os.fsencode(name)) + 1
        return self._text[start : self._text.index(b"\n", start)].decode("ascii", "replace")

    def _join(self) -> None:
        """Put all that was written in last into the text."""
        fresh, self._fresh = self._fresh, {}
        if any(self._place(name) >= 0 for name in fresh):
            lines = (line[0] for line in _LINE.finditer(self._text) if os.fsdecode(line[1]) not in fresh)
            kept = Book(b"".join(lines))
            self._text, self._found = kept._text, kept._places
        start, places = len(self._text), self._places
        self._text += b"".join(os.fsencode(f"{name}\0{commit}\n") for name, commit in fresh.items() if commit != _GONE)
        self._found = places[:]  # another copy may share them
        for place in _places(self._text, start):
            insort(self._found, place)

    def __getitem__(self, name: str) -> str:
        """Return the commit of `name`."""
        commit = self._find(name)
        if commit == _GONE:
            raise KeyError(name)
        return commit

    def __contains__(self, name: object) -> bool:
        """Whether `name` has an entry."""
        if not isinstance(name, str):
            return False
        return self._fresh[name] != _GONE if name in self._fresh else self._place(name) >= 0

    def __setitem__(self, name: str, commit: str) -> None:
        """Write `name` in, as the last one."""
        self._fresh.pop(name, None)
        self._fresh[name] = commit
        if len(self._fresh) > _FRESH + len(self._places) // _SHARE:
            self._join()

    def __delitem__(self, name: str) -> None:
        """Take `name` out."""
        if name not in self:
            raise KeyError(name)
        self._fresh.pop(name, None)
        if self._place(name) >= 0:
            self[name] = _GONE

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        yield from (name for name, _ in written(self._text) if name not in self._fresh)
        yield from [name for name, commit in self._fresh.items() if commit != _GONE]

    def __len__(self) -> int:
        """Return how many entries there are."""
        there = sum((commit != _GONE) - (self._place(name) >= 0) for name, commit in self._fresh.items())
        return self._held + there


def written(text: bytes) -> Iterator[tuple[str, str]]:
    """Yield each name in a book's text with its commit."""
    return ((os.fsdecode(line[1]), line[2].decode("ascii", "replace")) for line in _LINE.finditer(text))


def _entries(text: bytes) -> dict[str, str]:
    """Return all that a book's text says; a third of what a look at each line takes."""
    parts = os.fsdecode(text).replace("\n", "\0").split("\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))  # behind the last line stands nothing


def _key(name: bytes) -> int:
    return (hash(name) & _LOWER) << _HALF


def _places(text: bytes, start: int) -> Iterator[int]:
    return (_key(line[1]) | line.start() for line in _LINE.finditer(text, start))
