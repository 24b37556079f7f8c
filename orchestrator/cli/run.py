"""`run`: carry the plan on from wherever it stands."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import leading
from orchestrator.cli.output import Next, Output
from orchestrator.errors import Exit


@click.command("run")
@click.option("--jobs", type=click.IntRange(1, 256), help="Attempts at once.")
@click.option("--until", metavar="PHASE", default="", help="Stop once this phase is complete.")
@click.option("--dry-run", is_flag=True, help="Say what would start and what would be skipped; change nothing.")
@click.option("--events", type=click.Choice(["jsonl"]), help="Stream what happens to stdout, one JSON object a line.")
@root_option()
@click.pass_obj
def command(output: Output, jobs: int | None, until: str, dry_run: bool, events: str | None) -> int:  # noqa: FBT001
    """Carry the plan on: start what is ready, verify and land what is finished, until nothing can move."""
    from orchestrator.agents.roster import roster
    from orchestrator.leader.loop import Leader
    from orchestrator.leader.session import run

    def tell(event):
        output.chatter(f"{event.name} {event.task} {dict(event.facts)}")

    with leading(tell, {"limits.jobs": jobs}) as project:
        leader = Leader(project, roster(project.config, project.place.root, project.env), until)
        report = run(leader)
    output.product(f"phase {report.phase}, {len(report.landed)} landed", report)
    return int(report.code)
