"""`brief`: the re-entry pack a fresh session reads."""

import click

from orchestrator.brief import brief
from orchestrator.cli.app import root_option
from orchestrator.cli.output import Output
from orchestrator.cli.sources import sources
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.views.pack import documents


@click.command("brief")
@click.option("--budget", type=click.IntRange(200, 4_000), default=2_400, show_default=True, help="Tokens at most.")
@click.option(
    "--source",
    type=click.Choice(["startup", "resume", "compact"]),
    default="startup",
    show_default=True,
    help="Why the session needs it: changes the line it opens with.",
)
@root_option()
@click.pass_obj
def command(output: Output, budget: int, source: str) -> int:
    """Print what a fresh session needs to carry on, within a budget, and its measured size."""
    found = documents(sources())
    if found is None:
        raise OrchestratorError(
            "there is no plan here: no TODO.md",
            hint="orchestrator init, then write tasks into TODO.md and specs/",
            code=Exit.PRECONDITION,
        )
    pack = brief(found, budget, source)
    output.product(pack.text, pack, truncated=bool(pack.cut))
    return 0
