"""What goes over one connection: answers, whole or in chunks, and the ways they can break off."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler

from orchestrator.testing import stream
from orchestrator.testing.call import Answer
from orchestrator.testing.fault import INSTEAD, MIDWAY, Fault

_SEEN = 0.05  # seconds after which a client has surely read what came before a reset
_RESETS = struct.pack("ii", 1, 0)
_HANGS = {Fault.HANG, Fault.HANG_MIDWAY}


class Wire:
    """Sends answers over a handler's connection, as far as their trouble lets them."""

    def __init__(self, handler: BaseHTTPRequestHandler, stopping: threading.Event) -> None:
        self._handler = handler
        self._stopping = stopping

    def send(self, answer: Answer, headers: Mapping[str, str]) -> None:
        """Send an answer: a stream in chunks, anything else with its length."""
        fault = answer.trouble.fault if answer.trouble else None
        if not self._wait(answer.delay):
            return
        if fault in INSTEAD:
            self._break(fault)
            return
        self._begin(answer, headers)
        if not self._write(answer, fault):
            self._handler.close_connection = True
        elif fault in MIDWAY:
            self._break(fault)
        elif answer.events is not None:
            self._handler.wfile.write(b"0\r\n\r\n")

    def _begin(self, answer: Answer, headers: Mapping[str, str]) -> None:
        shown = {**headers, "content-type": answer.type, "transfer-encoding": "chunked"}
        if answer.events is None:
            shown["content-length"] = str(len(answer.data))
            del shown["transfer-encoding"]
        if self._handler.close_connection:
            shown["connection"] = "close"
        self._handler.send_response(answer.status)
        for name, value in shown.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def _write(self, answer: Answer, fault: Fault | None) -> bool:
        """Write the body; whether the server did not close meanwhile."""
        drips = answer.trouble.seconds if answer.trouble and fault is Fault.DRIP else 0.0
        for part in _parts(answer, fault):
            if not self._wait(answer.pace):
                return False
            for piece in _bytes(part) if drips else (part,):
                framed = piece if answer.events is None else b"%x\r\n%s\r\n" % (len(piece), piece)
                self._handler.wfile.write(framed)
                if not self._wait(drips):
                    return False
        return True

    def _wait(self, seconds: float) -> bool:
        """Wait, unless the server closes; whether it does not."""
        return not (seconds > 0 and self._stopping.wait(seconds))

    def _break(self, fault: Fault | None) -> None:
        if fault in _HANGS:
            self._stopping.wait()
        elif fault is not Fault.CUT:
            self._stopping.wait(_SEEN)
            self._reset()
        self._handler.close_connection = True

    def _reset(self) -> None:
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
        # A `shutdown` would say goodbye first, and `close` waits for the file objects on the socket.
        with contextlib.suppress(OSError):
            socket.close(connection.detach())


def _parts(answer: Answer, fault: Fault | None) -> Iterable[bytes]:
    if answer.events is not None:
        return map(stream.encode, answer.events)
    return [answer.data[: len(answer.data) // 2] if fault in MIDWAY else answer.data]


def _bytes(part: bytes) -> Iterator[bytes]:
    return (part[place : place + 1] for place in range(len(part)))
