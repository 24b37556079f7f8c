"""Authoring by hand: a task put into TODO.md, a spec written for it; nothing is written over."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import plan as planning
from orchestrator import render
from orchestrator.documents import paths as naming
from orchestrator.documents import task_id
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Task, Todo
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.plan import Plan
from orchestrator.repo.git import Git
from orchestrator.repo.index_lock import index_lock
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import resolve
from orchestrator.steps import desk as desks
from orchestrator.steps.desk import Desk
from orchestrator.steps.standing import SPECS, TODO, phases_in, recalled, spec_path
from orchestrator.workspace import read_own, write_durably

_TRIES = 20  # others may add tasks at the same time


@dataclass(frozen=True)
class Added:
    """A task as TODO.md has it; `changed` is False when it stood there before."""

    task: str
    title: str
    phase: str
    after: tuple[str, ...]
    line: int
    changed: bool


@dataclass(frozen=True)
class Wanted:
    """A task to be: its id, title, phase (empty for the usual one), and what must land before it."""

    name: str
    title: str
    phase: str
    after: tuple[str, ...]


def add_task(git: Git, place: Place, phases: tuple[str, ...], wanted: Wanted) -> Added:
    """Write the task `wanted` into TODO.md, under the heading of its phase.

    Under git's lock of the index, which a landing holds while it writes: neither undoes what the other has written.

    Raises:
        OrchestratorError: no TODO.md, an id that is none, is taken or has landed, an unknown phase or dependency.
        NotNowError: another git process is at work on the checkout.
    """
    for _ in range(_TRIES):
        added, before, after = _grown(git, phases, wanted)
        if not added.changed:
            return added
        # For as short as can be: a kill would leave it there, for a person's git to stumble over until the next run.
        with index_lock(place, living=0.0):
            if read_own(place.root, TODO) == before:
                write_durably(place.root / TODO, after)
                return added
    raise OrchestratorError(f"{TODO} changes all the time", hint="the same command again", code=Exit.PRECONDITION)


def _grown(git: Git, phases: tuple[str, ...], wanted: Wanted) -> tuple[Added, bytes, bytes]:
    """Return the task as TODO.md would have it, with the bytes of TODO.md before and after."""
    desk, todo, plan = desks.required(git, phases)
    phase = _phase(plan, wanted.phase)
    if not task_id.valid(wanted.name):
        raise OrchestratorError(f"{wanted.name!r} cannot be an id", hint=task_id.RULE, code=Exit.USAGE)
    known = todo.task(wanted.name)
    if known is not None:
        return _same(plan, known, replace(wanted, phase=phase if wanted.phase else "")), b"", b""
    _refuse_landed(git, todo, wanted.name)
    grown = todo.add(wanted.name, wanted.title, heading(todo, plan.phases, phase), wanted.after)
    fresh = planning.build(grown, desk.specs, phases or phases_in(desk.state), TODO)
    return _added(fresh, fresh.tasks[wanted.name], changed=True), todo.render(), grown.render()


def _refuse_landed(git: Git, todo: Todo, name: str) -> None:
    tip = resolve(git, "HEAD")
    known = recalled(git, tip, todo)[0].landed if tip else {}
    if name in known:
        raise OrchestratorError(
            f"{name} landed before, as {known[name][:10]}: what has landed is not done again under that id",
            hint=f'take another id: orchestrator task add {name}-2 "TITLE"',
            code=Exit.PRECONDITION,
        )


def _phase(plan: Plan, said: str) -> str:
    found = planning.match_phase(said or "IMPLEMENTING", plan.phases)
    if found is None and said:
        raise OrchestratorError(
            f"{said!r} is no phase", hint=f"one of: {', '.join(plan.phases)}", code=Exit.PRECONDITION
        )
    return found or plan.phases[0]


def heading(todo: Todo, phases: Sequence[str], phase: str) -> str:
    """Return the last heading that means `phase`, or the phase's name for a new one."""
    headings = [found.text for found in todo.text.scan.headings]
    fitting = [text for text in headings if planning.match_phase(text, phases) == phase]
    return fitting[-1] if fitting else phase.capitalize()


def _same(plan: Plan, known: Task, wanted: Wanted) -> Added:
    facts = (one_line(wanted.title), wanted.after, wanted.phase or plan.phase_of[known.id])
    if facts != (known.title, known.after, plan.phase_of[known.id]):
        raise OrchestratorError(
            f"there is a task {known.id} already: {known.title}",
            where=f"{TODO}:{known.line}",
            hint="take another id, or change that line by hand",
            code=Exit.PRECONDITION,
        )
    return _added(plan, known, changed=False)


def _added(plan: Plan, task: Task, *, changed: bool) -> Added:
    return Added(task.id, task.title, plan.phase_of[task.id], task.after, task.line, changed)


@dataclass(frozen=True)
class NewSpec:
    """A spec's path; `changed` is False when these very bytes stood there before."""

    task: str
    path: str
    changed: bool


def new_spec(root: Path, task: Task, title: str, files: Sequence[str], reads: Sequence[str]) -> NewSpec:
    """Write the spec of `task` from the template.

    Raises:
        OrchestratorError: another spec stands there, or a path cannot be named in one.
    """
    for path in (*files, *reads):
        fault = naming.fault(path)
        if fault:
            raise OrchestratorError(f"{fault[0]}: {path!r}", hint=fault[1], code=Exit.USAGE)
    values = {
        "title": one_line(title) or one_line(task.title),
        "goal": "",
        "files": [entry(path) for path in files],
        "reads": [entry(path) for path in reads],
    }
    target, data = spec_path(task.id), render.document("spec.md.j2", values)
    Spec.parse(data, target)
    here = read_own(root, target)
    if here is not None and here != data:
        raise OrchestratorError(
            f"{target} is there already",
            hint=f"change it by hand, or delete it first: {target}",
            code=Exit.PRECONDITION,
        )
    if here is None:
        write_durably(root / target, data)
    return NewSpec(task.id, target, changed=here is None)


def refuse_left_out(root: Path, desk: Desk, task: str) -> None:
    """Refuse to write a spec over one that this sparse checkout leaves out.

    Raises:
        OrchestratorError: it does.
    """
    path = spec_path(task)
    if task in desk.specs and not os.path.lexists(root / path):
        raise OrchestratorError(
            f"{path} is there, and this sparse checkout leaves it out",
            hint=f"git sparse-checkout add {SPECS.rstrip('/')}   # or: orchestrator spec show {task}",
            code=Exit.PRECONDITION,
        )


def entry(path: str) -> str:
    """Return a path as a spec lists it."""
    return f"`{path}`" if " " in path else path
