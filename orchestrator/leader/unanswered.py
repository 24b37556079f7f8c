"""Unanswered: attempts that wait until a model can be asked, at work or about to land: how long, and how often."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.leader.holds import Holds
from orchestrator.plaintext import one_line
from orchestrator.repo.attempts import Attempt
from orchestrator.steps.asking import NoAnswer
from orchestrator.steps.dispatch import Order, Paused
from orchestrator.steps.project import Project
from orchestrator.steps.standing import Situation

_QUOTA = 300.0  # seconds between questions while a limit of the account is reached that says no time


def wait_for(project: Project, holds: Holds, task: str, number: int, row: int) -> None:
    """Let a task wait after so many failures in a row that pass."""
    seconds = holds.hold(task, row, project.models.shut_for())
    project.say("attempt.later", task, number, seconds=seconds)


def unreached(paused: Paused, row: int) -> OrchestratorError:
    """Return the error of an attempt that can go on, and whose agent got through to nobody so often in a row."""
    return OrchestratorError(
        f"{paused.task}/{paused.number} cannot go on, after {row} transient failures in a row: {paused.answer.detail}",
        hint="orchestrator run   # goes on where it was: nothing is lost, and nothing is paid for again",
    )


@dataclass(frozen=True)
class _Lack:
    """What a task's agent, with the model asked of it, lacks here."""

    agent: tuple[str, str]
    error: OrchestratorError


@dataclass
class Unable:
    """The tasks whose agents cannot work here; of one with which two could not, this run gives it nothing more."""

    _tasks: dict[str, _Lack] = field(default_factory=dict)

    def take(self, project: Project, order: Order, why: str) -> None:
        """Leave the task of `order` to another run: nothing is held against it."""
        hint = "mend that, then: orchestrator run   # nothing is held against the task"
        said = f"{order.task}/{order.number} cannot be carried out: {why}"
        error = OrchestratorError(said, hint=hint, code=Exit.MISSING)
        self._tasks[order.task] = _Lack((order.agent.name, order.spec.model), error)
        project.say("waiting", why=one_line(str(error)))

    def held(self, now: Situation, worker: str) -> frozenset[str]:
        """Return the tasks that are left to another run; `worker` does what asks for nobody."""
        if not self._tasks:
            return frozenset()
        specs = ((task, now.plan.specs.get(task)) for task in now.unsettled)
        asked = {task: (spec.agent or worker, spec.model) for task, spec in specs if spec}
        stuck = {task for task, lack in self._tasks.items() if asked.get(task) == lack.agent}
        times = Counter(self._tasks[task].agent for task in stuck)
        return frozenset(stuck.union(task for task, agent in asked.items() if times[agent] > 1))

    def error(self, now: Situation, worker: str) -> OrchestratorError | None:
        """Return what the first agent lacks whose task is still left to another run; None for none."""
        held = self.held(now, worker)
        return next((lack.error for task, lack in self._tasks.items() if task in held), None)


@dataclass
class Unanswered:
    """Counts the questions about each attempt that brought nothing.

    Attributes:
        parked: tasks whose attempts wait for a larger budget: this run asks about them no more.
    """

    parked: set[str] = field(default_factory=set)
    _rows: Counter[str] = field(default_factory=Counter)

    def take(
        self, project: Project, later: Sequence[tuple[Attempt, NoAnswer]], holds: Holds
    ) -> OrchestratorError | None:
        """Let each attempt wait; return the error once one was asked about too often."""
        error = None
        for attempt, found in later:
            if found.budget:
                self.parked.add(attempt.task)
                continue
            # A limit of the account is waited out for ever, and counts for nothing.
            self._rows[attempt.ref] += not found.quota
            least = found.wait or (_QUOTA if found.quota else 0.0)
            row = max(1, self._rows[attempt.ref])
            seconds = holds.hold(attempt.task, row, max(least, project.models.shut_for()))
            project.say("landing.later", attempt.task, attempt.number, seconds=seconds, why=found.why)
            if self._rows[attempt.ref] > project.config.retries:
                said = f"{attempt.task} waits to be landed, and no model answers: {found.why}"
                error = OrchestratorError(said, hint="orchestrator run   # asks again; the work is kept")
        return error
