"""The fake itself: a server on loopback that starts and ends with a `with` block."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from orchestrator.clock import Clock, SystemClock
from orchestrator.testing.batches import Batches
from orchestrator.testing.fault import Fault, Trouble, Troubles
from orchestrator.testing.handler import House, handling
from orchestrator.testing.journal import Journal, Received
from orchestrator.testing.messages import Messages
from orchestrator.testing.request import Request
from orchestrator.testing.script import Reply, Script
from orchestrator.testing.service import Service
from orchestrator.testing.signing import Seal
from orchestrator.testing.usage import Cache

LARGEST = 32 << 20  # bytes of a request


class FakeAPI:
    """A strict fake of the Messages API, for tests.

    with FakeAPI(Script([Rule("greet", [Reply("Hello!")])])) as fake:
        client = anthropic.Anthropic(base_url=fake.url, api_key=fake.key)
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        key: str = "sk-ant-fake",
        largest: int = LARGEST,
        connections: int = 256,
        batch_polls: int = 1,
        clock: Clock | None = None,
    ) -> None:
        """Begin to serve.

        Args:
            script: what to say; left out, "OK" to everything.
            key: the one API key it takes; what it signed is known again by every server with the same key.
            largest: bytes a request may have.
            connections: how many there may be at one time; further ones are closed at once.
            batch_polls: how often a batch is still in progress when it is retrieved.
            clock: dates batches and the journal.
        """
        clock = clock or SystemClock()
        self.key = key
        self._journal = Journal(clock)
        self._troubles = Troubles()
        self._stopping = threading.Event()
        self._messages = Messages(script or Script(otherwise=Reply("OK")), Seal(key), Cache(), self._troubles)
        batches = Batches(self._messages.one, batch_polls, clock)
        service = Service(key, self._messages, batches, self._troubles)
        self._server = _Server(House(service, self._journal, self._stopping, largest), connections)
        self.url = batches.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve, name="fake API", daemon=True)
        self._thread.start()

    @property
    def script(self) -> Script:
        """What it says; may be replaced at any time."""
        return self._messages.script

    @script.setter
    def script(self, script: Script) -> None:
        self._messages.script = script

    @property
    def requests(self) -> tuple[Received, ...]:
        """The requests so far, oldest first."""
        return self._journal.all()

    def usage(self) -> dict[str, int]:
        """The usage of all messages so far, added up."""
        return self._journal.totals()

    def wait(self, requests: int, timeout: float = 10.0) -> bool:
        """Wait until so many requests have come; whether they have."""
        return self._journal.wait(requests, timeout)

    def fail(
        self,
        fault: Fault,
        *,
        times: int | None = 1,
        when: str | Callable[[Request], bool] = "",
        seconds: float = 1.0,
        path: str = "/v1/messages",
    ) -> None:
        """Let requests that are in order go wrong.

        Args:
            fault: how.
            times: how many of them; None for all from now on.
            when: text in the newest text of the user, or a predicate over the request.
            seconds: what retry-after says, or the pause of a drip.
            path: which endpoint, with `*` for any; elsewhere than `/v1/messages`, only without `when`.
        """
        self._troubles.plan(Trouble(fault, times, seconds), path, _holds(when))

    def heal(self) -> None:
        """Let nothing more go wrong, but for what the script says."""
        self._troubles.clear()

    def close(self) -> None:
        """End: break off what is under way, and leave no thread and no socket.

        Raises:
            Exception: what the script, or a predicate, raised in the meantime.
        """
        if self._stopping.is_set():
            return
        self._end()
        if self._server.error is not None:
            raise self._server.error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What the test itself raised says more than what the script did.
        if error is None:
            self.close()
        else:
            self._end()

    def _end(self) -> None:
        self._stopping.set()
        self._server.wake()
        self._thread.join()
        self._server.end()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that `server_close` waits for them
    request_queue_size = 256

    def __init__(self, house: House, most: int) -> None:
        super().__init__(("127.0.0.1", 0), handling(house))
        self.error: BaseException | None = None
        self._stopping = house.stopping
        self._most = most
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Take connections, until told to stop; `serve_forever` would look every so often, and be told as late."""
        while not self._stopping.is_set():
            self.handle_request()

    def wake(self) -> None:
        """Let `serve` see that it is to stop."""
        socket.create_connection(("127.0.0.1", self.server_port)).close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._open) >= self._most or self._stopping.is_set()
            if not full:
                self._open.add(request)
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the names are socketserver's
        error = sys.exc_info()[1]
        # A client that went away is no error of ours.
        if not isinstance(error, ConnectionError):
            self.error = self.error or error

    def end(self) -> None:
        """Close the connections, wait for their threads, and close the door."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


def _holds(when: str | Callable[[Request], bool]) -> Callable[[Request | None], bool]:
    if isinstance(when, str):
        return lambda request: when in (request.newest if request else "")
    return lambda request: request is not None and when(request)
