"""Adopting: a person's or outside agent's own uncommitted work, landed as an attempt like any other."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestrator import policy
from orchestrator.documents.todo import Task
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import listed, one_line
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.git import Git
from orchestrator.steps import claim
from orchestrator.steps.dirt import as_changes, uncommitted
from orchestrator.steps.ignored import refuse_ignored
from orchestrator.steps.land import land
from orchestrator.steps.learn import learnt
from orchestrator.steps.project import Project
from orchestrator.steps.standing import Library, Situation, situation, spec_path


@dataclass(frozen=True)
class Adopted:
    """What landed.

    Attributes:
        task: its id.
        changed: False when it had landed before.
        commit: the commit that landed it.
        files: the paths taken from the working tree.
        outside: uncommitted paths outside the spec's files, left as they are.
    """

    task: str
    changed: bool
    commit: str
    files: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def adopt(project: Project, task: str, who: str, told: str, *, unchanged: bool = False) -> Adopted:
    """Land the uncommitted changes inside the files of the spec of `task`, once they are verified.

    Args:
        project: the doors; documents a person edited are already taken in.
        task: the task's exact id.
        who: recorded as the attempt's agent.
        told: what to write into its result; may be empty.
        unchanged: land the task although no file of its own changed.

    Raises:
        OrchestratorError: verify is red or the change is refused (with the output; nothing changed), nothing changed
            at all, or the task has no spec, was dropped, or comes after one that has not landed.
    """
    library = Library()
    base = project.checkout.tip()
    now = situation(project.git, base, library, project.config.phases)
    if task in now.ledger.landed:
        claim.release(project.git, task)
        return Adopted(task, changed=False, commit=now.ledger.landed[task])
    _refuse_unlandable(project.git, now, task)
    patterns = [file.path for file in now.plan.specs[task].files]
    paths = uncommitted(project.git, {path for path in patterns if not policy.is_glob(path)})
    inside = [path for path in paths if policy.covers(patterns, path)]
    _refuse_unmerged(project.git, inside)
    changes = as_changes(project.git, project.place.root, base, inside)
    if not changes and not unchanged:
        raise OrchestratorError(
            f"nothing is changed in the files of {task}: {', '.join(patterns)}",
            where=spec_path(task),
            hint="save your work there; or, when the branch is right as it is, add --unchanged",
            code=Exit.PRECONDITION,
        )
    attempt = _attempt(project, now, now.plan.tasks[task], who, told)
    attempt = project.register.record(attempt, changes, base)
    taken = [change.path for change in changes]
    landed = dict(_land(project, library, attempt, taken))
    claim.release(project.git, task)
    outside = tuple(path for path in paths if path not in taken)
    return Adopted(task, changed=True, commit=landed[task], files=tuple(taken), outside=outside)


def _refuse_unlandable(git: Git, now: Situation, task: str) -> None:
    if task not in now.plan.specs:
        refuse_ignored(git, [spec_path(task)])
        raise OrchestratorError(
            f"{task} has no spec: which files are its own is not said",
            where=spec_path(task),
            hint=f"orchestrator spec new {task}",
            code=Exit.PRECONDITION,
        )
    missing = [name for name in now.plan.tasks[task].after if name not in now.ledger.landed]
    if missing:
        raise OrchestratorError(
            f"{task} comes after {', '.join(missing)}, which has not landed",
            where=f"TODO.md:{now.plan.tasks[task].line}",
            hint=f"orchestrator task done {missing[0]}, or change `(after: ...)`",
            code=Exit.PRECONDITION,
        )
    if task in now.standing().dropped:
        raise OrchestratorError(
            f"{task} was dropped",
            where=f"TODO.md:{now.plan.tasks[task].line}",
            hint="write `- [ ]` in that line to take it back into the plan",
            code=Exit.PRECONDITION,
        )


def _refuse_unmerged(git: Git, paths: Collection[str]) -> None:
    """Refuse files that stand as a merge left them: a `git stash pop` that met a conflict leaves no other sign."""
    torn = sorted({record.split("\t", 1)[1] for record in git.records("ls-files", "-u", "-z")}.intersection(paths))
    if torn:
        raise OrchestratorError(
            f"the merge of {listed(torn, between=', ')} is not finished",
            where=torn[0],
            hint="settle the conflict, `git add` the files, then: orchestrator task done",
            code=Exit.PRECONDITION,
        )


def _attempt(project: Project, now: Situation, task: Task, who: str, told: str) -> Attempt:
    highest = max(project.register.highest(task.id), now.ledger.reopened.get(task.id, 0))
    result = f"## Result: {one_line(task.title)}\n\n**Status**: Complete\n**Decisions**: {one_line(told, 2_000)}\n"
    return Attempt(
        task=task.id,
        number=max([highest, *learnt(now.plan.specs[task.id])]) + 1,
        commit="",
        base=now.commit,
        spec=now.spec_ids[task.id],
        agent=who,
        fate=Fate.FINISHED,
        failure=None,
        seconds=0.0,
        detail="",
        result=result.encode() if told.strip() else b"",
        when=project.clock.now(),
    )


def _land(project: Project, library: Library, attempt: Attempt, taken: Sequence[str]) -> list[tuple[str, str]]:
    """Land the attempt, or forget it again: a person's red try is not held against the task."""
    outcome = None
    try:
        outcome = land(project, library, [attempt], [], threading.Event(), taken=taken)
    finally:
        if outcome is None or not outcome.landed:
            project.register.forget(attempt)
    if outcome.landed:
        return outcome.landed
    sent_back = outcome.returned[-1] if outcome.returned else None
    why = sent_back.detail if sent_back else "the branch or the spec changed meanwhile"
    kind = sent_back.failure if sent_back and sent_back.failure else "refused"
    raise OrchestratorError(
        f"{attempt.task} did not land ({kind}); your files are as they were\n{why.rstrip()}",
        hint=f"mend it, then: orchestrator task done {attempt.task}",
    )
