"""`checkpoint`: one now, by hand or by an outside agent."""

from dataclasses import dataclass

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.leadership import prepared
from orchestrator.cli.output import Output
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.repo.history import walk
from orchestrator.steps import publish
from orchestrator.steps.dirt import uncommitted
from orchestrator.steps.standing import Library

_NAMED = 8


@dataclass(frozen=True)
class Written:
    """The checkpoint's number, its title, the commit that carries it, and uncommitted files, which are not in it."""

    checkpoint: str
    title: str
    commit: str
    left_out: tuple[str, ...] = ()
    changed: bool = True


@click.command("checkpoint")
@click.option("-m", "--message", "title", required=True, metavar="TEXT", help="What the checkpoint is called.")
@root_option()
@click.pass_obj
def command(output: Output, title: str) -> None:
    """Write a checkpoint now. A person's edits of the documents are taken in first."""
    if not one_line(title):
        raise OrchestratorError("a checkpoint needs a title", hint='orchestrator checkpoint -m "..."', code=Exit.USAGE)
    with prepared(output) as project:
        before = next(walk(project.git, project.checkout.tip(), "-1")).get("Checkpoint")
        commit = publish.checkpoint(project, Library(), [], one_line(title), "by hand") or ""
        number = next(walk(project.git, commit, "-1")).get("Checkpoint")
        left_out = tuple(uncommitted(project.git))
    text = f"checkpoint {number}: {one_line(title)} ({commit[:10]})"
    if before:
        text += f"\nnothing was committed since checkpoint {before}"
    if left_out:
        more = f", and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        text += f"\nnot in it, for they are not committed: {', '.join(left_out[:_NAMED])}{more}"
    output.product(text, Written(number, one_line(title), commit, left_out))
