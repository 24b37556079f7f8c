"""The door on loopback: a thread for each connection, and none left at the end."""

import contextlib
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from orchestrator.testing.handler import House, handling

_HOST = "127.0.0.1"


class Listener(ThreadingHTTPServer):
    """Takes connections, at most so many at one time.

    Attributes:
        error: the first thing a thread died of, but for clients that went away.
    """

    request_queue_size = 256

    def __init__(self, house: House, most: int) -> None:
        super().__init__((_HOST, 0), handling(house))
        self.error: BaseException | None = None
        self._stopping = house.stopping
        self._most = most
        self._open: set[socket.socket] = set()
        self._threads_of_ours: list[threading.Thread] = []
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Take connections, until told to stop; `serve_forever` would look every so often, and be told as late."""
        while not self._stopping.is_set():
            self.handle_request()

    def end(self) -> None:
        """Close the connections, wait for their threads, and close the door; `serve` has ended."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads_of_ours:
            thread.join()
        self.server_close()

    def wake(self) -> None:
        """Let `serve` see that it is to stop."""
        socket.create_connection((_HOST, self.server_port)).close()

    def server_bind(self) -> None:
        """Take a port; `http.server` would ask the network for the name of this machine, too."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection, or close it when there are too many."""
        with self._lock:
            full = len(self._open) >= self._most or self._stopping.is_set()
            if not full:
                self._open.add(request)
        if full:
            self.shutdown_request(request)
            return
        # A daemon: who forgets to close the fake shall still see the end of the program.
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._threads_of_ours = [*(each for each in self._threads_of_ours if each.is_alive()), thread]
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the names are socketserver's
        """Keep what a thread died of."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.error = self.error or error
