"""The system's signals as stop requests, from before there is a leader; every handler is put back afterwards."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Requests:
    """Stop requests that are kept until there is somebody who can stop."""

    _early: list[int] = field(default_factory=list)
    _stop: Callable[[int], None] | None = None

    def take(self, number: int) -> None:
        """Hand a request on, or keep it."""
        (self._stop or self._early.append)(number)

    def hand_to(self, stop: Callable[[int], None]) -> None:
        """Let `stop` hear every request, those that were kept first."""
        self._stop = stop
        for number in self._early:
            stop(number)


@contextmanager
def stop_requests(stop: Callable[[int], None]) -> Iterator[None]:
    """Call `stop` with the number of each signal that asks this process to end, while the block runs.

    A signal that is ignored stays so: that is how `nohup` and a shell's background jobs ask to be left alone.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        stop(number)

    before = {number: signal.getsignal(number) for number in _HEARD}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
