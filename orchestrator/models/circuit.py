"""The circuit to one API: what all callers keep to, so that a busy or broken API is not hammered by many at once.

It opens until a moment that the API named, or for a while after several calls failed in a row. Then one call goes
ahead; the others follow once the API has begun to answer it.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.clock import Clock
from orchestrator.failure import Failure, backoff
from orchestrator.models.call import CallError

Pause = Callable[[threading.Event, float], bool]
"""Waits so many seconds, or until the event is set; whether it is."""

_IN_A_ROW = 5  # failures
_LONGEST = 60.0  # seconds it stays open by itself
_PROBE = 30.0  # seconds the first call may keep the others waiting
_LOOK = 0.1  # seconds between looks at what becomes of it


@dataclass
class Circuit:
    """One API as its callers see it; from any thread.

    Args:
        clock: measures how long.
        base: seconds it is open the first time; doubles.
        pause: waits.
        chance: gives random numbers from 0 to 1, for jitter.
    """

    clock: Clock
    base: float = 2.0
    pause: Pause = threading.Event.wait
    chance: Callable[[], float] = random.random
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: float = float("-inf")
    _opened: float = float("-inf")
    _row: int = 0
    _proving: bool = False  # the next call is the one that goes ahead
    _ahead: "Turn | None" = None

    def shut_for(self) -> float:
        """Return the seconds until a call may go."""
        return max(0.0, self._until - self.clock.monotonic())

    @contextmanager
    def turn(self, cancel: threading.Event, patience: float) -> "Iterator[Turn]":
        """Wait until a call may go, at most `patience` seconds; hand out what its outcome is told to.

        Raises:
            CallError: it may not go by then (transient, with the wait), or `cancel` was set (interrupted).
        """
        turn = Turn(self, began=0.0)
        began = self.clock.monotonic()
        while (seconds := self._seconds(turn)) > 0:
            left = patience - (self.clock.monotonic() - began)
            if seconds > left:
                raise CallError(Failure.TRANSIENT, f"the API takes no calls for {seconds:.0f} s", wait=seconds)
            if self.pause(cancel, seconds):
                break
        try:
            if cancel.is_set():
                raise CallError(Failure.INTERRUPTED, "the call was stopped by the leader")
            turn.waited = self.clock.monotonic() - began
            yield turn
        finally:
            self._let_go(turn)

    def _seconds(self, turn: "Turn") -> float:
        """Return how long `turn` has to wait still; 0 once it may go."""
        with self._lock:
            now = self.clock.monotonic()
            if now < self._until:
                return self._until - now
            if self._proving:
                if self._ahead is not None and now - self._ahead.began < _PROBE:
                    return _LOOK
                self._ahead = turn
            turn.began = now
            return 0.0

    def _let_go(self, turn: "Turn") -> None:
        with self._lock:
            if self._ahead is turn:
                self._ahead = None

    def answers(self, turn: "Turn", *, whole: bool) -> None:
        """Take note that the API answers: it has begun to, or the answer is `whole`."""
        with self._lock:
            if turn.began >= self._opened:
                self._proving, self._ahead = False, None
                self._row = 0 if whole else self._row

    def fails(self, turn: "Turn", wait: float | None) -> None:
        """Take note that a call failed, and of the seconds that the API asks to wait."""
        with self._lock:
            now = self.clock.monotonic()
            if turn.began >= self._opened:  # else it began before the circuit opened, and says nothing new
                self._row += 1
            seconds = wait or 0.0
            if self._row >= _IN_A_ROW and turn.began >= self._opened:
                seconds = max(seconds, backoff(self._row - _IN_A_ROW + 1, self.base, self.chance(), _LONGEST))
            if seconds and now + seconds > self._until:
                self._until, self._opened, self._proving = now + seconds, now, True


@dataclass(eq=False)
class Turn:
    """One call's turn: when it began, in monotonic seconds, and how long it had waited by then."""

    circuit: Circuit
    began: float
    waited: float = 0.0

    def begun(self) -> None:
        """Say that the API has begun to answer: the others may follow."""
        self.circuit.answers(self, whole=False)

    def over(self, error: CallError | None) -> None:
        """Say how the call ended."""
        if error is None or error.failure not in {Failure.TRANSIENT, Failure.INTERRUPTED}:
            self.circuit.answers(self, whole=True)
        elif error.failure is Failure.TRANSIENT:
            self.circuit.fails(self, error.wait)
