"""`resume`: the same as `run`, where a workflow has already begun."""

from typing import Any

import click

from orchestrator.cli.doors import reading
from orchestrator.cli.output import Output
from orchestrator.cli.run import carry_on, options
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.history import ledger
from orchestrator.repo.refs import head


@click.command("resume")
@options
@click.pass_obj
def command(output: Output, /, **chosen: Any) -> int:
    """Carry an existing workflow on; nothing to do when it is finished, an error when there is none."""
    git = reading().git
    if not ledger(git, head(git).commit).checkpoint:
        raise OrchestratorError(
            "there is nothing to resume: no checkpoint in this branch's history",
            hint="orchestrator run",
            code=Exit.PRECONDITION,
        )
    return carry_on(output, **chosen)
