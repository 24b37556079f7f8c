"""Trees while they change: folders are read where a change reaches, and written from there up."""

import os
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.repo.packs import Pack
from orchestrator.repo.trees import GONE, Change

_FOLDER, _FILE = b"40000", b"100644"
Read = Callable[[str], bytes]


@dataclass
class Folder:
    """One tree.

    Args:
        read: reads a tree's bytes by its id.
        width: bytes of an object's id.
        rows: its entries as git writes them, in git's order.
    """

    read: Read
    width: int
    rows: list[bytes]
    _open: dict[bytes, "Folder"] = field(default_factory=dict)  # folders below it that were looked into, by name
    _changed: bool = False

    @classmethod
    def load(cls, read: Read, tree: str) -> "Folder":
        """Return the tree of that id.

        Raises:
            GitError: `read` does, where there is none.
        """
        width = len(tree) // 2
        return cls(read, width, _in_order(re.findall(rb"\d+ [^\0]+\0.{%d}" % width, read(tree), re.DOTALL)))

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
        at = self._find(name + b"/")
        if at is not None:
            found = Folder.load(self.read, self.rows[at][-self.width :].hex())
        elif make:
            found = Folder(self.read, self.width, [])
            self._put(name, _FOLDER, bytes(self.width))
        else:
            return None
        self._open[name] = found
        return found

    def _put(self, name: bytes, mode: bytes | None, blob: bytes) -> None:
        """Let `name` be that entry, and nothing else; None: nothing at all."""
        self._open.pop(name, None)
        for key in (name, name + b"/"):
            at = self._find(key)
            if at is not None:
                del self.rows[at]
        if mode is not None:
            row = mode + b" " + name + b"\0" + blob
            self.rows.insert(bisect_left(self.rows, _key(row), key=_key), row)

    def _find(self, key: bytes) -> int | None:
        at = bisect_left(self.rows, key, key=_key)
        return at if at < len(self.rows) and _key(self.rows[at]) == key else None

    def write(self, pack: Pack, path: str = "/") -> bytes:
        """Write what has changed into `pack`, and return the tree's id; a folder that became empty is gone."""
        for name, folder in [*self._open.items()]:
            at = self._find(name + b"/") if folder._changed else None  # noqa: SLF001 - one of its own
            if at is not None:
                blob = folder.write(pack, f"{path}{os.fsdecode(name)}/")
                self.rows[at] = _FOLDER + b" " + name + b"\0" + blob
                if not folder.rows:
                    self._put(name, None, b"")
        self._changed = False
        return pack.add("tree", b"".join(self.rows), path)


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
