"""One connection: reads requests, has them answered, and writes all of it down in the journal."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orchestrator.testing.call import Answer, Call
from orchestrator.testing.fault import INSTEAD
from orchestrator.testing.journal import Journal
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.service import Service
from orchestrator.testing.signing import letters
from orchestrator.testing.wire import Wire

_DRAINED = 64 << 20  # bytes of a body that is too large, read so that the client gets to hear it
_PIECE = 1 << 16
_LINGER = 1.0  # seconds a client that was refused may go on writing


@dataclass(frozen=True)
class House:
    """What all connections of a server share."""

    service: Service
    journal: Journal
    stopping: threading.Event
    largest: int


def handling(house: House) -> type[BaseHTTPRequestHandler]:
    """The handler of a server's connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "orchestrator-testing"
        disable_nagle_algorithm = True  # a body that follows its headers would wait for the client to say it has them

        def do_GET(self) -> None:
            _handle(self, house)

        do_POST = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing: the journal has it."""

    return Handler


def _handle(handler: BaseHTTPRequestHandler, house: House) -> None:
    place = urlsplit(handler.path)
    headers = {name.lower(): value for name, value in handler.headers.items()}
    number = house.journal.begin(handler.command, place.path, headers)
    request_id = "req_01" + letters(f"{house.service.key}/{number}", 22)

    def note(**facts: Any) -> None:
        house.journal.note(number, **facts)

    note(request_id=request_id)
    query = {name.removesuffix("[]"): values for name, values in parse_qs(place.query).items()}
    call = Call(handler.command, place.path, query, headers, b"", note)
    answer = _answer(handler, house, call, request_id)
    if answer.trouble is None or answer.trouble.fault not in INSTEAD:
        note(status=answer.status)
    unread = handler.close_connection
    Wire(handler, house.stopping).send(answer, {"request-id": request_id, **answer.headers})
    if unread:
        _linger(handler.connection)


def _answer(handler: BaseHTTPRequestHandler, house: House, call: Call, request_id: str) -> Answer:
    try:
        data = _body(handler, call, house.largest)
    except RefusalError as error:
        handler.close_connection = True
        return house.service.refuse(call, error, request_id)
    return house.service.answer(call.having(data), request_id)


def _linger(connection: socket.socket) -> None:
    """Read what a client still writes: a socket closed under it is reset, and the answer lost with it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_LINGER)
        while connection.recv(_PIECE):
            pass


def _body(handler: BaseHTTPRequestHandler, call: Call, largest: int) -> bytes:
    if "transfer-encoding" in call.headers:
        raise RefusalError("transfer-encoding: the fake takes bodies of known length only")
    length = call.headers.get("content-length", "0")
    if not length.isdigit():
        raise RefusalError("content-length: Input should be a valid integer")
    left = int(length)
    if left <= largest:
        return handler.rfile.read(left)
    left = min(left, _DRAINED)
    while left > 0 and (piece := handler.rfile.read(min(left, _PIECE))):
        left -= len(piece)
    raise RefusalError("Request exceeds the maximum size", 413)
