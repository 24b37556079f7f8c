"""A disk that records all it is told: a process of its own, which serves a folder through FUSE until its stdin ends.

The folder holds `disk`, the image under a loop device, and a file for each kind of talk. What is written there stands
in the same record as the disk's writes and flushes, so that it is known which came first.

    python disk.py FOLDER IMAGE RECORD
"""

import ctypes
import errno
import os
import select
import sys
from pathlib import Path
from typing import BinaryIO

import wire
from record import Entry, Kind

_FILES = tuple(kind for kind in Kind if kind is not Kind.FLUSH)


class Disk:
    """The files that are served; only the disk holds anything, the others are there to be told."""

    names = tuple(kind.file for kind in _FILES)

    def __init__(self, image: BinaryIO, record: BinaryIO) -> None:
        self._image, self._record = image.fileno(), record
        self._size = os.fstat(self._image).st_size

    def size(self, number: int) -> int:
        return self._size if _FILES[number] is Kind.DISK else 0

    def read(self, number: int, offset: int, size: int) -> bytes:
        return os.pread(self._image, size, offset) if _FILES[number] is Kind.DISK else b""

    def write(self, number: int, offset: int, data: bytes) -> None:
        if _FILES[number] is Kind.DISK:
            os.pwrite(self._image, data, offset)
        self._record.write(Entry(_FILES[number], offset, data).packed())

    def sync(self, number: int) -> None:
        if _FILES[number] is Kind.DISK:
            self._record.write(Entry(Kind.FLUSH).packed())


def serve(disk: Disk, kernel: int, until: int) -> None:
    """Answer the kernel until it unmounts the folder, or `until` has nothing more to read."""
    while True:
        ready, _, _ = select.select([kernel, until], [], [])
        if until in ready and not os.read(until, 1):
            return
        if kernel in ready and not _answered(disk, kernel):
            return


def _answered(disk: Disk, kernel: int) -> bool:
    try:
        request = os.read(kernel, wire.LARGEST + 4096)
    except OSError as error:
        if error.errno == errno.ENODEV:
            return False
        if error.errno in {errno.ENOENT, errno.EINTR}:  # the request was taken back
            return True
        raise
    said = wire.answer(disk, request)
    if said:
        os.write(kernel, said)
    return True


def main(folder: str, image: str, record: str) -> None:
    kernel = os.open("/dev/fuse", os.O_RDWR)
    how = f"fd={kernel},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    # Not the command `mount`: it looks at what it has mounted, and we are who must answer.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"disk", os.fsencode(folder), b"fuse", 0, how.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
    with Path(image).open("r+b") as held, Path(record).open("wb") as written:
        serve(Disk(held, written), kernel, sys.stdin.fileno())


if __name__ == "__main__":
    main(*sys.argv[1:])
