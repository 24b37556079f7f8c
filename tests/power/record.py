"""The record of a disk: every write, flush and line of talk, in the one order in which they happened."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_HEAD = struct.Struct("=BQI")  # kind, offset, length of what follows


class Kind(IntEnum):
    """What happened. All but the flush is a write to the served file of that name."""

    DISK = 0  # bytes, which the disk may still hold in its volatile cache
    FLUSH = 1  # the disk said that all bytes before this are on the medium
    TOLD = 2  # the program's own output: its events, as JSON lines
    MUTATION = 3  # a process of the run is about to change the file system: number, pid, operation, path

    @property
    def file(self) -> str:
        """The name of the file that is served."""
        return self.name.lower()


@dataclass(frozen=True)
class Entry:
    """One thing that happened; `offset` counts for the disk's bytes alone."""

    kind: Kind
    offset: int = 0
    data: bytes = b""

    def packed(self) -> bytes:
        return _HEAD.pack(self.kind, self.offset, len(self.data)) + self.data


def read(path: Path) -> list[Entry]:
    """Return what a record holds, from its start."""
    return list(_entries(path.read_bytes()))


def _entries(raw: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(raw):
        kind, offset, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        yield Entry(Kind(kind), offset, raw[at : at + length])
        at += length
