"""Trees while they change: folders are read where a change reaches, and written from there up."""

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.repo.packs import Pack
from orchestrator.repo.trees import GONE, Change

_FOLDER, _FILE = b"40000", b"100644"
_BLOCK = 128  # rows; twice as many are two blocks
Read = Callable[[str], bytes]


class _Rows:
    """A tree's entries as git writes them, in git's order.

    They stand in blocks: to join 8,000 rows anew for each that changes would take 0.4 ms.
    """

    def __init__(self, rows: list[bytes]) -> None:
        self._blocks = [rows[at : at + _BLOCK] for at in range(0, len(rows), _BLOCK)] or [[]]
        self._joined: list[bytes | None] = [None] * len(self._blocks)  # None: changed since
        self._floors = [b"", *(_key(block[0]) for block in self._blocks[1:])]  # keys, at most a block's first

    def __bool__(self) -> bool:
        return any(self._blocks)

    def find(self, key: bytes) -> bytes | None:
        """Return the row of that key."""
        number, at = self._place(key)
        block = self._blocks[number]
        return block[at] if at < len(block) and _key(block[at]) == key else None

    def put(self, key: bytes, row: bytes | None) -> None:
        """Let the row of that key be this one, or be none."""
        number, at = self._place(key)
        block = self._blocks[number]
        there = at < len(block) and _key(block[at]) == key
        if not there and row is None:
            return
        block[at : at + there] = [] if row is None else [row]
        self._joined[number] = None
        if len(block) >= 2 * _BLOCK:
            self._blocks[number : number + 1] = block[:_BLOCK], block[_BLOCK:]
            self._joined.insert(number, None)
            self._floors.insert(number + 1, _key(block[_BLOCK]))

    def _place(self, key: bytes) -> tuple[int, int]:
        number = bisect_right(self._floors, key) - 1
        return number, bisect_left(self._blocks[number], key, key=_key)

    def joined(self) -> bytes:
        """Return the tree's bytes."""
        for number, known in enumerate(self._joined):
            if known is None:
                self._joined[number] = b"".join(self._blocks[number])
        return b"".join(filter(None, self._joined))


@dataclass
class Folder:
    """One tree.

    Args:
        read: reads a tree's bytes by its id.
        width: bytes of an object's id.
        rows: its entries.
    """

    read: Read
    width: int
    rows: _Rows
    _open: dict[bytes, "Folder"] = field(default_factory=dict)  # folders below it that were looked into, by name
    _changed: bool = False

    @classmethod
    def load(cls, read: Read, tree: str) -> "Folder":
        """Return the tree of that id.

        Raises:
            GitError: `read` does, where there is none.
        """
        width = len(tree) // 2
        rows = re.findall(rb"\d+ [^\0]+\0.{%d}" % width, read(tree), re.DOTALL)
        return cls(read, width, _Rows(_in_order(rows)))

    @classmethod
    def empty(cls, read: Read, width: int) -> "Folder":
        """Return a tree without entries."""
        return cls(read, width, _Rows([]))

    def apply(self, change: Change, blob: bytes) -> None:
        """Make `change`, whose new content has the id `blob`; what stands in its way is replaced."""
        self._apply(os.fsencode(change.path).split(b"/"), change.mode, blob)

    def _apply(self, path: list[bytes], mode: str, blob: bytes) -> None:
        name, *below = path
        folder = self._folder(name, make=mode != GONE) if below else None
        if folder is not None:
            folder._apply(below, mode, blob)  # noqa: SLF001 - one of its own
        elif not below:
            self._put(name, None if mode == GONE else mode.lstrip("0").encode(), blob)
        self._changed = True

    def _folder(self, name: bytes, *, make: bool) -> "Folder | None":
        """Return the folder of that name; one that is not there, or is a file, is there afterwards if asked for."""
        if name in self._open:
            return self._open[name]
        row = self.rows.find(name + b"/")
        if row is not None:
            found = Folder.load(self.read, row[-self.width :].hex())
        elif make:
            found = Folder.empty(self.read, self.width)
            self._put(name, _FOLDER, bytes(self.width))
        else:
            return None
        self._open[name] = found
        return found

    def _put(self, name: bytes, mode: bytes | None, blob: bytes) -> None:
        """Let `name` be that entry, and nothing else; None: nothing at all."""
        self._open.pop(name, None)
        row = None if mode is None else mode + b" " + name + b"\0" + blob
        folder = mode == _FOLDER
        self.rows.put(name + b"/" * (not folder), None)
        self.rows.put(name + b"/" * folder, row)

    def write(self, pack: Pack, path: str = "/") -> bytes:
        """Write what has changed into `pack`, and return the tree's id; a folder that became empty is gone."""
        for name, folder in [*self._open.items()]:
            if folder._changed:  # noqa: SLF001 - one of its own
                blob = folder.write(pack, f"{path}{os.fsdecode(name)}/")
                self.rows.put(name + b"/", _FOLDER + b" " + name + b"\0" + blob)
                if not folder.rows:
                    self._put(name, None, b"")
        self._changed = False
        return pack.add("tree", self.rows.joined(), path)


def _in_order(rows: list[bytes]) -> list[bytes]:
    """Return entries as git writes them today: old histories hold modes with a zero before them, and no order."""
    if rows and rows[0].startswith(_FILE) and rows[-1].startswith(_FILE) and rows == sorted(rows):
        return rows  # a large folder of documents, known for one in a tenth of the time
    return sorted((row.lstrip(b"0") for row in rows), key=_key)


def _key(row: bytes) -> bytes:
    """Return what git sorts an entry by: a folder's name as if it ended in a slash."""
    end = row.index(b"\0")
    start = row.index(b" ") + 1
    return row[start:end] + b"/" if row.startswith(_FOLDER) else row[start:end]
