"""`inspect`: one task with all of its attempts."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Output
from orchestrator.cli.sources import sources
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.views import inspect as view
from orchestrator.views.glance import look


@click.command("inspect")
@click.argument("task")
@root_option()
@click.pass_obj
def command(output: Output, task: str) -> int:
    """Show one task: its attempts with what each did and why it did not land, its result, the commit."""
    read = sources()
    now = look(read)
    if now is None:
        raise OrchestratorError("there is no plan here: no TODO.md", hint="orchestrator init", code=Exit.PRECONDITION)
    shown = view.inspect(read, now, task)
    output.product(view.text(shown), shown, truncated=shown.attempt_count > len(shown.attempts))
    return 0
