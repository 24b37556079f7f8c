"""`fork`: another branch from an old checkpoint."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import reading
from orchestrator.cli.output import Next, Output
from orchestrator.clock import SystemClock
from orchestrator.plaintext import listed
from orchestrator.steps.fork import fork


@click.command("fork")
@click.argument("wanted", metavar="ID")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be made; make nothing.")
@root_option()
@click.pass_obj
def command(output: Output, wanted: str, name: str, *, dry_run: bool) -> None:
    """Make the branch NAME at checkpoint ID (a number, or a commit); what is checked out stays.

    Tasks that had not landed there start anew: attempts that were made here do not count on it.
    """
    read = reading()
    made = fork(read.git, read.place, wanted, name, SystemClock().now(), dry_run=dry_run)
    said = "made" if made.changed else ("would make" if dry_run else "already there:")
    text = f"{said} branch {name} at {made.point.name} ({made.point.commit[:10]})"
    if made.reopened:
        text += f"; starts anew there: {listed([value.partition('/')[0] for value in made.reopened], 20, ', ')}"
    output.product(text, made, following=[Next(f"git switch {name}", "work there")] if made.changed else [])
