"""The kernel's FUSE protocol, as much of it as one flat folder of files that exist from the start needs."""

import errno
import os
import stat
import struct
from collections.abc import Callable
from typing import Protocol

ROOT = 1  # the folder's own number; file n of the listing is ROOT + 1 + n
LARGEST = 1 << 17  # bytes of one write

_IN = struct.Struct("=IIQQIIII")  # length, operation, id, node, uid, gid, pid, padding
_OUT = struct.Struct("=IiQ")  # length, -errno, id
_INIT = struct.Struct("=IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("=QQQ24x12xIII8xI4x")  # inode, size, blocks, mode, links, uid, block size
_TRANSFER = struct.Struct("=QQI20x")  # handle, offset, size: of a read or a write
_VALID = struct.Struct("=QI4x")  # seconds attributes may be kept
_ENTRY = struct.Struct("=QQQQII")
_OPENED = struct.Struct("=QII")
_DIRECT_IO = 1  # each write reaches us at once, none waits in the kernel's cache

_UNANSWERED = {2, 36, 42}  # forget, interrupt, and forget many


class Files(Protocol):
    """The files that are served, each known by its place in `names`."""

    names: tuple[str, ...]

    def size(self, number: int) -> int: ...

    def read(self, number: int, offset: int, size: int) -> bytes: ...

    def write(self, number: int, offset: int, data: bytes) -> None: ...

    def sync(self, number: int) -> None: ...


def answer(files: Files, request: bytes) -> bytes | None:
    """Return the answer to one request of the kernel's; None where it wants none."""
    _, operation, unique, node, *_ = _IN.unpack_from(request)
    if operation in _UNANSWERED:
        return None
    handler = _HANDLERS.get(operation)
    try:
        body = handler(files, node, request[_IN.size :]) if handler else b""
        status = 0 if handler else -errno.ENOSYS
    except OSError as error:
        body, status = b"", -(error.errno or errno.EIO)
    return _OUT.pack(_OUT.size + len(body), status, unique) + body


def _init(_files: Files, _node: int, _body: bytes) -> bytes:
    return _INIT.pack(7, 31, 0, 0, 16, 12, LARGEST, 1, 0, 0, 0)


def _attributes(files: Files, node: int) -> bytes:
    kind = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o666
    size = 0 if node == ROOT else files.size(node - ROOT - 1)
    return _ATTRIBUTES.pack(node, size, -(-size // 512), kind, 1, os.getuid(), 4096)


def _look_up(files: Files, _node: int, body: bytes) -> bytes:
    name = os.fsdecode(body.rstrip(b"\0"))
    if name not in files.names:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    node = ROOT + 1 + files.names.index(name)
    return _ENTRY.pack(node, 0, 0, 0, 0, 0) + _attributes(files, node)


def _facts(files: Files, node: int, _body: bytes) -> bytes:
    return _VALID.pack(0, 0) + _attributes(files, node)


def _open(_files: Files, _node: int, _body: bytes) -> bytes:
    return _OPENED.pack(0, _DIRECT_IO, 0)


def _read(files: Files, node: int, body: bytes) -> bytes:
    _, offset, size = _TRANSFER.unpack_from(body)
    return files.read(node - ROOT - 1, offset, size)


def _write(files: Files, node: int, body: bytes) -> bytes:
    _, offset, size = _TRANSFER.unpack_from(body)
    files.write(node - ROOT - 1, offset, body[_TRANSFER.size : _TRANSFER.size + size])
    return struct.pack("=II", size, 0)


def _sync(files: Files, node: int, _body: bytes) -> bytes:
    files.sync(node - ROOT - 1)
    return b""


def _nothing(_files: Files, _node: int, _body: bytes) -> bytes:
    return b""


_Handler = Callable[[Files, int, bytes], bytes]
_HANDLERS: dict[int, _Handler] = {
    1: _look_up,
    3: _facts,
    4: _facts,  # a change of size or time: of these files neither means anything
    14: _open,
    15: _read,
    16: _write,
    18: _nothing,  # release
    20: _sync,
    25: _nothing,  # flush, at each close
    26: _init,
}
