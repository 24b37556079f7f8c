"""What every view reads: the documents at HEAD, each parsed only when something of it is shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from orchestrator import plan as planning
from orchestrator.budget import Limits
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.plan import COMPLETE, Standing
from orchestrator.repo.git import Git
from orchestrator.repo.history import NOTHING
from orchestrator.repo.refs import resolve
from orchestrator.repo.trees import Entry, blobs, entries
from orchestrator.steps.standing import (
    CHECKPOINTS,
    STATE,
    TODO,
    Situation,
    numbered,
    phases_in,
    primed,
    recalled,
    result_path,
    spec_path,
)
from orchestrator.workspace import read_own


@dataclass(frozen=True)
class Sources:
    """Where a view reads from.

    Attributes:
        git: git at the checkout's top.
        root: the checkout's top.
        lock: the file a leader holds while it is at work.
        phases: the configured phases, empty for the state file's own.
        now: the moment ages are counted to.
        journal: the file that says what was spent.
        limits: what may be spent.
    """

    git: Git
    root: Path
    lock: Path
    phases: tuple[str, ...]
    now: datetime
    journal: Path
    limits: Limits

    @property
    def git_dir(self) -> Path:
        """The checkout's own git directory: the leader's lock lies there."""
        return self.lock.parent

    @cached_property
    def tip(self) -> str:
        """The commit that is checked out, empty where there is none yet."""
        return resolve(self.git, "HEAD") or ""


class Shelf(Mapping[str, Spec]):
    """The specs by task, parsed when asked for: a thousand of them take longer than a person waits.

    Args:
        texts: the specs' own bytes, by task.
    """

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self.texts = texts
        self._parsed: dict[str, Spec] = {}

    def __getitem__(self, task: str) -> Spec:
        if task not in self._parsed:
            self._parsed[task] = Spec.parse(self.texts[task], spec_path(task))
        return self._parsed[task]

    def __contains__(self, task: object) -> bool:
        return task in self.texts

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def marked(self) -> dict[str, Spec]:
        """Return the specs that speak of a person or a draft: few need to be parsed."""
        return {task: self[task] for task, data in self.texts.items() if b"person" in data or b"raft" in data}


def look(sources: Sources) -> Situation | None:
    """Return where the project stands at HEAD, or None where there is no plan.

    A document that was never committed is read from the disk: the next run takes it in.

    Raises:
        DocumentError: TODO.md, the state file or an open task's result cannot be taken; with `file:line`.
    """
    found = _found(sources, [TODO, STATE])
    read = _contents(sources, found, [TODO, STATE])
    if TODO not in read:
        return None
    todo = Todo.parse(read[TODO], TODO)
    state = State.parse(read[STATE], STATE) if STATE in read else None
    known, landed = recalled(sources.git, sources.tip, todo) if sources.tip else (NOTHING, {})
    tasks = [task for task in todo.ids if task not in landed]
    found |= _found(sources, [path for task in tasks for path in (spec_path(task), result_path(task))])
    shelf = _shelf(sources, found, tasks)
    plan = planning.build(todo, shelf, sources.phases or phases_in(state), TODO, marked=shelf.marked())
    ids = {task: found[spec_path(task)].blob for task in shelf if spec_path(task) in found}
    return primed(Situation(sources.tip, todo, state, plan, known, _results(sources, found, tasks), ids), landed)


def _found(sources: Sources, paths: list[str]) -> dict[str, Entry]:
    return entries(sources.git, sources.tip, paths) if sources.tip and paths else {}


def _contents(sources: Sources, found: Mapping[str, Entry], paths: list[str]) -> dict[str, bytes]:
    committed = blobs(sources.git, [found[path].blob for path in paths if path in found])
    read = {path: committed[found[path].blob] for path in paths if path in found}
    fresh = {path: read_own(sources.root, path) for path in paths if path not in found}
    return read | {path: data for path, data in fresh.items() if data is not None}


def _shelf(sources: Sources, found: Mapping[str, Entry], tasks: list[str]) -> Shelf:
    read = _contents(sources, found, [spec_path(task) for task in tasks])
    return Shelf({task: read[spec_path(task)] for task in tasks if spec_path(task) in read})


def _results(sources: Sources, found: Mapping[str, Entry], tasks: list[str]) -> dict[str, Result]:
    """Return the results of open tasks: those alone say something that the history does not."""
    wanted = [task for task in tasks if result_path(task) in found]
    read = _contents(sources, found, [result_path(task) for task in wanted])
    return {task: Result.parse(read[result_path(task)], result_path(task)) for task in wanted}


def is_committed(sources: Sources, path: str) -> bool:
    """Whether HEAD has a file at `path`."""
    return bool(_found(sources, [path]))


def edited(sources: Sources, now: Situation) -> dict[str, bytes]:
    """Return what the files of TODO, state and open tasks' specs hold where that is not what HEAD has, by path.

    A spec that was never committed is among them.

    Raises:
        OrchestratorError: one is no plain file, or too large.
    """
    before = {TODO: now.todo.render(), STATE: now.state.render() if now.state else b""}
    texts = now.plan.specs.texts if isinstance(now.plan.specs, Shelf) else {}
    before |= {spec_path(task): data if task in now.spec_ids else b"" for task, data in texts.items()}
    own = ((path, read_own(sources.root, path)) for path in before)
    changed = ((path, data) for path, data in own if data is not None and data != before[path])
    return {path: data for path, data in changed if _lines(data) != _lines(before[path])}


def _lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def phase(now: Situation, standing: Standing) -> str:
    """Return the phase the workflow is in; COMPLETE once every task is settled."""
    if now.plan.tasks and not now.unsettled:
        return COMPLETE
    return planning.current_phase(now.plan, standing, now.phase) if now.plan.tasks else now.phase


def workflow(sources: Sources, now: Situation) -> str:
    """Return the workflow's name: as the state file says, as the history says, or the folder's."""
    return (now.state.workflow if now.state else "") or now.ledger.workflow or one_line(sources.root.name)


def checkpoint_path(sources: Sources) -> str:
    """Return the newest checkpoint file in HEAD's tree, empty where there is none."""
    listed = entries(sources.git, sources.tip, [CHECKPOINTS.rstrip("/")]) if sources.tip else {}
    return next(reversed(numbered(listed)), "")


def read_text(sources: Sources, path: str) -> bytes:
    """Return the bytes of `path` at HEAD, empty where there is no such file."""
    name = f"{sources.tip}:{path}"
    return blobs(sources.git, [name]).get(name, b"") if sources.tip and path else b""


def own_bytes(sources: Sources, names: tuple[str, ...]) -> tuple[str, bytes]:
    """Return the first of the files `names` that can be read: its name and bytes; both empty without one."""
    for name in names:
        try:
            data = read_own(sources.root, name)
        except (OrchestratorError, OSError):  # a symlink, a folder: the next name may do
            continue
        if data is not None:
            return name, data
    return "", b""
