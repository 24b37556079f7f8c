"""Reopening and dropping: what a person decides about a dead letter, or a task no longer wanted."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from orchestrator.documents import edits
from orchestrator.documents.result import Status
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plan import Plan, Standing
from orchestrator.repo.attempts import load
from orchestrator.steps import claim
from orchestrator.steps.chapter import Chapter, Happened
from orchestrator.steps.project import Project
from orchestrator.steps.publish import Proposal, publish
from orchestrator.steps.standing import TODO, Library, Situation, last_told, result_path


@dataclass(frozen=True)
class Decided:
    """What was written down: the tasks, and the commit; `changed` is False when it stood so before."""

    tasks: tuple[str, ...]
    changed: bool
    commit: str = ""


def retry(project: Project, task: str) -> Decided:
    """Give the dead letter `task` a fresh row of attempts; its old ones are kept and no longer counted.

    Raises:
        OrchestratorError: the task has landed or was dropped.
    """

    def propose(now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal] | None:
        _refuse_settled(now, task)
        if task not in now.standing().dead:
            return None
        number = max([last_told(now, task), *(attempt.number for attempt in load(project.git, task))])
        chapter = replace(chapter, standing=_without(chapter.standing, {task}), blocked=_unblocked(chapter, {task}))
        happened = Happened(task, f"{task} is tried again", why="a dead letter is tried again")
        pairs = [("Reopen", f"{task}/{number}")]
        files = {result_path(task): _with_status(now, task, Status.RETRY)}
        return chapter, Proposal(happened, f"retry: {task}", pairs, files)

    commit = publish(project, Library(), [], propose)
    return Decided((task,), commit is not None, commit or "")


def _refuse_settled(now: Situation, task: str) -> None:
    if task in now.ledger.landed:
        commit = now.ledger.landed[task][:10]
        raise OrchestratorError(
            f"{task} has landed: it is no dead letter",
            hint=f"to undo it: git revert {commit}, or orchestrator restore",
            code=Exit.PRECONDITION,
        )
    if task in now.standing().dropped:
        raise OrchestratorError(
            f"{task} was dropped",
            where=f"{TODO}:{now.plan.tasks[task].line}",
            hint="write `- [ ]` in that line to take it back into the plan",
            code=Exit.PRECONDITION,
        )


def _with_status(now: Situation, task: str, status: Status) -> bytes:
    return edits.set_field(now.results[task].text, "Status", status.value).render()


def _without(standing: Standing, tasks: Collection[str]) -> Standing:
    return replace(standing, dead=frozenset(standing.dead) - frozenset(tasks))


def _unblocked(chapter: Chapter, tasks: Collection[str]) -> dict[str, str]:
    return {task: reason for task, reason in chapter.blocked.items() if task not in tasks}


def drop(project: Project, task: str, *, with_dependents: bool) -> Decided:
    """Take `task` out of the plan: marked `[-]`, still on the list.

    Raises:
        OrchestratorError: it has landed, or open tasks come after it and `with_dependents` is False.
    """
    chosen: list[str] = [task]

    def propose(now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal] | None:
        if task in now.standing().dropped:
            return None
        _refuse_settled(now, task)
        chosen[1:] = _behind(now.plan, now.standing(), task)
        if chosen[1:] and not with_dependents:
            raise _needed(task, chosen[1:])
        return _dropping(now, chapter, chosen)

    commit = publish(project, Library(), [], propose)
    for name in chosen:
        claim.release(project.git, name)
    return Decided(tuple(chosen), commit is not None, commit or "")


def _needed(task: str, behind: list[str]) -> OrchestratorError:
    return OrchestratorError(
        f"{task} cannot be dropped alone: {', '.join(behind)} come after it",
        hint=f"orchestrator drop {task} --with-dependents   # or take `after: {task}` out of {TODO}",
        code=Exit.PRECONDITION,
    )


def _dropping(now: Situation, chapter: Chapter, tasks: list[str]) -> tuple[Chapter, Proposal]:
    todo = now.todo.drop(tasks)
    dead = [task for task in tasks if task in now.standing().dead]
    standing = _without(chapter.standing, tasks)
    standing = replace(standing, dropped=frozenset(standing.dropped) | frozenset(tasks))
    chapter = replace(chapter, todo=todo, standing=standing, blocked=_unblocked(chapter, tasks))
    files = {TODO: todo.render()} | {result_path(task): _with_status(now, task, Status.DROPPED) for task in dead}
    named = ", ".join(tasks)
    happened = Happened(f"drop-{tasks[0]}", f"{named} dropped", why="the plan changed")
    return chapter, Proposal(happened, f"drop: {named}", [("Dropped", task) for task in tasks], files)


def _behind(plan: Plan, standing: Standing, task: str) -> list[str]:
    """Return the tasks not settled yet that come after `task`, directly or through others, in plan order."""
    gone = {task}
    while True:
        more = {name for name, own in plan.tasks.items() if gone & set(own.after)} - gone
        if not more:
            break
        gone |= more
    return [name for name in plan.tasks if name in gone - {task} and not standing.settled(name)]
