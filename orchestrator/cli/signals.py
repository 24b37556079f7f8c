"""The system's signals as stop requests, only while the leader runs; every handler is put back afterwards."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
