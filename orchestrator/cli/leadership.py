"""What every verb that writes does first: take the lock, heal what a kill left, take a person's edits in."""

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cli.leading import leading
from orchestrator.cli.output import Output
from orchestrator.leader.recovery import recover
from orchestrator.steps.project import Project
from orchestrator.steps.standing import Library, Situation, situation
from orchestrator.steps.take_in import adopt_ticks, take_in
from orchestrator.views.names import find


@contextmanager
def prepared(output: Output, *, taking_in: bool = True) -> Iterator[Project]:
    """Lead for the length of one verb; what was healed is said.

    Raises:
        OrchestratorError: another leader is at work, there is no plan, or an edit cannot be taken in.
    """
    with leading() as project:
        for note in recover(project).notes:
            output.chatter(f"note: {note}")
        if taking_in:
            take_in(project)
            adopt_ticks(project, here(project))
        yield project


def here(project: Project) -> Situation:
    """Return where the project stands now."""
    return situation(project.git, project.checkout.tip(), Library(), project.config.phases)


def named(project: Project, wanted: str) -> str:
    """Return the task that `wanted` names: its id, or a unique prefix.

    Raises:
        OrchestratorError: there is none, or more than one.
    """
    return find(wanted, here(project).plan.tasks, "task", "orchestrator task list --all")
