"""The loop: what is ready starts, what is finished lands, what failed is tried again or buried."""

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator import plan as planning
from orchestrator import policy
from orchestrator.agents.protocol import Agent
from orchestrator.engines.local import Delivery, LocalEngine
from orchestrator.errors import DocumentError, OrchestratorError
from orchestrator.failure import Failure, Next, transient_row
from orchestrator.leader.beside import PlanningBeside
from orchestrator.leader.docket import Docket, docket, failures, verdict
from orchestrator.leader.gathering import Gathering
from orchestrator.leader.holds import Holds
from orchestrator.leader.inbox import Landed, Planned, Stop
from orchestrator.leader.orders import before, order
from orchestrator.leader.report import Report
from orchestrator.leader.tidying import Tidying
from orchestrator.leader.unanswered import Unable, Unanswered, unreached, wait_for
from orchestrator.plaintext import one_line
from orchestrator.plan import Standing
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.checkout import InTheWayError
from orchestrator.repo.history import is_checkpoint
from orchestrator.repo.index_lock import NotNowError
from orchestrator.repo.remembered import remember
from orchestrator.steps import publish
from orchestrator.steps.claim import Claims
from orchestrator.steps.dispatch import Order, Paused, carry_out, record_kept
from orchestrator.steps.land import Outcome, land
from orchestrator.steps.learn import is_news, learn
from orchestrator.steps.project import Project
from orchestrator.steps.standing import Library, Situation, situation
from orchestrator.steps.take_in import adopt_ticks, take_in

_PATIENCE = 5.0  # seconds a person's own git or editor is waited for when nothing else is left to do
_LOOK_AGAIN = 1.0  # seconds between looks at the person's files while agents work
_JUST_NOW = 0.1  # seconds between them when nothing is going on


@dataclass
class Leader:
    """One leader's run over one project.

    Args:
        project: the doors.
        agents: who can carry out specs, by name.
        until: stop once this phase is complete; empty for all.
        inbox: where deliveries, landings and stop requests arrive.
        asked: set once somebody has asked the leader to stop.
        looked: when a person's edits were taken in last, in monotonic seconds.
    """

    project: Project
    agents: Mapping[str, Agent]
    until: str = ""
    inbox: "queue.SimpleQueue[object]" = field(default_factory=queue.SimpleQueue)
    library: Library = field(default_factory=Library)
    report: Report = field(default_factory=Report)
    _running: dict[str, Order] = field(default_factory=dict)
    asked: threading.Event = field(default_factory=threading.Event)
    looked: float = float("-inf")
    _holds: Holds = field(init=False)
    _unanswered: Unanswered = field(default_factory=Unanswered)
    _unable: Unable = field(default_factory=Unable)
    _landing: threading.Thread | None = None
    _tidying: Tidying = field(init=False)
    _gathering: Gathering = field(init=False)
    _planning: PlanningBeside = field(init=False)
    _halt: threading.Event = field(default_factory=threading.Event)
    _stops: int = 0
    _deadline: float = float("inf")
    _error: Exception | None = None
    _not_now: float | None = None
    _claims: Claims = field(default_factory=Claims)

    def __post_init__(self) -> None:
        """Begin with nobody waiting, and nothing going on beside."""
        self._holds = Holds(self.project.clock, self.project.config.backoff)
        self._tidying = Tidying(self.project)
        self._gathering = Gathering(self.project.clock)
        self._planning = PlanningBeside(self.project, self.inbox)

    def stop(self, signal: int) -> None:
        """Ask for an end, from any thread or a signal handler: softly the first time, at once the second."""
        self.asked.set()
        self.inbox.put(Stop(signal))

    def run(self) -> Report:
        """Carry the plan on until it is complete, or until nothing can move without a person.

        Raises:
            OrchestratorError: something stopped the run; whatever was running is recorded.
        """
        project = self.project
        engine = LocalEngine(project.config.jobs, lambda order, cancel: carry_out(project, order, cancel), self.inbox)
        try:
            self._tidying.beside()
            while self._turn(engine):
                pass
        finally:
            engine.close()
            self._halt.set()
            if self._landing:
                self._landing.join()
            self._planning.close()
            self._tidying.close()
            project.worktrees.close()
        if self._error:
            raise self._error
        self._finish()
        return self.report

    def _turn(self, engine: LocalEngine) -> bool:
        """Take one turn of the loop; False when there is nothing left to wait for."""
        while not self.inbox.empty():
            self._handle(engine, self.inbox.get())
        if not self._draining and self._step(engine):
            return True
        idle = not (self._running or self._landing or self._planning.busy)
        held = self._holds.tasks and not (self.report.over_budget or self.report.gate)
        if idle and (self._draining or (not held and self._not_now is None)):
            return False
        self._wait(engine)
        return True

    def _step(self, engine: LocalEngine) -> bool:
        """Do what can be done now; True when that moved the branch, so that all must be read again.

        An error ends the run, but not at once: what runs may finish and is recorded. What a person is in the middle of,
        such as another branch checked out, a rebase or a document with a mistake in it, is only waited for.
        """
        try:
            again = self._work(engine)
        except (NotNowError, DocumentError) as error:
            self._put_off(error)
            return False
        except (OrchestratorError, OSError) as error:
            self._fail(error)
            return False
        if not self._landing:  # which may yet be put off
            self._not_now = None
        return again

    def _work(self, engine: LocalEngine) -> bool:
        self._planning.look()
        if not self._landing:
            return self._act(engine, docket(self.project.register, self._look()))
        self._start(engine, docket(self.project.register, self._situation()))
        return False

    def _put_off(self, error: OrchestratorError) -> None:
        """Look again later; give up once nothing runs any more and patience is at its end."""
        clock = self.project.clock.monotonic()
        if self._not_now is None:
            self._not_now = clock
            self.project.say("waiting", why=one_line(str(error)))
        if not self._running and not self._landing and clock - self._not_now > _PATIENCE:
            self._fail(error)

    @property
    def _draining(self) -> bool:
        return self._stops > 0 or self._error is not None

    def _look(self) -> Situation:
        """Take in what a person changed, and read where things stand; while work goes on, look once a second."""
        clock = self.project.clock.monotonic()
        due = clock - self.looked >= (_LOOK_AGAIN if self._running else _JUST_NOW)
        if due:
            take_in(self.project)
            self.looked = clock
        now = self._situation()
        return self._situation() if due and adopt_ticks(self.project, now) else now

    def _situation(self) -> Situation:
        project = self.project
        return situation(project.git, project.checkout.tip(), self.library, project.config.phases)

    def _fail(self, error: Exception) -> None:
        """Remember the first error: nothing new starts from now on."""
        self._planning.stop()
        if self._error is None:
            self._error = error
            self.project.say("stopping", why=one_line(str(error) or repr(error)))

    def _act(self, engine: LocalEngine, known: Docket) -> bool:
        """Do what the docket calls for; True when that moved the branch, so that all must be read again."""
        self._cancel_outdated(engine, known.now)
        if self._planning.put_down(list(self._running)):
            return True
        for _task, mine in known.failed():
            if mine[-1].task not in self._running and self._after_failure(known.now, mine):
                return True
        if self._checkpoint_first(known):
            return True
        self._start(engine, known)
        parked = self._holds.tasks | self._unanswered.parked
        waiting = [attempt for attempt in known.waiting() if attempt.task not in parked]
        if waiting and not (self._running and self._gathering.waits()):
            self._land(waiting)
        return False

    def _start(self, engine: LocalEngine, known: Docket) -> None:
        """Start what is ready and fits; also while a landing is under way, for verify may take minutes."""
        for each in self._chosen(known):
            self.project.guard.start()
            self._running[each.task] = each
            engine.submit(each)

    def _cancel_outdated(self, engine: LocalEngine, now: Situation) -> None:
        """Stop paying for attempts whose spec or task a person has changed or taken away; their work is kept."""
        standing = now.standing()
        for task, current in self._running.items():
            if now.spec_ids.get(task) != current.spec_id or standing.settled(task):
                self.project.say("attempt.outdated", task, current.number)
                engine.cancel(task)

    def _after_failure(self, now: Situation, mine: Sequence[Attempt]) -> bool:
        """Bury a task whose attempts are spent, let it wait, or write down what it ran into; True for a new commit."""
        last = mine[-1]
        following, why = verdict(self.project.git, self.project.config, now, mine)
        if following is Next.LATER and last.ref not in self._holds.seen:
            self._holds.seen.add(last.ref)
            wait_for(self.project, self._holds, last.task, last.number, transient_row(failures(mine)))
        if following is Next.AGAIN and is_news(now, last):
            return learn(self.project, self.library, list(self._running), mine) is not None
        if following is not Next.DEAD:
            return False
        publish.bury(self.project, self.library, list(self._running), mine, why)
        self.project.say("dead", last.task, last.number, why=why)
        return True

    def _chosen(self, known: Docket) -> list[Order]:
        """Return the orders for the tasks that may start now."""
        project, slots = self.project, self.project.config.jobs - len(self._running)
        now = known.now
        if slots <= 0 or planning.is_past(now.plan, now.phase, self.until) or self._gated(now) or self._over_budget():
            return []
        ready = planning.ready(now.plan, self._standing(known), now.phase, slots, among=now.unsettled)
        return [order(known, project.config, self.agents, task) for task in ready]

    def _gated(self, now: Situation) -> bool:
        """Whether a plan that was made beside this run waits for a person."""
        gate = now.ledger.gate
        self.report.gate = gate.name if gate and gate.shut else ""
        return bool(self.report.gate)

    def _over_budget(self) -> bool:
        """Whether the budget is spent; told once."""
        why = self.project.models.purse.over()
        if why and not self.report.over_budget:
            self.report.over_budget = why
            self.project.say("budget.spent", why=why)
        return bool(why)

    def _standing(self, known: Docket) -> Standing:
        project, git, config = self.project, self.project.git, self.project.config
        current = known.now.standing()
        claimed = self._claims.read(git, project.place.git_dir, project.clock.now())
        taken = [task for task in claimed if not current.settled(task)]
        failed = known.failed()
        spent = [task for task, mine in failed if verdict(git, config, known.now, mine)[0] is Next.DEAD]
        spent += project.models.purse.dear([*(task for task, _ in failed), *self._holds.paused])
        unable = self._unable.held(known.now, config.worker)
        return replace(
            current,
            # A task claimed by somebody else runs as far as its files are concerned.
            running=frozenset({*self._running, *taken}),
            waiting=frozenset(attempt.task for attempt in known.waiting()),
            held=self._holds.tasks.union(unable, spent, known.unlearnt() if self._landing else ()),
        )

    def _checkpoint_first(self, known: Docket) -> bool:
        """Write the checkpoint `auto` wants before delegation or a risky step; True when it was written."""
        project, now = self.project, known.now
        if project.config.every != "auto" or now.state is None or is_checkpoint(project.git, now.commit):
            return False
        why = policy.checkpoint_due("auto", before(self._chosen(known), now.state, project.clock.now()))
        return bool(why and publish.checkpoint(project, self.library, list(self._running), why, why))

    def _land(self, waiting: Sequence[Attempt]) -> None:
        """Land in a thread of its own, so that the loop goes on."""
        running = list(self._running)
        self.project.guard.start()  # verify runs what agents wrote

        def work() -> None:
            try:
                outcome = land(self.project, self.library, waiting, running, self._halt)
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the leader, which raises it
                self.inbox.put(Landed(Outcome(), error))
            else:
                self.inbox.put(Landed(outcome))

        self._landing = threading.Thread(target=work, name="landing")
        self._landing.start()

    def _wait(self, engine: LocalEngine) -> None:
        """Wait for the next thing to happen, or for the next look at the person's files."""
        late = self.project.clock.monotonic() > self._deadline
        pause = self._gathering.pause(self._holds.release(_LOOK_AGAIN))
        try:
            self._handle(engine, self.inbox.get(timeout=max(0.01, pause)))
        except queue.Empty:
            if late:
                self._cancel_all(engine)

    def _handle(self, engine: LocalEngine, message: object) -> None:
        if isinstance(message, Delivery):
            self._gathering.ended()
            self._running.pop(message.order.task, None)
            if message.error:
                self._fail(message.error)
            elif isinstance(message.attempt, Paused):
                self._pause(message.order, message.attempt)
            elif message.attempt:
                self._holds.recorded(message.attempt.task)
                if message.attempt.failure is Failure.FATAL:
                    self._unable.take(self.project, message.order, message.attempt.detail)
        elif isinstance(message, Landed):
            self._landing = None
            self._gathering.landed()
            self._tidying.beside()
            self.report.landed += message.outcome.landed
            unanswered = self._unanswered.take(self.project, message.outcome.later, self._holds)
            self._after_landing(message.error or unanswered)
        elif isinstance(message, Planned):
            error = self._planning.take(message)
            if error:
                self._fail(error)
        elif isinstance(message, Stop):
            self._stop(engine, message.signal)

    def _pause(self, order: Order, paused: Paused) -> None:
        """Let an attempt wait that can go on later; one whose patience is at its end waits for another run."""
        project, failure = self.project, paused.answer.failure
        row = self._holds.pause(paused.task)
        if self._draining:
            return
        if failure is Failure.FATAL:
            self._unable.take(project, order, paused.answer.detail)
        elif failure is Failure.INTERRUPTED:
            record_kept(project, paused.task, paused.number, paused.answer)
            self._holds.recorded(paused.task)
        elif failure is Failure.TRANSIENT and row > project.config.retries:
            self._fail(unreached(paused, row))
        else:
            # Within the attempt it was waited for already: from there on, longer.
            waited = project.config.retries if failure is Failure.TRANSIENT else 0
            wait_for(project, self._holds, paused.task, paused.number, waited + row)

    def _after_landing(self, error: Exception | None) -> None:
        passing = isinstance(error, NotNowError | DocumentError) and not isinstance(error, InTheWayError)
        if isinstance(error, OrchestratorError) and passing:
            self._put_off(error)
        elif error:
            self._fail(error)
        else:
            self._not_now = None

    def _stop(self, engine: LocalEngine, signal: int) -> None:
        self._stops += 1
        self._planning.stop()
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
        now = self._last()
        self._gated(now)
        self._tidying.now()
        remember(self.project.place.git_dir, now.commit, now.ledger)
        dear = {} if self.report.over_budget else self.project.models.purse.dear(now.unsettled)
        claimed = self._claims.read(self.project.git, self.project.place.git_dir, self.project.clock.now())
        self.report.conclude(now, claimed, dear, self._unable.error(now, self.project.config.worker))
        self.project.say("ended", phase=self.report.phase, landed=len(self.report.landed))

    def _last(self) -> Situation:
        """Return where things stand at the end; a person's merge, say, keeps nobody who was asked to stop."""
        try:
            now = self._situation()
        except NotNowError:
            if not self._stops or self.library.last is None:
                raise
            return self.library.last
        if self.report.landed and not is_checkpoint(self.project.git, now.commit) and self._stops < 2:  # noqa: PLR2004
            publish.checkpoint(self.project, self.library, [], "end of session", "end of session")
            now = self._situation()
        return now
