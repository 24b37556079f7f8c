"""`reject`: a person sends a plan back, with why."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.leadership import prepared
from orchestrator.cli.output import Next, Output
from orchestrator.cli.plan import refuse_agents
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.history import REJECTED
from orchestrator.steps.gate import Answer, decide


@click.command("reject")
@click.argument("wanted", metavar="ID")
@click.option("-m", "--message", "why", required=True, metavar="WHY", help="What is wrong: the next plan reads it.")
@root_option()
@click.pass_obj
def command(output: Output, wanted: str, why: str) -> None:
    """Reject the checkpoint ID that waits. Refused where a coding agent is calling."""
    refuse_agents("reject a checkpoint")
    if not why.strip():
        raise OrchestratorError("a rejection says why", hint=f'orchestrator reject {wanted} -m "WHY"', code=Exit.USAGE)
    with prepared(output) as project:
        done = decide(project, Answer(wanted, REJECTED, why=why))
    text = f"rejected checkpoint {done.gate}: {done.why}"
    if not done.changed:
        text = f"checkpoint {done.gate} was rejected before: {done.why}"
    output.product(text, done, following=[Next('orchestrator plan "GOAL"', "plans anew, and reads why")])
