"""The fake itself, which serves from its making to the end of a `with` block."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from orchestrator.clock import Clock, SystemClock
from orchestrator.testing.batches import Batches
from orchestrator.testing.fault import Fault, Trouble, Troubles
from orchestrator.testing.handler import House
from orchestrator.testing.journal import Journal, Received
from orchestrator.testing.listener import Listener
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
        self._listener = Listener(House(service, self._journal, self._stopping, largest), connections)
        self.url = batches.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = threading.Thread(target=self._listener.serve, name="fake API", daemon=True)
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
        if self._listener.error is not None:
            raise self._listener.error

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
        self._listener.wake()
        self._thread.join()
        self._listener.end()


def _holds(when: str | Callable[[Request], bool]) -> Callable[[Request | None], bool]:
    if isinstance(when, str):
        return lambda request: when in (request.newest if request else "")
    return lambda request: request is not None and when(request)
