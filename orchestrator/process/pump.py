"""The conversation with a child: feeds its stdin and reads what it says, in the calling thread."""

import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

from orchestrator.process.streams import Stream

_READ = 1 << 16
_WRITE = 1 << 16


class Pump:
    """Moves bytes between a child and its streams, and notices its end without taking its exit status."""

    def __init__(self, popen: subprocess.Popen[bytes], stdin: bytes, out: Stream, err: Stream) -> None:
        self._popen = popen
        self._stdin = memoryview(stdin)
        self._exited = False
        self._selector = selectors.DefaultSelector()
        self._watch = _descriptor(popen.pid)
        self._open = 0
        self.last = time.monotonic()
        self._listen(popen.stdout, out)
        self._listen(popen.stderr, err)
        self._feed(popen.stdin)
        if self._watch is not None:
            self._selector.register(self._watch, selectors.EVENT_READ, self._notice)

    @property
    def tick(self) -> float:
        """Longest useful wait in seconds: an exit wakes us where the system can tell, else we look often."""
        return 0.1 if self._watch is not None else 0.01

    def step(self, timeout: float) -> None:
        """Move what can be moved within `timeout` seconds."""
        for key, _ in self._selector.select(timeout):
            key.data()

    def exited(self) -> bool:
        """Whether the child itself has ended; others may still hold its pipes."""
        return self._exited or (self._watch is None and self._popen.poll() is not None)

    def drain(self, seconds: float) -> None:
        """Read on until both streams end, at most for `seconds`."""
        deadline = time.monotonic() + seconds
        while self._open and (left := deadline - time.monotonic()) > 0:
            self.step(left)

    def close(self) -> None:
        """Let go of every descriptor."""
        self._selector.close()
        if self._watch is not None:
            os.close(self._watch)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe:
                pipe.close()

    def _listen(self, pipe: IO[bytes] | None, stream: Stream) -> None:
        if pipe is None:
            return
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, selectors.EVENT_READ, lambda: self._take(pipe, stream))
        self._open += 1

    def _take(self, pipe: IO[bytes], stream: Stream) -> None:
        with suppress(BlockingIOError):
            if data := os.read(pipe.fileno(), _READ):
                self.last = time.monotonic()
                stream.take(data)
            else:
                self._selector.unregister(pipe)
                self._open -= 1

    def _feed(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, selectors.EVENT_WRITE, lambda: self._give(pipe))

    def _give(self, pipe: IO[bytes]) -> None:
        try:
            self._stdin = self._stdin[os.write(pipe.fileno(), self._stdin[:_WRITE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = self._stdin[:0]
        if not self._stdin:
            self._selector.unregister(pipe)
            pipe.close()

    def _notice(self) -> None:
        self._exited = True
        if self._watch is not None:
            self._selector.unregister(self._watch)


def _descriptor(pid: int) -> int | None:
    if sys.platform == "linux":
        # Unlike wait(), it leaves the zombie, so the pid and its session stay ours until the tree has ended.
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None
