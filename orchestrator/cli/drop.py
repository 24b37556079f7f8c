"""`drop`: a task leaves the plan and stays on the list."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.leadership import named, prepared
from orchestrator.cli.output import Output
from orchestrator.steps.reopen import drop


@click.command("drop")
@click.argument("task")
@click.option("--with-dependents", is_flag=True, help="Drop the tasks that come after it, too.")
@root_option()
@click.pass_obj
def command(output: Output, task: str, *, with_dependents: bool) -> None:
    """Take TASK out of the plan: `[-]` in TODO.md."""
    with prepared(output) as project:
        done = drop(project, named(project, task), with_dependents=with_dependents)
    listed = ", ".join(done.tasks)
    output.product(f"dropped {listed}" if done.changed else f"{listed} was dropped before", done)
