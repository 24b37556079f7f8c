"""The documents as a person's files hold them now; what cannot be taken is listed, not raised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import plan as planning
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.result import Result, Status
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plan import Plan, Standing
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger
from orchestrator.repo.refs import PAPERS
from orchestrator.repo.trees import blobs
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO, phases_in, stated_phase
from orchestrator.workspace import read_own


@dataclass
class Desk:
    """What is there: parsed where it can be, and an error with `file:line` for each document that cannot."""

    todo: Todo | None = None
    state: State | None = None
    plan: Plan | None = None
    specs: dict[str, Spec] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    faults: list[OrchestratorError] = field(default_factory=list)

    def standing(self, ledger: Ledger) -> Standing:
        """Return where each task of the plan stands, by these documents and the history."""
        if self.todo is None or self.plan is None:
            return Standing()
        dead = {task for task, result in self.results.items() if result.status is Status.DEAD}
        return Standing(
            done=frozenset(ledger.landed.among(self.plan.tasks.keys())),
            dropped=planning.dropped(self.todo),
            dead=frozenset(dead & self.plan.tasks.keys()) - ledger.landed.keys(),
        )

    def phase(self, ledger: Ledger) -> str:
        """Return the phase the work is in."""
        if self.plan is None:
            return ""
        return planning.current_phase(self.plan, self.standing(ledger), stated_phase(self.state, self.plan))


def read(git: Git, phases: tuple[str, ...] = ()) -> Desk:
    """Read every document in the checkout of `git`, and what a sparse checkout leaves out as the index has it.

    `phases` are the configured ones, empty for the state file's own.
    """
    desk, root, absent = Desk(), git.directory, left_out(git)
    here = {path: _bytes(desk, root, path) for path in (TODO, STATE)}
    todo, state = (absent.get(path) if data is None else data for path, data in here.items())
    with _Noting(desk):
        desk.todo = Todo.parse(todo, TODO) if todo is not None else None
    with _Noting(desk):
        desk.state = State.parse(state, STATE) if state is not None else None
    for path in [*listed(root, SPECS), *listed(root, CHECKPOINTS)]:
        _take(desk, path, _bytes(desk, root, path))
    for path, data in absent.items():
        if path not in {TODO, STATE}:
            _take(desk, path, data)
    if desk.todo is not None:
        with _Noting(desk):
            desk.plan = planning.build(desk.todo, desk.specs, phases or phases_in(desk.state), TODO)
    return desk


def left_out(git: Git) -> dict[str, bytes]:
    """Return the documents that a sparse checkout has no files of."""
    if not (git.directory / ".git" / "info" / "sparse-checkout").is_file():
        return {}
    marked = (record.partition(" ") for record in git.records("ls-files", "-t", "-z", "--", *PAPERS))
    paths = [path for mark, _, path in marked if mark == "S" and path.endswith(".md")]
    found = blobs(git, [f":{path}" for path in paths])
    return {path: found[f":{path}"] for path in paths if not (git.directory / path).exists()}


def required(git: Git, phases: tuple[str, ...] = ()) -> tuple[Desk, Todo, Plan]:
    """Read every document and insist on a plan.

    Raises:
        OrchestratorError: there is no TODO.md, or it or the state file cannot be taken.
    """
    desk = read(git, phases)
    for fault in desk.faults:
        if fault.where.split(":")[0] in {TODO, STATE}:
            raise fault
    if desk.todo is None or desk.plan is None:
        raise OrchestratorError("there is no plan here: no TODO.md", hint="orchestrator init", code=Exit.PRECONDITION)
    return desk, desk.todo, desk.plan


class _Noting:
    """Collects the error of one document instead of letting it end the reading of the others."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> bool:
        if isinstance(error, OrchestratorError):
            self.desk.faults.append(error)
            return True
        return False


def _bytes(desk: Desk, root: Path, path: str) -> bytes | None:
    with _Noting(desk):
        return read_own(root, path)
    return None


def listed(root: Path, folder: str) -> list[str]:
    """Return the documents in one of our folders, as paths from `root`."""
    return sorted(f"{folder}{item.name}" for item in (root / folder).glob("*.md") if not item.name.startswith("."))


def _take(desk: Desk, path: str, data: bytes | None) -> None:
    if data is None:
        return
    with _Noting(desk):
        if path.startswith(CHECKPOINTS):
            Checkpoint.parse(data, path)
        elif path.endswith(".result.md"):
            desk.results[path.removeprefix(SPECS).removesuffix(".result.md")] = Result.parse(data, path)
        else:
            desk.specs[path.removeprefix(SPECS).removesuffix(".md")] = Spec.parse(data, path)


def specless(desk: Desk) -> Mapping[str, int]:
    """Return the open tasks that have no spec, with their lines in TODO.md."""
    tasks = desk.todo.tasks if desk.todo else ()
    return {task.id: task.line for task in tasks if task.mark.value == " " and task.id not in desk.specs}
