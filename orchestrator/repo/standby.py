"""Long-lived processes that answer many questions each: an answer of git's costs a tenth of what starting it does."""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

Start = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]

# Less than any pipe holds: git can always take a whole bundle of questions, so that neither side waits for the other.
_BUNDLE = 1 << 12
_PAIRS = 32  # of tree ids, which is about as much
_CHUNK = 1 << 16


class SilentError(Exception):
    """The process ended before it had answered; the caller asks in another way, which says why."""


@dataclass(frozen=True)
class Found:
    """An object: its id, its kind (`blob`, `tree`, `commit`, `tag`) and its bytes, empty where only asked about."""

    id: str
    kind: str
    data: bytes = b""


@dataclass
class Standby:
    """One process, started at its first question and again when it has died; one question at a time.

    Args:
        start: starts it with these arguments.
        argv: the arguments.
    """

    start: Start
    argv: Sequence[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: "subprocess.Popen[bytes] | None" = None
    _ending: "weakref.finalize[..., Standby] | None" = None

    @contextlib.contextmanager
    def asking(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Have the process for oneself within the block.

        Raises:
            SilentError: it died; the next block starts another.
        """
        with self._lock:
            if self._process is None:
                self._process = self.start(self.argv)
                self._ending = weakref.finalize(self, _end, self._process)
            try:
                yield self._process
            except BaseException as error:
                self._end()
                if isinstance(error, OSError | ValueError):
                    raise SilentError from error
                raise

    def _end(self) -> None:
        self._process = None
        if self._ending:
            self._ending()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Close its pipes, which ends git, and wait until it has."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


class Objects:
    """Reads objects, and names what revisions mean, through `git cat-file --batch-command`."""

    def __init__(self, start: Start) -> None:
        # A long document is the end of a chain of changes: to keep each step of it for another question takes as long
        # again as to read it (300 KB: 2.3 instead of 1.1 ms), and nobody asks for those.
        self._standby = Standby(start, ("-c", "core.deltaBaseCacheLimit=0", "cat-file", "--batch-command"))

    def look_up(self, names: Iterable[str]) -> list[Found | None]:
        """Return what each name means, without its bytes; None where there is nothing of that name."""
        return self._ask("info", names)

    def read(self, names: Iterable[str]) -> list[Found | None]:
        """Return what each name means, with its bytes; None where there is nothing of that name."""
        return self._ask("contents", names)

    def _ask(self, verb: str, names: Iterable[str]) -> list[Found | None]:
        # git ends a line at its end and at a return before that: such a name cannot be asked about.
        lines = [
            b"" if "\n" in name or name.endswith("\r") else f"{verb} {name}\n".encode("utf-8", "surrogateescape")
            for name in names
        ]
        answers: list[Found | None] = []
        with self._standby.asking() as process:
            for bundle in _bundles(lines):
                _write(process, b"".join(bundle))
                answers += [_answer(process, verb) if line else None for line in bundle]
        return answers


def _bundles(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    bundle: list[bytes] = []
    size = 0
    for line in lines:
        if bundle and size + len(line) > _BUNDLE:
            yield bundle
            bundle, size = [], 0
        bundle.append(line)
        size += len(line)
    if bundle:
        yield bundle


def _write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    if process.stdin is None:
        raise ValueError("no pipe")
    process.stdin.write(data)
    process.stdin.flush()


def _answer(process: "subprocess.Popen[bytes]", verb: str) -> Found | None:
    if process.stdout is None:
        raise ValueError("no pipe")
    head = process.stdout.readline()
    if not head.endswith(b"\n"):
        raise ValueError("git ended in the middle of an answer")
    words = head.rsplit(b" ", 2)
    if len(words) < 3 or not words[2].strip().isdigit():  # noqa: PLR2004 - `id kind size`, else `name missing`
        return None
    data = b""
    if verb == "contents":
        size = int(words[2])
        data = process.stdout.read(size + 1)[:-1]
        if len(data) != size:
            raise ValueError("git ended in the middle of an object")
    return Found(words[0].decode(), words[1].decode(), data)


class Comparison:
    """Compares trees through `git diff-tree --stdin`.

    Args:
        start: starts git.
        options: what is asked of each pair of trees.
    """

    def __init__(self, start: Start, *options: str) -> None:
        self._standby = Standby(start, ("diff-tree", "-r", "-z", "--no-renames", *options, "--stdin"))
        # git echoes a line that is no object id: that marks where an answer ends, and no file name can foresee it.
        self._end = f"{os.urandom(16).hex()}\n".encode()

    def compare(self, pairs: Sequence[tuple[str, str]]) -> list[bytes]:
        """Return git's NUL-ended records of how the two trees (full ids) of each pair differ."""
        answers: list[bytes] = []
        with self._standby.asking() as process:
            for start in range(0, len(pairs), _PAIRS):
                answers += self._ask(process, pairs[start : start + _PAIRS])
        return answers

    def _ask(self, process: "subprocess.Popen[bytes]", pairs: Sequence[tuple[str, str]]) -> list[bytes]:
        _write(process, b"".join(f"{old} {new}\n".encode() + self._end for old, new in pairs))
        if process.stdout is None:
            raise ValueError("no pipe")
        said = bytearray()
        while not said.endswith(self._end) or said.count(self._end) < len(pairs):
            chunk = os.read(process.stdout.fileno(), _CHUNK)
            if not chunk:
                raise ValueError("git ended in the middle of an answer")
            said += chunk
        return [answer.partition(b"\n")[2] for answer in bytes(said).split(self._end)[:-1]]


class Answers:
    """What one repository's long-lived processes answer: none of them runs before its first question."""

    def __init__(self, start: Start) -> None:
        self.objects = Objects(start)
        self.differences = Comparison(start, "--full-index")
        self.counts = Comparison(start, "--numstat", "--text")
