"""Packs: objects in git's own format, many to a file, so that one wait for the disk holds for all of them.

`git fast-import` does it too. For a commit that adds one result to a folder of 8,192 it formats, sorts, hashes and
compares that folder twice, which is 3 ms, and a long TODO.md besides: more than the rest of a landing. Here both are
the version before, cut in one place. The format is that of https://git-scm.com/docs/gitformat-pack.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from orchestrator.repo.git import GitError

KEEP = b"orchestrator\n"  # what a .keep of ours says: no git may drop a pack before refs point into it
_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_DIFFERENCE = 6  # from an object that stands earlier in the same pack
_DEPTH = 120  # differences on top of each other, each of which a reader must undo
_SMALL = 1 << 12  # bytes; up to here zlib needs no more memory than that, and most of its time goes to getting more
_LARGE = 1 << 17  # bytes; from here on pressing harder than the least takes milliseconds, and object ids give nothing
_BLOCK = 1 << 13  # bytes compared at once
_INSERTED = 127  # bytes that one step of a difference inserts at most
_COPIED = 0xFFFFFF  # bytes that one step of a difference copies at most
_SHA1 = 20  # bytes of an id
_SEVEN, _MORE = 0x7F, 0x80  # numbers are written in groups of seven bits, each with one that says whether more come


class PackError(GitError):
    """A pack that the disk did not take."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__("index-pack", 1, error.strerror or str(error))
        self.message = f"cannot write into {folder}: {self.stderr}"
        self.hint = "free some space, or make the folder writable, and run again: nothing was lost"


@dataclass(frozen=True, slots=True)
class _Version:
    """What was written last of objects alike: where, what, and on how many others it rests."""

    offset: int
    content: bytes
    depth: int


@dataclass
class Pack:
    """A pack that is being made, in memory until `write`.

    Args:
        width: bytes of an object's id: 20, or 32 for SHA-256.
    """

    width: int
    _parts: list[bytes] = field(default_factory=lambda: [bytes(12)])
    _size: int = 12
    _places: dict[bytes, tuple[int, int]] = field(default_factory=dict)  # by id: offset and CRC-32
    _latest: dict[str, _Version] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes it has so far."""
        return self._size

    def add(self, kind: str, content: bytes, alike: str) -> bytes:
        """Put an object in, once, and return its id.

        Args:
            kind: `commit`, `tree` or `blob`.
            content: its bytes.
            alike: what objects have in common that differ little, such as a document's path; empty for none.
        """
        name = _digest(self.width, b"%s %d\0" % (kind.encode(), len(content)), content)
        if name not in self._places:
            self._place(name, kind, content, f"{kind} {alike}" if alike else "")
        return name

    def _place(self, name: bytes, kind: str, content: bytes, alike: str) -> None:
        before = self._latest.get(alike)
        steps = difference(before.content, content) if before and before.depth < _DEPTH else None
        if before is None or steps is None:
            row = _head(_KINDS[kind], len(content)) + _pressed(content)
            depth = 0
        else:
            back = _distance(self._size - before.offset)
            row = _head(_DIFFERENCE, len(steps)) + back + _pressed(steps)
            depth = before.depth + 1
        if alike:
            self._latest[alike] = _Version(self._size, content, depth)
        self._places[name] = self._size, zlib.crc32(row)
        self._parts.append(row)
        self._size += len(row)

    def write(self, folder: Path) -> Path:
        """Write it into git's folder of packs, and return its .keep, which the caller takes away when refs hold it.

        What it holds is on the disk when this returns; the names become so when the folder is synced.

        Raises:
            PackError: the disk does not take it.
        """
        self._parts[0] = b"PACK" + struct.pack(">II", 2, len(self._places))
        body = b"".join(self._parts)
        checksum = _digest(self.width, body)
        stem = folder / f"pack-{checksum.hex()}"
        keep, pack, index = (stem.with_suffix(ending) for ending in (".keep", ".pack", ".idx"))
        there = pack.exists() and index.exists()  # all of this, from another time
        try:
            folder.mkdir(exist_ok=True)
            keep.write_bytes(KEEP)
            if not there:
                _write(pack, body, checksum)
                _write(index, *self._index(checksum))
        except OSError as error:
            for made in [keep] if there else [keep, index, pack]:
                with suppress(OSError):
                    made.unlink(missing_ok=True)
            raise PackError(folder, error) from error
        return keep

    def _index(self, checksum: bytes) -> Sequence[bytes]:
        rows = sorted(self._places.items())
        counts = [0] * 256
        for name, _ in rows:
            counts[name[0]] += 1
        head = b"\xfftOc" + struct.pack(">257I", 2, *accumulate(counts))
        names = b"".join(name for name, _ in rows)
        crcs = struct.pack(f">{len(rows)}I", *(crc for _, (_, crc) in rows))
        offsets = struct.pack(f">{len(rows)}I", *(offset for _, (offset, _) in rows))
        body = b"".join([head, names, crcs, offsets, checksum])
        return body, _digest(self.width, body)


def difference(old: bytes, new: bytes) -> bytes | None:
    """Return the steps that make `new` of `old`, in git's format, or None where they would be half of it and more.

    They are how both begin, what is between, and how both end.
    """
    most = min(len(old), len(new))
    start = _agreeing(lambda a, b: old[a:b] == new[a:b], most)
    end = _agreeing(lambda a, b: old[len(old) - b : len(old) - a] == new[len(new) - b : len(new) - a], most - start)
    between = new[start : len(new) - end]
    if len(between) >= len(new) // 2:
        return None
    steps = [_number(len(old)), _number(len(new)), *_copies(0, start)]
    for at in range(0, len(between), _INSERTED):
        piece = between[at : at + _INSERTED]
        steps.append(bytes([len(piece)]) + piece)
    return b"".join([*steps, *_copies(len(old) - end, end)])


def _agreeing(alike: Callable[[int, int], bool], most: int) -> int:
    """Return how far two texts agree, `most` at most; `alike` says whether they do from one place to another."""
    start = 0
    # In blocks that fit what is at hand: half a MiB at once takes ten times as long, most of it to get the memory.
    while start < most and alike(start, min(start + _BLOCK, most)):
        start = min(start + _BLOCK, most)
    stop = min(start + _BLOCK, most)
    while start < stop:
        middle = (start + stop + 1) // 2
        if alike(start, middle):
            start = middle
        else:
            stop = middle - 1
    return start


def _copies(offset: int, size: int) -> Iterator[bytes]:
    while size:
        piece = min(size, _COPIED)
        numbers = offset.to_bytes(4, "little") + piece.to_bytes(3, "little")
        present = [bit for bit, number in enumerate(numbers) if number]
        yield bytes([_MORE | sum(1 << bit for bit in present), *(numbers[bit] for bit in present)])
        offset, size = offset + piece, size - piece


def _number(value: int) -> bytes:
    """Return a number, its lowest bits first."""
    out = bytearray()
    while value > _SEVEN:
        out.append(_MORE | value & _SEVEN)
        value >>= 7
    out.append(value)
    return bytes(out)


def _pressed(content: bytes) -> bytes:
    if len(content) > _SMALL:
        return zlib.compress(content, zlib.Z_BEST_SPEED if len(content) >= _LARGE else zlib.Z_DEFAULT_COMPRESSION)
    press = zlib.compressobj(wbits=12, memLevel=5)
    return press.compress(content) + press.flush()


def _head(kind: int, size: int) -> bytes:
    first, rest = kind << 4 | size & 0xF, size >> 4
    return bytes([_MORE | first]) + _number(rest) if rest else bytes([first])


def _distance(value: int) -> bytes:
    """Return how far back an object stands: the highest bits first, and no number in two ways."""
    out = [value & _SEVEN]
    while value := value >> 7:
        value -= 1
        out.append(_MORE | value & _SEVEN)
    return bytes(reversed(out))


def _digest(width: int, *parts: bytes) -> bytes:
    import hashlib  # noqa: PLC0415 - 3 ms that the verbs which only read need not pay

    made = (hashlib.sha1 if width == _SHA1 else hashlib.sha256)(usedforsecurity=False)
    for part in parts:
        made.update(part)
    return made.digest()


def _write(path: Path, *parts: bytes) -> None:
    """Write a file durably, and readable as its folder is."""
    try:
        _write_once(path, parts)
    except FileNotFoundError:
        _write_once(path, parts)  # a person's `git gc --prune=now` takes what has not got its own name yet for rubbish


def _write_once(path: Path, parts: Sequence[bytes]) -> None:
    made = path.with_name(f"tmp_{path.suffix[1:]}_{os.urandom(8).hex()}")
    try:
        with made.open("xb") as file:
            os.fchmod(file.fileno(), path.parent.stat().st_mode & 0o444)
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise
