"""Contradictions between what a person wrote and what is landed: each is refused with its line. Pure."""

from collections.abc import Mapping

from orchestrator import plan as planning
from orchestrator.documents.state import PhaseStatus, State
from orchestrator.documents.todo import Mark, Todo
from orchestrator.errors import DocumentError
from orchestrator.plaintext import one_line
from orchestrator.plan import BLOCKED, COMPLETE, Plan
from orchestrator.steps.standing import STATE, TODO


def refuse_contradictions(todo: Todo, state: State | None, plan: Plan, landed: Mapping[str, str]) -> None:
    """Raise DocumentError when a landed task is not ticked, or the current phase is none of the plan's."""
    _refuse_unticked(todo, landed)
    if state is not None:
        refuse_unknown_phase(state, plan)


def ticked_by_hand(todo: Todo, landed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tasks that a person calls done without a commit that says so yet."""
    new = todo.ticked - landed.keys()
    return tuple(task.id for task in todo.tasks if task.id in new) if new else ()


def refuse_waiting(todo: Todo, waiting: Mapping[str, int]) -> None:
    """Raise DocumentError where a task is called done whose finished attempt, of that number, still waits to land.

    That is what `git reset HEAD~1` leaves of a landing: the documents say done, and nobody committed the code.
    """
    for task in filter(None, map(todo.task, waiting)):
        raise DocumentError(
            TODO,
            task.line,
            unlanded(task.id, waiting[task.id]),
            hint="orchestrator doctor --rebuild, and the next run lands it; if you did it: commit that with the tick",
        )


def unlanded(task: str, number: int) -> str:
    """Return what is wrong with a tick whose task's finished attempt waits to land."""
    return f"{task} is ticked, but its finished attempt {number} has not landed"


def _refuse_unticked(todo: Todo, landed: Mapping[str, str]) -> None:
    if landed.keys() <= todo.ticked:
        return
    for task in [task for task in todo.tasks if task.mark is not Mark.DONE]:
        if task.id in landed:
            raise DocumentError(
                TODO,
                task.line,
                f"{task.id} is marked `[{task.mark.value}]`, but commit {landed[task.id][:10]} landed it",
                hint="tick it again; if it is another task, give it an id of its own; to undo the work: "
                f"git revert {landed[task.id][:10]}, or orchestrator restore",
            )


def refuse_unknown_phase(state: State, plan: Plan) -> None:
    """Raise DocumentError when the current phase is none of the plan's."""
    stated = state.phase.strip().upper()
    if stated in {BLOCKED, COMPLETE} or planning.match_phase(state.phase, plan.phases):
        return
    field = state.text.meta("Current phase")
    raise DocumentError(
        STATE,
        field.line if field else 1,
        f"{one_line(state.phase)!r} is no phase",
        hint=f"one of: {', '.join((*plan.phases, BLOCKED, COMPLETE))}",
    )


def refuse_early_completion(state: State, before: State | None, plan: Plan, landed: Mapping[str, str]) -> None:
    """Raise DocumentError when the person, not the leader, called a phase complete that has open tasks."""
    known = {row.name: row.status for row in before.phases} if before else {}
    for row in state.phases:
        phase = planning.match_phase(row.name, plan.phases)
        tasks = [plan.tasks[task] for task in plan.of_phase(phase)] if phase else []
        still = [task for task in tasks if task.mark is Mark.OPEN and task.id not in landed]
        if row.status is PhaseStatus.COMPLETE and known.get(row.name) is not row.status and still:
            raise DocumentError(
                STATE,
                row.line,
                f"{row.name} is COMPLETE here, but {TODO}:{still[0].line} has {still[0].id} open",
                hint="tick or drop the task, or set the phase back to IN_PROGRESS",
            )
