"""Where the project stands, read from one commit: its documents, the ledger of what landed, the recorded attempts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator import plan as planning
from orchestrator.documents.result import Result, Status
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plan import COMPLETE, Plan, Standing
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger, ledger
from orchestrator.repo.trees import Entry, blobs, entries

TODO = "TODO.md"
STATE = "workflow-state.md"
SPECS = "specs/"
CHECKPOINTS = "checkpoints/"


def spec_path(task: str) -> str:
    """Return where the contract of `task` stands."""
    return f"{SPECS}{task}.md"


def result_path(task: str) -> str:
    """Return where the result of `task` stands."""
    return f"{SPECS}{task}.result.md"


@dataclass
class Library:
    """Parsed specs and results by blob id: an unchanged file is parsed once in a leader's life."""

    specs: dict[str, Spec] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """Everything decisions are made from, as of `commit`."""

    commit: str
    todo: Todo
    state: State | None
    plan: Plan
    ledger: Ledger
    results: Mapping[str, Result]
    spec_ids: Mapping[str, str]

    @property
    def phase(self) -> str:
        """The phase the workflow is in: what the state file says, past every phase that is settled by now."""
        return planning.current_phase(self.plan, self.standing(), stated_phase(self.state, self.plan))

    def standing(self) -> Standing:
        """Return what git alone says of each task; who runs what is the leader's to add."""
        dead = {
            task
            for task, result in self.results.items()
            if result.status is Status.DEAD and task not in self.ledger.landed and task in self.plan.tasks
        }
        return Standing(
            done=frozenset(self.ledger.landed) & self.plan.tasks.keys(),
            dropped=planning.dropped(self.todo),
            dead=frozenset(dead),
        )


def stated_phase(state: State | None, plan: Plan) -> str:
    """Return the phase `state` names, as the plan spells it; the first one where there is no state yet."""
    if state is None:
        return plan.phases[0]
    wanted = state.phase.strip().upper()
    if wanted in {COMPLETE, planning.BLOCKED}:
        return wanted
    return planning.match_phase(state.phase, plan.phases) or plan.phases[0]


def situation(git: Git, commit: str, library: Library, phases: tuple[str, ...] = ()) -> Situation:
    """Read where the project stands at `commit`.

    Raises:
        OrchestratorError: there is no plan there.
        DocumentError: a document cannot be taken; with `file:line`.
    """
    found = entries(git, commit, [TODO, STATE, SPECS.rstrip("/")])
    if TODO not in found:
        raise OrchestratorError(
            "there is no plan here: no TODO.md",
            hint="orchestrator init, then write tasks into TODO.md and specs/",
            code=Exit.PRECONDITION,
        )
    read = blobs(git, [found[path].blob for path in (TODO, STATE) if path in found])
    todo = Todo.parse(read[found[TODO].blob], TODO)
    state = State.parse(read[found[STATE].blob], STATE) if STATE in found else None
    specs, results = _documents(git, found, library, {task.id for task in todo.tasks})
    plan = planning.build(todo, specs, phases or phases_in(state), TODO)
    ids = {task: found[spec_path(task)].blob for task in plan.tasks if spec_path(task) in found}
    return Situation(commit, todo, state, plan, ledger(git, commit), results, ids)


def phases_in(state: State | None) -> tuple[str, ...]:
    """Return the phases the state file's table names, without COMPLETE and BLOCKED."""
    names = [row.name.strip().upper() for row in state.phases] if state else []
    return tuple(name for name in names if name not in {COMPLETE, planning.BLOCKED})


def _documents(
    git: Git, found: Mapping[str, Entry], library: Library, tasks: Collection[str]
) -> tuple[dict[str, Spec], dict[str, Result]]:
    """Return the specs and results of `tasks`; other Markdown in that folder is a person's own."""
    contracts = {task: found[spec_path(task)].blob for task in tasks if spec_path(task) in found}
    answers = {task: found[result_path(task)].blob for task in tasks if result_path(task) in found}
    unread = {blob for blob in contracts.values() if blob not in library.specs}
    unread |= {blob for blob in answers.values() if blob not in library.results}
    fresh = blobs(git, unread)
    for task, blob in contracts.items():
        if blob not in library.specs:
            library.specs[blob] = Spec.parse(fresh[blob], spec_path(task))
    for task, blob in answers.items():
        if blob not in library.results:
            library.results[blob] = Result.parse(fresh[blob], result_path(task))
    specs = {task: library.specs[blob] for task, blob in contracts.items()}
    return specs, {task: library.results[blob] for task, blob in answers.items()}


def counted(attempts: Iterable[Attempt], ledger_: Ledger, task: str) -> list[Attempt]:
    """Return the attempts that count for `task`: those since a person's `retry`, or since a restore reopened it."""
    floor = ledger_.reopened.get(task, 0)
    return [attempt for attempt in attempts if attempt.task == task and attempt.number > floor]
