"""`log`: the audit from git."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Next, Output
from orchestrator.cli.sources import sources
from orchestrator.views import log as view


@click.command("log")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Commits at most.")
@click.option("--all", "everything", is_flag=True, help="The whole history.")
@click.option("--task", default="", metavar="TASK", help="Only commits that landed, buried or reopened this task.")
@root_option()
@click.pass_obj
def command(output: Output, limit: int, task: str, *, everything: bool) -> int:
    """List the commits of the workflow, newest first: checkpoint, time, whether verified, who, subject."""
    read = sources()
    shown, cut = view.log(read.git, read.tip, 0 if everything else limit, task)
    more = "orchestrator log --all" + (f" --task {task}" if task else "")
    output.product(
        view.text(shown), shown, following=[Next(more, "there are older ones")] if cut else [], truncated=cut
    )
    return 0
