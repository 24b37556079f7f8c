"""`retry`: a dead letter gets a fresh row of attempts."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.leadership import named, prepared
from orchestrator.cli.output import Next, Output
from orchestrator.steps.reopen import retry


@click.command("retry")
@click.argument("task")
@root_option()
@click.pass_obj
def command(output: Output, task: str) -> None:
    """Try the dead letter TASK again; its old attempts are kept and no longer count."""
    with prepared(output) as project:
        done = retry(project, named(project, task))
    name = done.tasks[0]
    text = f"{name} is open again" if done.changed else f"{name} is no dead letter: it is open already"
    output.product(text, done, following=[Next("orchestrator run", "carry it out")] if done.changed else [])
