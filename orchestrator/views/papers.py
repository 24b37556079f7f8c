"""The documents against each other and against the history: what does not fit, and what mends it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from orchestrator.documents.state import State
from orchestrator.documents.todo import Mark
from orchestrator.errors import DocumentError, OrchestratorError
from orchestrator.repo.attempts import load
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger
from orchestrator.repo.refs import resolve
from orchestrator.repo.trees import blobs
from orchestrator.steps import desk as desks
from orchestrator.steps.contradictions import (
    refuse_early_completion,
    refuse_unknown_phase,
    ticked_by_hand,
    unlanded,
)
from orchestrator.steps.desk import Desk
from orchestrator.steps.ignored import adding, ignored
from orchestrator.steps.standing import CHECKPOINTS, STATE, TODO, refuse_misplaced, spec_path, waiting
from orchestrator.views.findings import Finding, Severity, of_error
from orchestrator.views.specs import forbidden, softer

REBUILD = "orchestrator doctor --rebuild"


def documents(desk: Desk, known: Ledger, root: Path, git: Git) -> list[Finding]:
    """Return everything that is wrong with the documents."""
    found = [of_error(fault) for fault in desk.faults]
    found += _misplaced(git)
    found += _absent(desk, known, git)
    found += _state(desk, known, git)
    found += _ignored(desk, known, git)
    found += _specs(desk, known)
    found += _drift(desk, known, git)
    found += _numbering(desks.listed(root, CHECKPOINTS), known)
    return found


def _misplaced(git: Git) -> Iterator[Finding]:
    tip = resolve(git, "HEAD")
    try:
        if tip:
            refuse_misplaced(git, tip)
    except OrchestratorError as error:
        yield of_error(error)


def _absent(desk: Desk, known: Ledger, git: Git) -> Iterator[Finding]:
    if desk.todo is not None or any(fault.where.startswith(f"{TODO}:") for fault in desk.faults):
        return
    if known.landed or known.checkpoint or blobs(git, [f"HEAD:{TODO}"]):
        why = "git still has it"
        yield Finding(Severity.ERROR, f"{TODO} is gone", why, REBUILD, TODO)
    else:
        yield Finding(Severity.NOTE, f"there is no {TODO} yet", "it holds the plan", "orchestrator init")


def _ignored(desk: Desk, known: Ledger, git: Git) -> Iterator[Finding]:
    tasks = desk.todo.ids if desk.todo else ()
    wanted = [TODO, *(spec_path(task) for task in tasks if task not in known.landed)]
    for path, (rule, where) in ignored(git, wanted).items():
        what = f"git ignores it: `{rule}` in {where}"
        fix = f"{adding([path])}   # or take that rule out"
        yield Finding(Severity.ERROR, what, "a run works from what is committed", fix, path)


def _state(desk: Desk, known: Ledger, git: Git) -> Iterator[Finding]:
    """What the next run will refuse of the state file."""
    if desk.state is None or desk.plan is None:
        return
    try:
        refuse_unknown_phase(desk.state, desk.plan)
        before = blobs(git, [f"HEAD:{STATE}"]).get(f"HEAD:{STATE}")
        refuse_early_completion(desk.state, State.parse(before, STATE) if before else None, desk.plan, known.landed)
    except DocumentError as error:
        yield of_error(error)


def _specs(desk: Desk, known: Ledger) -> Iterator[Finding]:
    tasks = {task.id: task for task in desk.todo.tasks} if desk.todo else {}
    broken = {fault.where.split(":")[0] for fault in desk.faults}
    for task in tasks.values():
        wanted = task.mark is Mark.OPEN and task.id not in known.landed
        if wanted and task.id not in desk.specs and spec_path(task.id) not in broken:
            why = "it cannot start"
            fix = f"orchestrator spec new {task.id}"
            yield Finding(Severity.WARNING, f"{task.id} has no spec", why, fix, f"{TODO}:{task.line}")
    for name, spec in desk.specs.items():
        if desk.todo is not None and name not in tasks:
            fix = f'orchestrator task add {name} "TITLE"   # or delete the file'
            yield Finding(Severity.WARNING, f"no task is called {name}", "the spec is for nobody", fix, spec_path(name))
        elif name not in known.landed:
            yield from forbidden(name, spec)
            yield from softer(name, spec)


def _drift(desk: Desk, known: Ledger, git: Git) -> Iterator[Finding]:
    by_hand = ticked_by_hand(desk.todo, known.landed) if desk.todo else ()
    late = waiting(lambda task: load(git, task), known, by_hand)
    for task in desk.todo.tasks if desk.todo else ():
        where = f"{TODO}:{task.line}"
        if task.id in known.landed and task.mark is not Mark.DONE:
            why = f"commit {known.landed[task.id][:10]} did, and the commit is the truth"
            yield Finding(Severity.ERROR, f"{task.id} is not ticked, but it has landed", why, REBUILD, where)
        elif task.id in late:
            why = "the next run refuses that, unless the tick is committed"
            fix = f"{REBUILD}, then: orchestrator run"
            yield Finding(Severity.WARNING, unlanded(task.id, late[task.id]), why, fix, where)
        elif task.mark is Mark.DONE and task.id not in known.landed:
            why = "the next run takes it as done by hand"
            fix = f"nothing, or untick it; orchestrator task done {task.id} verifies it first"
            yield Finding(Severity.NOTE, f"{task.id} is ticked, but it has not landed", why, fix, where)


def _numbering(paths: list[str], known: Ledger) -> Iterator[Finding]:
    numbers = {path: path.removeprefix(CHECKPOINTS).split("-")[0] for path in paths}
    times = Counter(int(number) for number in numbers.values() if number.isdecimal())
    for path, number in numbers.items():
        if not number.isdecimal():
            why = "the program neither counts nor removes it"
            yield Finding(Severity.NOTE, "a checkpoint without a number", why, "rename it: NNNN-name.md", path)
        elif times[int(number)] > 1:
            fix = "keep one; git log -- checkpoints/ says which came first"
            yield Finding(Severity.WARNING, f"checkpoint {number} is there more than once", "", fix, path)
        elif int(number) > known.checkpoint:
            why = f"the last one in the history is {known.checkpoint:04d}"
            yield Finding(Severity.WARNING, f"checkpoint {number} is in no commit's trailers", why, REBUILD, path)
