"""Hanging up: a call ends when its time is over or nobody wants it any more, whatever the network does.

A read timeout starts again with every byte, so a server that drips keeps a call for ever. What ends it for certain is
to shut its socket down from beside: the reader then gets an end, at once, and the SDK some error of its own.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from orchestrator.clock import Clock

_LOOK = 0.1  # seconds between looks at `cancel`, which is an event of somebody else's


@dataclass
class Line:
    """The connection of one call at a time.

    Attributes:
        clock: measures the deadline.
        cut: why it was cut: `deadline` or `cancelled`; empty while it was not.
        sent: whether any of the request went out: then it may cost something, answer or not.
    """

    clock: Clock
    cut: str = ""
    sent: bool = False
    _socket: socket.socket | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Take note of the connection: httpcore's `trace` extension calls this at each of its steps."""
        self.sent = self.sent or event.endswith(".send_request_headers.started")
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            stream = info["return_value"]
            found = stream.get_extra_info("socket")  # type: ignore[attr-defined]  # httpcore's NetworkStream
            self._socket = found if isinstance(found, socket.socket) else None
            if self.cut:
                self._hang_up()

    @contextmanager
    def within(self, seconds: float, cancel: threading.Event) -> Iterator[None]:
        """Cut whatever the block is doing after so many seconds, or soon after `cancel` is set."""
        self.cut, self._over = "", threading.Event()
        watching = threading.Thread(target=self._watch, args=(seconds, cancel, self._over), name="hangup", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._over.set()
            watching.join()

    def _watch(self, seconds: float, cancel: threading.Event, over: threading.Event) -> None:
        deadline = self.clock.monotonic() + seconds
        while not over.wait(_LOOK):
            if cancel.is_set() or self.clock.monotonic() >= deadline:
                self.cut = "cancelled" if cancel.is_set() else "deadline"
                self._hang_up()
                return

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)
