"""`approve`: a person lets work begin."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.leadership import prepared
from orchestrator.cli.output import Next, Output
from orchestrator.cli.plan import refuse_agents
from orchestrator.repo.history import APPROVED
from orchestrator.steps.gate import Answer, decide
from orchestrator.steps.shown import SHORT


@click.command("approve")
@click.argument("wanted", metavar="ID")
@click.option("--tree", default="", metavar="TREE", help="The tree you were shown, where files changed since.")
@root_option()
@click.pass_obj
def command(output: Output, wanted: str, tree: str) -> None:
    """Approve the checkpoint ID that waits, as it was shown. Refused where a coding agent is calling."""
    refuse_agents("approve a checkpoint")
    with prepared(output) as project:
        done = decide(project, Answer(wanted, APPROVED, tree=tree))
    text = f"approved checkpoint {done.gate} (tree {done.tree[:SHORT]}), as {done.commit[:10]}"
    if not done.changed:
        text = f"checkpoint {done.gate} was approved before"
    output.product(text, done, following=[Next("orchestrator run", "carries the plan out")])
