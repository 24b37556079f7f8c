"""When an attempt has to end: the leader wants it to, or its time is over. One event tells whatever is under way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.agents.protocol import Assignment
from orchestrator.clock import Clock
from orchestrator.failure import Failure

_LOOK = 0.1  # seconds between looks at the leader's event


@dataclass
class Watch:
    """One attempt's limits.

    Args:
        assignment: has the limits.
        clock: measures.
        cancel: set once the leader wants an end.
        before: seconds that were worked on the attempt before a kill.
    """

    assignment: Assignment
    clock: Clock
    cancel: threading.Event
    before: float = 0.0
    ending: threading.Event = field(default_factory=threading.Event)
    _why: tuple[Failure, str] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._began = self._heard = self.clock.monotonic()

    @property
    def seconds(self) -> float:
        """How long the attempt has been worked on, in all processes."""
        return self.before + self.clock.monotonic() - self._began

    @property
    def why(self) -> tuple[Failure, str] | None:
        """Why it has to end; None while it may go on."""
        if self._why is None:
            self._why = self._look()
            if self._why is not None:
                self.ending.set()
        return self._why

    @property
    def left(self) -> float:
        """Seconds that what starts now may take."""
        limits = [self.assignment.idle or float("inf")]
        if self.assignment.timeout is not None:
            limits.append(self.assignment.timeout - self.seconds)
        return max(0.1, min(limits))

    def heard(self) -> None:
        """Take note that something happened: it is not silent."""
        self._heard = self.clock.monotonic()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch within the block."""
        watching = threading.Thread(target=self._watch, name="watch", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._over.set()
            watching.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK) and self.why is None:
            pass

    def _look(self) -> tuple[Failure, str] | None:
        limits = self.assignment
        if self.cancel.is_set():
            return Failure.INTERRUPTED, "stopped by the leader"
        if limits.timeout is not None and self.seconds >= limits.timeout:
            return Failure.TIMEOUT, f"not done after {limits.timeout:g} s"
        if limits.idle is not None and self.clock.monotonic() - self._heard >= limits.idle:
            return Failure.TIMEOUT, f"silent for {limits.idle:g} s"
        return None
