"""`diff`: what changed between two checkpoints."""

from dataclasses import replace

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Next, Output
from orchestrator.cli.sources import sources
from orchestrator.views import diff as view

_LISTED = 20


@click.command("diff")
@click.argument("between", metavar="A..B")
@click.option("--all", "everything", is_flag=True, help="Every line of every list.")
@root_option()
@click.pass_obj
def command(output: Output, between: str, *, everything: bool) -> int:
    """Show what changed between two checkpoints (numbers, or any commits): tasks, files, decisions."""
    read = sources()
    found = view.diff(read.git, *view.ends(read.git, between))
    shown = (
        found
        if everything
        else replace(
            found,
            landed=found.landed[:_LISTED],
            reopened=found.reopened[:_LISTED],
            files=found.files[:_LISTED],
            decisions=found.decisions[:_LISTED],
            checkpoints=found.checkpoints[:_LISTED],
        )
    )
    cut = shown != found
    most = len(found.files) + len(found.decisions) + len(found.landed) + 1 if everything else _LISTED
    output.product(
        view.text(found, most),
        shown,
        following=[Next(f"orchestrator diff {between} --all", "the lists are longer")] if cut else [],
        truncated=cut,
    )
    return 0
