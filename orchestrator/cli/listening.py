"""Who hears what happens during a run: a live view, plain lines, or a stream of JSON lines."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cli.output import Output, json_line, plain
from orchestrator.clock import SystemClock
from orchestrator.events import Event, Tell, silent
from orchestrator.views.board import Board
from orchestrator.views.plain_lines import line

SCHEMA = "orchestrator.events/1"


@contextmanager
def listening(output: Output, *, stream: bool, live: bool) -> Iterator[Tell]:
    """Yield the listener this call wants; no listener ever fails the run it listens to."""
    if stream:
        yield _stream()
    elif output.as_json:
        yield silent
    elif live and output.lively and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from orchestrator.views.live import watching  # noqa: PLC0415 - rich, which only a terminal pays for

        with watching(Board(SystemClock())) as tell:
            yield tell
    else:
        yield _lines(output)


class _Quietly:
    """Writes while somebody reads; a reader that went away ends the writing, not the work."""

    def __init__(self) -> None:
        self._gone = False
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Write `text` to stdout at once, whole."""
        with self._lock:
            try:
                if not self._gone:
                    sys.stdout.write(text)
                    sys.stdout.flush()
            except OSError:  # a full disk is told by the report, which fails in its turn
                self._gone = True


def _stream() -> Tell:
    out = _Quietly()
    out.write(json_line({"schema": SCHEMA, "pid": os.getpid()}) + "\n")

    def tell(event: Event) -> None:
        out.write(as_json(event) + "\n")

    return tell


def as_json(event: Event) -> str:
    """Return `event` as one JSON object on one line."""
    facts = {"event": event.name, "task": event.task, "attempt": event.attempt, "facts": dict(event.facts)}
    return json_line(plain({"at": SystemClock().now(), **facts}))


def _lines(output: Output) -> Tell:
    lock = threading.Lock()

    def tell(event: Event) -> None:
        words = line(event)
        if not words:
            return
        with lock:
            try:
                output.chatter(words)
            except OSError:
                return

    return tell
