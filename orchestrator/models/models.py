"""Models, as the rest of the program asks them: paid for, waited for, and tried again only where that may help."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from orchestrator.clock import Clock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.events import Event, Tell, silent
from orchestrator.failure import Failure, backoff
from orchestrator.models.abilities import Abilities
from orchestrator.models.ask import Purpose
from orchestrator.models.call import Call, CallError, Reply
from orchestrator.models.circuit import Circuit, Pause, Turn
from orchestrator.models.door import Door
from orchestrator.models.purse import Purse

_PATIENCE = 300.0  # seconds one question waits in all; whoever has to wait longer is told so and does something else
_BROKEN = 2  # times that what came back may be no answer at all before that is how it is
_LOOK = 0.1  # seconds between looks at `cancel`
_ERROR = 400  # statuses from here on: refused before a model read any of it
_Said = TypeVar("_Said")


def door_of(env: Mapping[str, str], clock: Clock) -> Door:
    """Return the door that the environment gives the key of.

    Raises:
        OrchestratorError: it gives none (`Exit.MISSING`).
    """
    key, token = env.get("ANTHROPIC_API_KEY", ""), env.get("ANTHROPIC_AUTH_TOKEN", "")
    if not key and not token:
        raise OrchestratorError(
            "no key for the Anthropic API",
            hint="export ANTHROPIC_API_KEY=...   # or ANTHROPIC_AUTH_TOKEN; it is never kept in a file",
            code=Exit.MISSING,
        )
    return Door(key=key, token="" if key else token, url=env.get("ANTHROPIC_BASE_URL", ""), clock=clock)


@dataclass
class Models:
    """One project's way to the models; from any thread.

    Args:
        door: makes the door to the API, at the first call.
        purse: what may be spent, and what is.
        clock: measures how long is waited.
        retries: how often a question is put again after a transient failure.
        base: seconds before the first of these; doubles, with jitter.
        patience: seconds one question waits in all.
        tell: who listens to what happens.
        pause: waits.
    """

    door: Callable[[], Door]
    purse: Purse
    clock: Clock
    retries: int = 5
    base: float = 2.0
    patience: float = _PATIENCE
    tell: Tell = silent
    pause: Pause = threading.Event.wait
    _circuit: Circuit = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _door: Door | None = None
    _known: dict[str, "Future[Abilities]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._circuit = Circuit(self.clock, self.base, self.pause)

    def check(self) -> None:
        """Find out, before anything is spent, whether there is a key.

        Raises:
            OrchestratorError: there is none (`Exit.MISSING`).
        """
        self._open()

    def shut_for(self) -> float:
        """Return the seconds until the API may be asked again."""
        return self._circuit.shut_for()

    def ask(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Reply:
        """Return the checked answer, with what it cost.

        Each time it is sent, the call has `call.deadline`; what it may cost is set aside before.

        Raises:
            CallError: there is none. What is transient was tried as often as allowed; quota is a limit of the account,
                a wait that is longer than the patience, or a spent budget (its fact `budget` says which).
            OrchestratorError: there is no key.
        """

        def send(turn: Turn) -> Reply:
            door = self._open()  # without a key nothing is set aside
            with self.purse.holding(call, purpose, cancel) as hold:
                try:
                    reply = door.send(call, cancel, turn.begun)
                except CallError as error:
                    hold.free = _costs_nothing(error)
                    hold.usage = error.usage
                    raise
                hold.usage, hold.request = reply.usage, reply.request
            return replace(reply, micros=hold.cost)

        return self._persistently(send, purpose, cancel)

    def abilities(self, model: str, cancel: threading.Event) -> Abilities:
        """Return what `model` can do, as the API says; asked once, however many want to know.

        Raises:
            CallError: the API does not say.
            OrchestratorError: there is no key.
        """
        while True:
            with self._lock:
                first = model not in self._known
                said = self._known.setdefault(model, Future())
            if first:
                self._look_up(model, said, cancel)
            try:
                return said.result(_LOOK)
            except TimeoutError as error:
                if cancel.is_set():
                    raise CallError(Failure.INTERRUPTED, "the call was stopped by the leader") from error
            except CallError as error:
                if first or error.failure is not Failure.INTERRUPTED:  # else only who asked was stopped
                    raise replace(error) from error

    def _look_up(self, model: str, said: "Future[Abilities]", cancel: threading.Event) -> None:
        """Ask what `model` can do, for all who wait for `said`; what failed is asked again by whoever comes later."""
        asking = Purpose("models", step=model)
        try:
            said.set_result(self._persistently(lambda _turn: self._open().look_up(model, cancel), asking, cancel))
        except (CallError, OrchestratorError, OSError) as error:
            with self._lock:
                del self._known[model]
            said.set_exception(error)

    def _open(self) -> Door:
        with self._lock:
            self._door = self._door or self.door()
            return self._door

    def _persistently(self, send: Callable[[Turn], _Said], purpose: Purpose, cancel: threading.Event) -> _Said:
        tries = _Tries(self.retries, self.base, self.patience)
        while True:
            try:
                with self._turn(cancel, tries) as turn:
                    return send(turn)
            except CallError as error:
                seconds = tries.after(error)
            self._say("model.later", purpose, seconds=max(seconds, self.shut_for()), failures=tries.failed)
            if seconds and self.pause(cancel, seconds):
                raise CallError(Failure.INTERRUPTED, "the call was stopped by the leader")

    @contextmanager
    def _turn(self, cancel: threading.Event, tries: "_Tries") -> Iterator[Turn]:
        with self._circuit.turn(cancel, tries.patience) as turn:
            tries.patience -= turn.waited
            try:
                yield turn
            except CallError as error:
                if "budget" not in error.facts:
                    turn.over(error)
                raise
            turn.over(None)

    def _say(self, name: str, purpose: Purpose, **facts: object) -> None:
        self.tell(Event(name, purpose.task, purpose.attempt, {"role": purpose.role, **facts}))


def _costs_nothing(error: CallError) -> bool:
    status = error.facts.get("status")
    refused = isinstance(status, int) and status >= _ERROR
    return refused or error.facts.get("sent") is False


@dataclass
class _Tries:
    """One question's tries: how many more there may be, and how long may still be waited."""

    retries: int
    base: float
    patience: float
    failed: int = 0
    broken: int = 0
    whole: float = field(init=False)

    def __post_init__(self) -> None:
        self.whole = self.patience

    def after(self, error: CallError) -> float:
        """Return the seconds to wait before the next try.

        Raises:
            CallError: there is none: this is what comes of the question.
        """
        if error.failure is not Failure.TRANSIENT:
            raise error
        self.failed += 1
        self.broken += bool(error.facts.get("broken"))
        if self.broken >= _BROKEN:
            raise CallError(Failure.DETERMINISTIC, error.said, facts=error.facts) from error
        if error.wait is not None and error.wait > self.whole:
            raise CallError(Failure.QUOTA, error.said, wait=error.wait, facts=error.facts) from error
        chance = random.random()  # noqa: S311 - jitter, not a secret
        # A wait that the API asks for is the circuit's, which keeps all others to it as well.
        seconds = 0.0 if error.wait else backoff(self.failed, self.base, chance)
        if self.failed > self.retries or max(seconds, error.wait or 0.0) > self.patience:
            raise error
        self.patience -= seconds
        return seconds
