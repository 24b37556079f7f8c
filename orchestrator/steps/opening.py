"""The chapter a leader starts to write from: the documents at one commit, with what the history says of them."""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator import render
from orchestrator.clock import stamp
from orchestrator.documents.state import State
from orchestrator.repo.trees import entries
from orchestrator.steps.chapter import Chapter
from orchestrator.steps.issues import blocked
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, STATE, Situation, checkpoint_number, numbered


def open_chapter(project: Project, now: Situation, running: Sequence[str]) -> Chapter:
    """Return the documents of `now`, ready for the next page."""
    standing = replace(now.standing(), running=frozenset(running))
    workflow = workflow_name(project, now)
    shelf = numbered(entries(project.git, now.commit, [CHECKPOINTS.rstrip("/")]))
    return Chapter(
        plan=now.plan,
        todo=now.todo,
        state=now.state or first_state(project, now, workflow),
        standing=standing,
        landed=now.landed,
        ever=now.ledger.landed,
        now=project.clock.now(),
        workflow=workflow,
        blocked=blocked(now, standing),
        running=running,
        shelf=tuple(shelf),
        # After a squash merge the trailers begin anew, and the files of the other branch are there.
        number=max([now.ledger.checkpoint, *map(checkpoint_number, shelf[-1:])]),
        every=project.config.every,
        keep=project.config.keep,
    )


def workflow_name(project: Project, now: Situation) -> str:
    """Return the workflow's name: configured, as the state file says, as the history says, or the folder's."""
    stated = now.state.workflow if now.state else ""
    return project.config.name or stated or now.ledger.workflow or project.place.name


def first_state(project: Project, now: Situation, workflow: str) -> State:
    """Return the state file of a project that has none yet."""
    values = {
        "workflow": workflow,
        "phase": now.plan.phases[0],
        "started": stamp(project.clock.now()),
        "phases": now.plan.phases,
    }
    return State.parse(render.document("workflow-state.md.j2", values), STATE)
