"""Where the project stands, read from one commit: its documents, the ledger of what landed, the recorded attempts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from orchestrator import plan as planning
from orchestrator.documents.result import Result, Status
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError, Exit, OrchestratorError
from orchestrator.plan import COMPLETE, Plan, Standing
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger, ledger, number
from orchestrator.repo.remembered import recall
from orchestrator.repo.trees import EXECUTABLE, FOLDER, GITLINK, REGULAR, SYMLINK, at, blobs, entries
from orchestrator.steps.ignored import refuse_ignored
from orchestrator.workspace import read_own

TODO = "TODO.md"
STATE = "workflow-state.md"
SPECS = "specs/"
CHECKPOINTS = "checkpoints/"

_FILES = {REGULAR, EXECUTABLE}
_FOLDERS = (SPECS.rstrip("/"), CHECKPOINTS.rstrip("/"))
_KINDS = {FOLDER: "a folder", SYMLINK: "a link", GITLINK: "a submodule"}


def spec_path(task: str) -> str:
    """Return where the contract of `task` stands."""
    return f"{SPECS}{task}.md"


def result_path(task: str) -> str:
    """Return where the result of `task` stands."""
    return f"{SPECS}{task}.result.md"


def numbered(paths: Iterable[str]) -> list[str]:
    """Return those of `paths` that are checkpoints with a number, oldest first: 9999 comes before 10000."""
    found = {path: checkpoint_number(path) for path in paths}
    return sorted((path for path in found if found[path] >= 0), key=lambda path: (found[path], path))


def checkpoint_number(path: str) -> int:
    """Return the number of the checkpoint at `path`, -1 where that is none."""
    name = path.removeprefix(CHECKPOINTS)
    said = name.partition("-")[0] if "/" not in name and name.endswith(".md") else ""
    known = number(said)
    return -1 if known is None else known


@dataclass
class Library:
    """What a leader has read: an unchanged file is parsed once in its life, and one commit is looked at once.

    Attributes:
        specs, results: parsed documents of open tasks, by blob id.
        last: where things stood at the commit looked at last.
        coming: where things stand once a commit that is being landed is the branch.
    """

    specs: dict[str, Spec] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    last: "Situation | None" = None
    coming: "Situation | None" = None


@dataclass(frozen=True)
class Results(Mapping[str, Result]):
    """The results by task, read when they are asked for. What it counts and lists are those of tasks still open."""

    git: Git
    commit: str
    ids: Mapping[str, str]
    landed: Collection[str]
    library: Library

    def __getitem__(self, task: str) -> Result:
        """Return the result of `task`, as its file stands. Only an open task's is kept: it is asked for again.

        Raises:
            DocumentError: it cannot be taken; with `file:line`.
        """
        blob = self._id(task)
        found = self.library.results.get(blob)
        if found is None:
            found = Result.parse(blobs(self.git, [blob])[blob], result_path(task))
            if task in self.ids:
                self.library.results[blob] = found
        return found

    def _id(self, task: str) -> str:
        """Return the blob id of a result: a landed task's is only looked for when it is asked for."""
        if task in self.ids:
            return self.ids[task]
        found = entries(self.git, self.commit, [result_path(task)]) if task in self.landed else {}
        if not found:
            raise KeyError(task)
        return found[result_path(task)].blob

    def __contains__(self, task: object) -> bool:
        try:
            self._id(str(task))
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


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

    def after(self, commit: str, todo: Todo, state: State, known: Ledger, answers: Collection[str]) -> "Situation":
        """Return the situation at `commit`, which landed tasks on top of this one: what reading it would give.

        Args:
            commit: the new tip.
            todo: TODO.md there.
            state: the state file there.
            known: the ledger there.
            answers: the landed tasks.
        """
        if not isinstance(self.results, Results):
            raise TypeError("only a situation that was read from git has an afterwards")
        specs = {task: spec for task, spec in self.plan.specs.items() if task not in answers}
        plan = replace(self.plan, tasks=todo.by_id, specs=specs)
        ids = {task: blob for task, blob in self.results.ids.items() if task not in answers}
        results = replace(self.results, commit=commit, ids=ids, landed=known.landed)
        made = Situation(commit, todo, state, plan, known, results, self.spec_ids)
        vars(made)["landed"] = self.landed | {task: known.landed[task] for task in answers}
        return made

    @cached_property
    def landed(self) -> dict[str, str]:
        """The plan's tasks that have landed, with their commits, oldest first."""
        return self.ledger.landed.among(self.plan.tasks.keys())

    @cached_property
    def phase(self) -> str:
        """The phase the workflow is in: what the state file says, past every phase that is settled by now."""
        return planning.current_phase(self.plan, self.standing(), stated_phase(self.state, self.plan))

    @cached_property
    def unsettled(self) -> Sequence[str]:
        """The tasks that something may still happen to, in plan order."""
        return self.standing().unsettled(self.plan)

    def standing(self) -> Standing:
        """Return what git alone says of each task; who runs what is the leader's to add."""
        return self._standing

    @cached_property
    def _standing(self) -> Standing:
        answered = [task for task in self.results if task in self.plan.tasks and task not in self.landed]
        dead = [task for task in answered if self.results[task].status is Status.DEAD]
        return Standing(
            done=self.landed.keys(),
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


def refuse_misplaced(git: Git, commit: str) -> None:
    """Refuse to go on where something of a person's has one of our names: a commit of ours would take it away.

    Raises:
        OrchestratorError: a document is committed as a folder or a link, or a folder of ours as something else.
    """
    for path, entry in at(git, commit, [TODO, STATE, *_FOLDERS]).items():
        if path in _FOLDERS and entry.mode != FOLDER:
            raise _misplaced(path, entry.mode, "a folder")
        if path not in _FOLDERS and entry.mode not in _FILES:
            raise _misplaced(path, entry.mode, "a file of its own")


def _misplaced(path: str, mode: str, meant: str) -> OrchestratorError:
    return OrchestratorError(
        f"the last commit has {_KINDS.get(mode, 'a file')} called {path}, which must be {meant}",
        where=f"{path}:1",
        hint=f"give it another name: git mv {path} {path}.old && git commit",
        code=Exit.PRECONDITION,
    )


def situation(git: Git, commit: str, library: Library, phases: tuple[str, ...] = ()) -> Situation:
    """Read where the project stands at `commit`.

    Raises:
        OrchestratorError: there is no plan there.
        DocumentError: a document cannot be taken; with `file:line`.
    """
    for held in (library.last, library.coming):
        if held is not None and held.commit == commit and phases in {(), held.plan.phases}:
            library.last = held
            return held
    last = library.last
    refuse_misplaced(git, commit)
    found = entries(git, commit, [TODO, STATE])
    if TODO not in found:
        raise no_plan(git)
    read = blobs(git, [found[path].blob for path in (TODO, STATE) if path in found])
    todo = Todo.parse(read[found[TODO].blob], TODO)
    state = State.parse(read[found[STATE].blob], STATE) if STATE in found else None
    known, landed = _continued(git, commit, todo, last) if last else recalled(git, commit, todo)
    ids, answers = _papers(git, commit, [task for task in todo.ids if task not in landed])
    specs = _specs(git, ids, library)
    plan = planning.build(todo, specs, phases or phases_in(state), TODO)
    wanted = {*answers.values()}
    library.results = {blob: held for blob, held in library.results.copy().items() if blob in wanted}
    results = Results(git, commit, answers, known.landed, library)
    library.last = primed(Situation(commit, todo, state, plan, known, results, ids), landed)
    return library.last


def primed(now: Situation, landed: dict[str, str]) -> Situation:
    """Return `now`, which need not look for what of its plan has landed: that is known."""
    vars(now)["landed"] = landed  # as its cached property would keep it
    return now


def phases_in(state: State | None) -> tuple[str, ...]:
    """Return the phases the state file's table names, without COMPLETE and BLOCKED."""
    names = [row.name.strip().upper() for row in state.phases] if state else []
    return tuple(name for name in names if name not in {COMPLETE, planning.BLOCKED})


def _continued(git: Git, commit: str, todo: Todo, last: Situation) -> tuple[Ledger, dict[str, str]]:
    known = ledger(git, commit, (last.commit, last.ledger))
    return known, known.landed.among(todo.by_id.keys())


def recalled(git: Git, commit: str, todo: Todo) -> tuple[Ledger, dict[str, str]]:
    """Return the ledger at `commit`, whose TODO.md is `todo`, and of the tasks there those that have landed.

    That is what is remembered, if it agrees with the ticks.
    """
    memory = recall(git.directory / ".git")
    if memory is not None:
        known = ledger(git, commit, memory)
        landed = known.landed.among(todo.by_id.keys())
        if landed.keys() == todo.ticked:
            return known, landed
    known = ledger(git, commit)
    return known, known.landed.among(todo.by_id.keys())


def no_plan(git: Git) -> OrchestratorError:
    """Return the error of a project without a plan.

    Raises:
        OrchestratorError: there is one that no commit takes in: git ignores it, or it is no plain file.
    """
    refuse_ignored(git, [TODO])
    read_own(git.directory, TODO)
    return OrchestratorError(
        "there is no plan here: no TODO.md",
        hint="orchestrator init, then write tasks into TODO.md and specs/",
        code=Exit.PRECONDITION,
    )


def _papers(git: Git, commit: str, tasks: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the blob ids of the specs and results of `tasks`; other Markdown in that folder is a person's own."""
    wanted = [path for task in tasks for path in (spec_path(task), result_path(task))]
    found = entries(git, commit, wanted) if wanted else {}
    odd = [path for path in found if found[path].mode not in _FILES or path.count("/") > 1]
    if odd:
        below = odd[0].count("/") > 1
        raise _misplaced("/".join(odd[0].split("/")[:2]), FOLDER if below else found[odd[0]].mode, "a file of its own")
    specs, results = {}, {}
    for task in tasks:
        if spec_path(task) in found:
            specs[task] = found[spec_path(task)].blob
        if result_path(task) in found:
            results[task] = found[result_path(task)].blob
    return specs, results


def _specs(git: Git, wanted: Mapping[str, str], library: Library) -> dict[str, Spec]:
    """Return the specs of the tasks in `wanted`, by their blob ids; from now on the library holds these alone."""
    held = {blob: spec for blob in wanted.values() if (spec := library.specs.get(blob))}  # a landing may let go of one
    fresh = blobs(git, {blob for blob in wanted.values() if blob not in held})
    held |= {blob: Spec.parse(fresh[blob], spec_path(task)) for task, blob in wanted.items() if blob in fresh}
    library.specs = held
    return {task: held[blob] for task, blob in wanted.items()}


def counted(attempts: Iterable[Attempt], ledger_: Ledger, task: str) -> list[Attempt]:
    """Return the attempts that count for `task`: those since a person's `retry`, or since a restore reopened it."""
    floor = ledger_.reopened.get(task, 0)
    return [attempt for attempt in attempts if attempt.task == task and attempt.number > floor]


def last_told(now: Situation, task: str) -> int:
    """Return the last attempt that the result of `task` tells of: it may have been made in another clone."""
    try:
        return max((row.number for row in now.results[task].attempts), default=0)
    except (KeyError, DocumentError):
        return 0


def waiting(of: Callable[[str], Iterable[Attempt]], ledger_: Ledger, tasks: Iterable[str]) -> dict[str, int]:
    """Return those of `tasks` whose last attempt is finished, with its number; `of` gives a task's attempts."""
    last = {task: counted(of(task), ledger_, task)[-1:] for task in tasks}
    return {task: mine[0].number for task, mine in last.items() if mine and mine[0].fate is Fate.FINISHED}
