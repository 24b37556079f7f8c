"""`status`: where the project stands; also what a bare `orchestrator` prints."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Next, Output
from orchestrator.cli.sources import sources
from orchestrator.views.status import status
from orchestrator.views.status_text import following, text


@click.command("status")
@root_option()
@click.pass_obj
def command(output: Output) -> int:
    """Say where the project stands: phase, tasks, who is at work, what waits, the next command."""
    read = sources()
    shown = status(read)
    onward = following(shown)
    cut = shown.dead_count > len(shown.dead) or shown.blocked_count > len(shown.blocked)
    output.product(text(shown, read.now), shown, following=[Next(*onward)] if onward else [], truncated=cut)
    return 0
