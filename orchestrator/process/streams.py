"""What a child says: the end of a stream in memory, its beginning in a capped log, its lines as they come."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import Exit, OrchestratorError

_TAIL = 1 << 16
_LINE = 1 << 20

Heard = Callable[[str], None]


class Log:
    """A file that takes the first `cap` bytes of a stream, and then one line that says so."""

    def __init__(self, path: Path, cap: int) -> None:
        self._path = path
        self._cap = cap
        self._room = cap
        self._full = False
        self._file = self._open()

    def write(self, data: bytes) -> None:
        """Append what still fits."""
        if self._full:
            return
        try:
            self._append(data[: self._room])
            if len(data) > self._room:
                self._append(f"\n[truncated: the first {self._cap} bytes are kept]\n".encode())
        except OSError as error:
            raise self._refusal(error) from error
        self._full = len(data) > self._room
        self._room -= min(len(data), self._room)

    def _append(self, data: bytes) -> None:
        while data:  # a disk that is nearly full takes a part, and says nothing
            data = data[self._file.write(data) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> BinaryIO:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("wb", buffering=0)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> OrchestratorError:
        return OrchestratorError(
            f"cannot write the log {self._path}: {error.strerror}",
            hint="free some space, or make the folder writable, and run again",
            code=Exit.PRECONDITION,
        )


class Lines:
    """Cuts a stream into decoded lines; a line over 1 MiB is handed on in pieces."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._rest = bytearray()

    def take(self, data: bytes) -> None:
        """Hand on each line that `data` completes."""
        self._rest += data
        if b"\n" not in data and len(self._rest) < _LINE:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        if len(rest) >= _LINE:
            lines, rest = [*lines, rest], b""
        self._rest = bytearray(rest)
        for line in lines:
            self._heard(line.decode(errors="replace"))

    def close(self) -> None:
        """Hand on a last line that has no line end."""
        if self._rest:
            self._heard(self._rest.decode(errors="replace"))
        self._rest.clear()


class Stream:
    """One output stream of a child; memory stays bounded whatever the child writes."""

    def __init__(self, log: Path | None, cap: int, heard: Heard | None = None) -> None:
        self._tail = bytearray()
        self._log = Log(log, cap) if log else None
        self._lines = Lines(heard) if heard else None

    def take(self, data: bytes) -> None:
        """Keep, log and hand on a piece of output."""
        self._tail += data
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]
        if self._log:
            self._log.write(data)
        if self._lines:
            self._lines.take(data)

    def text(self) -> str:
        """The last 64 KiB, decoded."""
        return self._tail[-_TAIL:].decode(errors="replace")

    def flush(self) -> None:
        """Hand on what is left when the stream has ended."""
        if self._lines:
            self._lines.close()

    def close(self) -> None:
        """Close the log."""
        if self._log:
            self._log.close()
