"""The loop: what is ready starts, what is finished lands, what failed is tried again or buried; until nothing can move."""

import queue
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator import plan as planning
from orchestrator import policy
from orchestrator.agents.protocol import Agent
from orchestrator.agents.roster import pick
from orchestrator.engines.local import Delivery, LocalEngine
from orchestrator.errors import DocumentError, Exit, OrchestratorError
from orchestrator.failure import Failure, Next, backoff, transient_row, what_next
from orchestrator.plaintext import one_line
from orchestrator.plan import BLOCKED, COMPLETE, Standing
from orchestrator.repo.attempts import Attempt, Fate, load
from orchestrator.repo.history import walk
from orchestrator.repo.trees import differences
from orchestrator.steps import publish
from orchestrator.steps.chapter import read_stamp
from orchestrator.steps.dispatch import Order, carry_out
from orchestrator.steps.land import Outcome, land
from orchestrator.steps.project import Project
from orchestrator.steps.standing import Library, Situation, counted, situation, spec_path
from orchestrator.steps.take_in import take_in

_LOOK_AGAIN = 1.0  # seconds between looks at the person's files while agents work
_TOLD = {Failure.DETERMINISTIC, Failure.SCOPE, Failure.CONFLICT, Failure.TIMEOUT}


@dataclass(frozen=True)
class Landed:
    """A round of landing came to its end, well or not."""

    outcome: Outcome
    error: Exception | None = None


@dataclass(frozen=True)
class Stop:
    """A person, or the system, wants the leader to stop: softly first, then at once."""

    signal: int


@dataclass
class Report:
    """How a run ended."""

    landed: list[tuple[str, str]] = field(default_factory=list)
    phase: str = ""
    stuck: Mapping[str, str] = field(default_factory=dict)
    dead: Sequence[str] = ()
    stopped: int = 0
    conflicts: Sequence[str] = ()

    @property
    def code(self) -> Exit:
        """The exit code that says it."""
        if self.stopped:
            return Exit.TERMINATED if self.stopped == 15 else Exit.INTERRUPTED  # noqa: PLR2004 - SIGTERM
        if self.phase == COMPLETE:
            return Exit.DONE
        if self.phase == BLOCKED or self.conflicts or (self.stuck and not self.dead):
            return Exit.WAITING
        return Exit.FAILED if self.dead else Exit.DONE


@dataclass
class Leader:
    """One leader's run over one project.

    Args:
        project: the doors.
        agents: who can carry out specs, by name.
        until: stop once this phase is complete; empty for all.
        inbox: where deliveries, landings and stop requests arrive.
        asked: set once somebody asked for a stop, also before the loop is reached.
    """

    project: Project
    agents: Mapping[str, Agent]
    until: str = ""
    inbox: "queue.SimpleQueue[object]" = field(default_factory=queue.SimpleQueue)
    asked: threading.Event = field(default_factory=threading.Event)
    library: Library = field(default_factory=Library)
    report: Report = field(default_factory=Report)
    _running: dict[str, Order] = field(default_factory=dict)
    _held: dict[str, float] = field(default_factory=dict)
    _landing: threading.Thread | None = None
    _halt: threading.Event = field(default_factory=threading.Event)
    _stops: int = 0
    _deadline: float = float("inf")
    _error: Exception | None = None

    def run(self) -> Report:
        """Carry the plan on until it is complete, or until nothing can move without a person.

        Raises:
            OrchestratorError: something stopped the run; whatever was running is recorded.
        """
        project = self.project
        engine = LocalEngine(project.config.jobs, lambda order, cancel: carry_out(project, order, cancel), self.inbox)
        try:
            while not self.inbox.empty():
                self._handle(engine, self.inbox.get())
            while self._turn(engine):
                pass
        finally:
            engine.close()
            self._halt.set()
            if self._landing:
                self._landing.join()
        if self._error:
            raise self._error
        self._finish()
        return self.report

    def stop(self, signal: int) -> None:
        """Ask for a stop: the first time softly, the second time at once. May be called from a signal handler."""
        self.asked.set()
        self.inbox.put(Stop(signal))

    def check_until(self, now: Situation) -> None:
        """Raise OrchestratorError when `until` names no phase of the plan."""
        if self.until and planning.match_phase(self.until, now.plan.phases) is None:
            raise OrchestratorError(
                f"{self.until!r} is no phase", hint=f"one of: {', '.join(now.plan.phases)}", code=Exit.USAGE
            )

    def _turn(self, engine: LocalEngine) -> bool:
        """One turn of the loop; False when there is nothing left to wait for."""
        now = self._look()
        attempts = load(self.project.git)
        if now is not None and not self._draining:
            self._cancel_outdated(engine, now)
            if self._bury_spent(now, attempts):
                return True
            self._land_waiting(now, attempts)
            self._start(engine, now, attempts)
        if not self._running and not self._landing and (self._draining or not self._held):
            return False
        self._wait(engine)
        return True

    @property
    def _draining(self) -> bool:
        return self._stops > 0 or self._error is not None

    def _look(self) -> Situation | None:
        """Take in what a person changed, and read where things stand; None while a landing is writing."""
        if self._landing:
            return None
        try:
            take_in(self.project)
            return self._situation()
        except DocumentError as error:
            self._fail(error)
            return None

    def _situation(self) -> Situation:
        return situation(self.project.git, self.project.checkout.tip(), self.library, self.project.config.phases)

    def _fail(self, error: Exception) -> None:
        """Remember the first error; what runs may finish and is recorded, nothing new starts."""
        if self._error is None:
            self._error = error
            words = error.message if isinstance(error, OrchestratorError) else repr(error)
            self.project.say("stopping", why=one_line(words))

    def _standing(self, now: Situation, attempts: Sequence[Attempt]) -> Standing:
        clock = self.project.clock.monotonic()
        self._held = {task: until for task, until in self._held.items() if until > clock}
        return replace(
            now.standing(),
            running=frozenset(self._running),
            waiting=frozenset(attempt.task for attempt in self._waiting(now, attempts)),
            held=frozenset(self._held),
        )

    def _waiting(self, now: Situation, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return the finished attempts that can land now, in plan order."""
        dead = now.standing().dead
        found = {}
        for task in {attempt.task for attempt in attempts}:
            mine = counted(attempts, now.ledger, task)
            if mine and mine[-1].fate is Fate.FINISHED and task not in now.ledger.landed and task not in dead:
                found[task] = mine[-1]
        return [found[task] for task in now.plan.tasks if task in found]

    def _cancel_outdated(self, engine: LocalEngine, now: Situation) -> None:
        """Stop paying for attempts whose spec a person has changed or taken away; their work is kept."""
        for task, order in self._running.items():
            if now.spec_ids.get(task) != order.spec_id:
                self.project.say("attempt.outdated", task, order.number)
                engine.cancel(task)

    def _bury_spent(self, now: Situation, attempts: Sequence[Attempt]) -> bool:
        """Make dead letters of tasks whose attempts are spent; True when the branch moved by it."""
        dead = now.standing().dead
        for task in now.plan.tasks:
            mine = [a for a in counted(attempts, now.ledger, task) if a.fate is not Fate.FINISHED]
            if not mine or task in now.ledger.landed or task in dead or task in self._running:
                continue
            if self._waits(attempts, now, task):
                continue
            verdict, why = self._verdict(now, task, mine)
            if verdict is Next.DEAD:
                publish.bury(self.project, self.library, list(self._running), mine, why)
                self.project.say("dead", task, mine[-1].number, why=why)
                return True
            if verdict is Next.LATER and task not in self._held and mine[-1].number not in self._backed_off(task):
                self._hold(task, mine)
        return False

    def _waits(self, attempts: Sequence[Attempt], now: Situation, task: str) -> bool:
        mine = counted(attempts, now.ledger, task)
        return bool(mine) and mine[-1].fate is Fate.FINISHED

    def _verdict(self, now: Situation, task: str, mine: Sequence[Attempt]) -> tuple[Next, str]:
        spec = now.plan.specs.get(task)
        config = self.project.config
        failures = [attempt.failure or Failure.DETERMINISTIC for attempt in mine]
        return what_next(
            failures,
            (spec.attempts if spec else None) or config.attempts,
            config.retries,
            repeated=self._repeated(mine),
        )

    def _repeated(self, mine: Sequence[Attempt]) -> bool:
        if len(mine) < 2 or mine[-1].failure is not mine[-2].failure:  # noqa: PLR2004
            return False
        same_spec = mine[-1].spec == mine[-2].spec and mine[-1].base == mine[-2].base
        return same_spec and not differences(self.project.git, mine[-2].commit, mine[-1].commit)

    def _backed_off(self, task: str) -> set[int]:
        return self._backoffs.setdefault(task, set())

    _backoffs: dict[str, set[int]] = field(default_factory=dict)

    def _hold(self, task: str, mine: Sequence[Attempt]) -> None:
        row = transient_row([attempt.failure or Failure.DETERMINISTIC for attempt in mine])
        seconds = backoff(row, self.project.config.backoff, random.random())  # noqa: S311 - jitter, not a secret
        self._held[task] = self.project.clock.monotonic() + seconds
        self._backed_off(task).add(mine[-1].number)
        self.project.say("attempt.later", task, mine[-1].number, seconds=seconds)

    def _land_waiting(self, now: Situation, attempts: Sequence[Attempt]) -> None:
        waiting = self._waiting(now, attempts)
        if not waiting:
            return
        running = list(self._running)

        def work() -> None:
            try:
                outcome = land(self.project, self.library, waiting, running, self._halt)
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the leader, which raises it
                self.inbox.put(Landed(Outcome(), error))
            else:
                self.inbox.put(Landed(outcome))

        self._landing = threading.Thread(target=work, name="landing")
        self._landing.start()

    def _start(self, engine: LocalEngine, now: Situation, attempts: Sequence[Attempt]) -> None:
        standing = self._standing(now, attempts)
        slots = self.project.config.jobs - len(self._running)
        if slots <= 0 or self._past_until(now):
            return
        chosen = planning.ready(now.plan, standing, now.phase, slots)
        if not chosen:
            return
        orders = [self._order(now, attempts, task) for task in chosen]
        if self._landing is None and self._checkpoint_first(now, orders):
            return
        for order in orders:
            self._running[order.task] = order
            engine.submit(order)

    def _past_until(self, now: Situation) -> bool:
        wanted = planning.match_phase(self.until, now.plan.phases) if self.until else None
        if wanted is None:
            return False
        return now.phase == COMPLETE or now.plan.phases.index(now.phase) > now.plan.phases.index(wanted)

    def _checkpoint_first(self, now: Situation, orders: Sequence[Order]) -> bool:
        """Write the checkpoint the `auto` policy wants before delegation or a risky step; True when it was written."""
        if self.project.config.every != "auto" or now.state is None or self._is_checkpoint(now.commit):
            return False
        started = read_stamp(now.state.started) or self.project.clock.now()
        elapsed = (self.project.clock.now() - started).total_seconds() / 60
        moment = policy.Moment(
            delegating=len(orders) > 1, risky_next=any(order.spec.risky for order in orders), elapsed=elapsed
        )
        why = policy.checkpoint_due("auto", moment)
        if not why:
            return False
        publish.checkpoint(self.project, self.library, list(self._running), why, why)
        return True

    def _is_checkpoint(self, commit: str) -> bool:
        return bool(next(walk(self.project.git, commit, "-1")).get("Checkpoint"))

    def _order(self, now: Situation, attempts: Sequence[Attempt], task: str) -> Order:
        spec, config = now.plan.specs[task], self.project.config
        agent = pick(self.agents, config, spec.agent, spec_path(task))
        own = config.agents[agent.name]
        mine = counted(attempts, now.ledger, task)
        timeout = spec.timeout or own.timeout or config.timeout
        idle = own.idle or config.idle
        return Order(
            task=task,
            number=max((a.number for a in attempts if a.task == task), default=now.ledger.reopened.get(task, 0)) + 1,
            base=now.commit,
            spec=spec,
            spec_id=now.spec_ids[task],
            agent=agent,
            timeout=timeout or None,
            idle=idle or None,
            earlier=[attempt for attempt in mine if attempt.failure in _TOLD][-2:],
            handoffs=_handoffs(now, task),
        )

    def _wait(self, engine: LocalEngine) -> None:
        """Wait for the next thing to happen, or for the next look at the person's files."""
        clock = self.project.clock.monotonic()
        pause = min([_LOOK_AGAIN, *(until - clock for until in self._held.values())])
        try:
            message = self.inbox.get(timeout=max(0.01, pause))
        except queue.Empty:
            if clock > self._deadline:
                self._cancel_all(engine)
            return
        self._handle(engine, message)

    def _handle(self, engine: LocalEngine, message: object) -> None:
        if isinstance(message, Delivery):
            self._running.pop(message.order.task, None)
            if message.error:
                self._fail(message.error)
        elif isinstance(message, Landed):
            self._landing = None
            self.report.landed += message.outcome.landed
            if message.error:
                self._fail(message.error)
        elif isinstance(message, Stop):
            self._stop(engine, message.signal)

    def _stop(self, engine: LocalEngine, signal: int) -> None:
        self._stops += 1
        self.report.stopped = signal
        if self._stops > 1:
            self._cancel_all(engine)
            self._halt.set()
            return
        self._deadline = self.project.clock.monotonic() + self.project.config.drain
        self.project.say("draining", running=sorted(self._running), seconds=self.project.config.drain)

    def _cancel_all(self, engine: LocalEngine) -> None:
        for task in self._running:
            engine.cancel(task)

    def _finish(self) -> None:
        """Write the session's last checkpoint where one is due, and say how things stand."""
        now = self._situation()
        if self.report.landed and not self._is_checkpoint(now.commit) and self._stops < 2:  # noqa: PLR2004
            publish.checkpoint(self.project, self.library, [], "end of session", "end of session")
            now = self._situation()
        standing = now.standing()
        self.report.phase = COMPLETE if self._all_settled(now, standing) else now.phase
        self.report.stuck = planning.stuck(now.plan, standing)
        self.report.dead = sorted(standing.dead)
        self.report.conflicts = [task for task in self.report.dead if _ended_in_conflict(now, task)]
        self.project.say("ended", phase=self.report.phase, landed=len(self.report.landed))

    def _all_settled(self, now: Situation, standing: Standing) -> bool:
        return bool(now.plan.tasks) and all(standing.settled(task) for task in now.plan.tasks)


def _ended_in_conflict(now: Situation, task: str) -> bool:
    result = now.results.get(task)
    return bool(result and result.attempts and result.attempts[-1].failure == Failure.CONFLICT.value)


def _handoffs(now: Situation, task: str) -> list[str]:
    """Return what the tasks that this one comes after have to say, one line each."""
    lines = []
    for name in now.plan.tasks[task].after:
        result = now.results.get(name)
        if result:
            said = "; ".join((*result.files, *result.decisions))
            lines.append(f"`{name}` has landed before this: {one_line(said, 300)}")
    return lines
