"""Dispatch: one attempt from spec to recorded ref. Everything here may run in any thread, and again after a kill."""

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from orchestrator import policy, render
from orchestrator.agents.protocol import Agent, Answer, Assignment
from orchestrator.documents import edits
from orchestrator.documents.spec import Spec
from orchestrator.errors import OrchestratorError
from orchestrator.failure import Failure
from orchestrator.lock import boot_id
from orchestrator.models.spent import Paid
from orchestrator.plaintext import one_line, safe_text
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.guard import describe
from orchestrator.repo.removal import remove_tree
from orchestrator.repo.sight import footing, look
from orchestrator.repo.slots import Hidden
from orchestrator.repo.snapshot import take
from orchestrator.repo.walk import Mark
from orchestrator.repo.worktrees import UnwantedError, is_pointer
from orchestrator.steps import claim
from orchestrator.steps.answers import ENDED, noted, read_answer, write_answer
from orchestrator.steps.named import named_files
from orchestrator.steps.project import Project
from orchestrator.steps.sweeping import sweep
from orchestrator.steps.verify import prepare
from orchestrator.workspace import write_whole

_ORDER = "order.json"
_READY = "ready"
_RESULT = "result.md"
_SPEC = "spec.md"
_PASSING = {Failure.INTERRUPTED, Failure.QUOTA, Failure.TRANSIENT, Failure.FATAL}
_GONE = "its worktree was taken away while it ran"
_NOTHING = "it says that the work is complete, and changed nothing"
_TICK = 0.012  # seconds; Linux stamps files by a clock that ticks every 1 to 10 ms


@dataclass(frozen=True)
class Order:
    """One attempt to be made: which spec, from which commit, by whom, and what earlier attempts ran into.

    `hidden` are patterns of files that its worktree leaves out.
    """

    task: str
    number: int
    base: str
    spec: Spec
    spec_id: str
    agent: Agent
    timeout: float | None
    idle: float | None
    earlier: Sequence[Attempt] = ()
    handoffs: Sequence[str] = ()
    hidden: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its worktree."""
        return f"{self.task}-{self.number}"


@dataclass(frozen=True)
class Paused:
    """An attempt that stopped for a reason that passes, and can go on where it was: nothing of it is recorded yet."""

    task: str
    number: int
    answer: Answer


def carry_out(project: Project, order: Order, cancel: threading.Event) -> Attempt | Paused | None:
    """Make the attempt: worktree, agent, snapshot, ref. What the agent did is recorded before anything is removed.

    One that was cut short goes on where it was, in its own worktree from its own base. None is one that was stopped
    before it had a worktree: nothing has begun.

    Raises:
        OrchestratorError: the worktree cannot be made, or git cannot store the work (it stays where it is).
    """
    folder = project.folders.attempt(order.task, order.number)
    kept = _kept(project, order.task, order.number)
    if kept and (kept["spec"], kept["agent"]) != (order.spec_id, order.agent.name):
        return record_kept(project, order.task, order.number)
    if kept:
        order = replace(order, base=str(kept["base"]), hidden=tuple(kept["hidden"]))
    else:
        remove_tree(folder)
        project.folders.begin(folder)
        _write_order(folder, order)
    facts = {"agent": order.agent.name, "base": order.base, "logs": str(folder), "again": bool(kept)}
    project.say("attempt.started", order.task, order.number, **facts)
    try:
        ground = _ground_again(project, order) if kept else _ground(project, order, cancel)
    except UnwantedError:
        project.say("attempt.unbegun", order.task, order.number)
        return None
    begun = project.guard.clock()
    if not kept and (order.agent.resumes or not ground.again):
        # What setup made is no change of the agent's, nor after a kill; without setup all that is not the base's is.
        write_whole(folder / _READY, json.dumps(None if ground.again else ground.known).encode())
    answer = order.agent.run(
        _assignment(project, order, folder, ground.path),
        cancel=cancel,
        transcript=lambda name, facts: project.say(f"agent.{name}", order.task, order.number, **facts),
    )
    if order.agent.resumes and answer.failure in _PASSING:
        project.say("attempt.paused", order.task, order.number, failure=answer.failure, why=answer.detail)
        _account(project, order.task, order.number, answer)
        return Paused(order.task, order.number, answer)
    with project.register.coming():
        write_answer(folder, answer)
        project.say("attempt.ended", order.task, order.number, failure=answer.failure, seconds=answer.seconds)
        origin = _Origin(order.task, order.number, order.base, order.spec_id, order.agent.name, order.agent.must_change)
        tampered = sweep(project, begun)
        return _recorded(project, origin, answer, ground, tampered)


@dataclass(frozen=True)
class _Ground:
    """What an agent was given to work in.

    Attributes:
        path: the worktree.
        known: every file there, with its mark; None where that is not known any more.
        named: files the spec names, one by one.
        again: whether another attempt may have the worktree afterwards.
        hidden: patterns of files that are not there.
    """

    path: Path
    known: Mapping[str, Mark] | None = None
    named: Collection[str] = ()
    again: bool = False
    hidden: Sequence[str] = ()


def _ground(project: Project, order: Order, cancel: threading.Event) -> _Ground:
    reads = tuple(file.path for file in (*order.spec.reads, *order.spec.files))
    hidden = Hidden.of(order.hidden, reads)
    slot = project.worktrees.lend(order.name, order.base, hidden, lambda: not cancel.is_set())
    # Who claims looks for the worktree after that: of the two, one sees the other.
    if claim.is_claimed(project.git, order.task):
        project.worktrees.give_back(order.name, None)
        raise UnwantedError
    named = {file.path for file in order.spec.files}
    config = project.config
    if config.setup or config.copy or config.link:
        prepare(project, slot.path, cancel)
        return _Ground(slot.path, footing(look(slot.path)), named)
    # A file that is changed within the same tick of the disk's clock as it was written would look untouched.
    ahead = slot.newest + _TICK - project.clock.now().timestamp()
    cancel.wait(min(_TICK, max(0.0, ahead)))  # a clock that was put back says hours, and a tick is as good
    return _Ground(slot.path, slot.files, named, again=True)


def _ground_again(project: Project, order: Order) -> _Ground:
    """Return the worktree of an attempt that goes on."""
    known = _known(project.folders.attempt(order.task, order.number))
    named = {file.path for file in order.spec.files}
    return _Ground(project.folders.worktrees / order.name, known, named, hidden=order.hidden)


def _known(folder: Path) -> dict[str, Mark] | None:
    """Return the files that setup and git had made before the agent began; None where git alone had."""
    return {path: tuple(mark) for path, mark in noted(folder / _READY).items()} or None


def _write_order(folder: Path, order: Order) -> None:
    facts = {
        "base": order.base,
        "spec": order.spec_id,
        "agent": order.agent.name,
        "hidden": order.hidden,
        "named": [file.path for file in order.spec.files],
        "must_change": order.agent.must_change,
        "resumes": order.agent.resumes,
        "boot": boot_id(),
    }
    text = render.text(
        "attempt.md.j2",
        {
            "spec": edits.closed(order.spec.text),
            "task": order.task,
            "number": order.number,
            "base": order.base,
            "earlier": order.earlier,
            "handoffs": order.handoffs,
        },
    )
    write_whole(folder / _SPEC, text.encode())
    write_whole(folder / _ORDER, json.dumps(facts).encode())


def _assignment(project: Project, order: Order, folder: Path, worktree: Path) -> Assignment:
    return Assignment(
        task=order.task,
        attempt=order.number,
        spec=(folder / _SPEC).read_text(encoding="utf-8"),
        spec_path=folder / _SPEC,
        result_path=folder / _RESULT,
        files=named_files(project.git, order.base, order.spec),
        worktree=worktree,
        logs=folder,
        token=f"{project.token}{order.task}/{order.number}",
        timeout=order.timeout,
        idle=order.idle,
        model=order.spec.model,
        effort=order.spec.effort,
    )


@dataclass(frozen=True)
class _Origin:
    """What an attempt was given, as its folder remembers it after a kill."""

    task: str
    number: int
    base: str
    spec: str
    agent: str
    must_change: bool = False


def _account(project: Project, task: str, number: int, answer: Answer) -> Paid:
    """Count what an attempt has cost so far, and return it.

    What went through our own door is known to the micro, also of an agent that was killed before it could say.
    """
    return project.models.purse.account("worker", task, number, Paid(answer.micros, answer.usage))


def _attempt(project: Project, origin: _Origin, answer: Answer) -> Attempt:
    paid = _account(project, origin.task, origin.number, answer)
    return Attempt(
        task=origin.task,
        number=origin.number,
        commit="",
        base=origin.base,
        spec=origin.spec,
        agent=origin.agent,
        fate=Fate.FAILED if answer.failure else Fate.FINISHED,
        failure=answer.failure,
        seconds=answer.seconds,
        detail=safe_text(answer.detail),
        result=answer.result or b"",
        when=project.clock.now(),
        usage=paid.usage,
        micros=paid.micros,
        sandbox=one_line(answer.sandbox, 20),
    )


def _recorded(
    project: Project,
    origin: _Origin,
    answer: Answer,
    ground: _Ground,
    tampered: Mapping[str, str] = MappingProxyType({}),
) -> Attempt:
    """Snapshot the worktree, point the attempt's ref at it, and only then remove the worktree."""
    attempt = _attempt(project, origin, answer)
    name = f"{attempt.task}-{attempt.number}"
    worktree = ground.path
    if not worktree.is_dir():
        said = f"{_GONE}\n{attempt.detail}" if attempt.failure else _GONE
        attempt = _failed(attempt, attempt.failure or Failure.DETERMINISTIC, said)  # its agent may do so again
        recorded = project.register.record(attempt, [], attempt.base, _own_commits(project, attempt))
        project.say("attempt.recorded", attempt.task, attempt.number, fate=attempt.fate.value, failure=attempt.failure)
        project.worktrees.remove(name)
        return recorded
    git, git_dir = project.git, project.place.git_dir
    scratch = project.folders.scratch
    taken = take(git, git_dir, worktree, attempt.base, ground.known, ground.named, ground.hidden, scratch)
    oddities = {**taken.oddities, **tampered}
    if not is_pointer(worktree / ".git", project.worktrees.pointer(name)):
        oddities[".git"] = "the worktree's git pointer was changed"
    if oddities and attempt.failure is None:
        attempt = replace(attempt, fate=Fate.REJECTED, failure=Failure.SCOPE, detail=describe(oddities))
    ours = {*project.config.copy, *project.config.link}
    changes = [c for c in taken.changes if c.path not in ours and not _is_byproduct(c.path, c.old.blob)]
    if origin.must_change and not changes and attempt.failure is None:
        attempt = _failed(attempt, Failure.DETERMINISTIC, _NOTHING)
    recorded = project.register.record(attempt, changes, attempt.base, _own_commits(project, attempt))
    project.say("attempt.recorded", attempt.task, attempt.number, fate=attempt.fate.value, failure=attempt.failure)
    project.worktrees.give_back(name, taken.sight if ground.again and not oddities else None)
    return recorded


def _failed(attempt: Attempt, failure: Failure, why: str) -> Attempt:
    return replace(attempt, fate=Fate.FAILED, failure=failure, detail=why)


def _is_byproduct(path: str, old_blob: str) -> bool:
    return not old_blob and not policy.BYPRODUCTS.isdisjoint(PurePosixPath(path).parts)


def _own_commits(project: Project, attempt: Attempt) -> tuple[str, ...]:
    """Return the tip of what the agent committed by itself, so that the attempt's ref keeps it."""
    tip = project.worktrees.tip(f"{attempt.task}-{attempt.number}")
    return () if tip is None or tip == attempt.base else (tip,)


def clear(project: Project, task: str, number: int) -> None:
    """Remove the worktree of a recorded attempt: its ref keeps all of its work."""
    project.worktrees.remove(f"{task}-{number}")


def _kept(project: Project, task: str, number: int) -> Mapping[str, Any]:
    """Return the order of an attempt that was cut short and can go on; nothing for any other.

    Its agent had begun and had not ended, and the machine was not restarted since: its files were never synced.
    """
    folder = project.folders.attempt(task, number)
    there = (project.folders.worktrees / f"{task}-{number}" / ".git").exists() and (folder / _READY).exists()
    facts = noted(folder / _ORDER) if there else {}
    able = facts.get("resumes", True) and facts.get("boot") == boot_id() and not noted(folder / ENDED)
    return facts if able and not project.register.knows(task, number) else {}


def goes_on(project: Project, task: str, number: int) -> bool:
    """Whether an attempt was cut short and can go on where it was."""
    return bool(_kept(project, task, number))


def given(project: Project, task: str, number: int) -> str:
    """Return the id of the spec that an attempt was given."""
    return str(noted(project.folders.attempt(task, number) / _ORDER).get("spec", ""))


def record_kept(project: Project, task: str, number: int, answer: Answer | None = None) -> Attempt:
    """Record an attempt that could go on and shall not; `answer` is what its agent said last, where that is known."""
    if answer is not None:
        write_answer(project.folders.attempt(task, number), answer)
    recorded = recover(project, task, number)
    if recorded is None:
        raise OrchestratorError(f"the worktree of {task}/{number} is gone", hint="orchestrator run")
    return recorded


def recover(project: Project, task: str, number: int) -> Attempt | None:
    """Record an attempt that a kill cut short: what its agent answered if it had ended, else what its worktree holds.

    Returns None where the kill came before there was anything to keep.
    """
    folder = project.folders.attempt(task, number)
    worktree = project.folders.worktrees / f"{task}-{number}"
    facts = noted(folder / _ORDER)
    if not facts or not (worktree / ".git").exists():
        return None
    must_change = bool(facts.get("must_change"))
    origin = _Origin(task, number, str(facts["base"]), str(facts["spec"]), str(facts["agent"]), must_change)
    ground = _Ground(worktree, _known(folder), facts.get("named", ()), hidden=facts.get("hidden", ()))
    return _recorded(project, origin, read_answer(folder), ground)
