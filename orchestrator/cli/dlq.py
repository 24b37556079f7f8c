"""`dlq`: dead letters, listed, shown, tried again, dropped."""

import click

from orchestrator.cli import drop, retry
from orchestrator.cli.app import root_option
from orchestrator.cli.doors import reading
from orchestrator.cli.output import Next, Output
from orchestrator.repo.refs import head
from orchestrator.steps.standing import Library, situation
from orchestrator.views.dlq import dead_letter, dead_letters, letter_text, list_text


@click.group("dlq")
def command() -> None:
    """Dead letters: tasks whose attempts are spent. Each is kept whole."""


command.add_command(retry.command)
command.add_command(drop.command)


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="All of them, not the first 20.")
@root_option()
@click.pass_obj
def listing(output: Output, *, everything: bool) -> None:
    """List the dead letters with how they ended."""
    read = reading()
    now = situation(read.git, head(read.git).commit, Library(), read.config.phases)
    found = dead_letters(now, everything=everything)
    following = [Next(f"orchestrator dlq show {found.letters[0].task}", "read it whole")] if found.letters else []
    truncated = found.total > len(found.letters)
    if truncated:
        following.append(Next("orchestrator dlq list --all", f"all {found.total}"))
    output.product(list_text(found), found, following=following, truncated=truncated)


@command.command("show")
@click.argument("task")
@root_option()
@click.pass_obj
def show(output: Output, task: str) -> None:
    """Show the dead letter TASK: its document, and the refs that keep its work."""
    read = reading()
    now = situation(read.git, head(read.git).commit, Library(), read.config.phases)
    letter = dead_letter(read.git, now, task)
    following = [
        Next(f"orchestrator retry {letter.task}", "try again, once what was wrong is mended"),
        Next(f"orchestrator drop {letter.task}", "take it out of the plan"),
    ]
    output.product(letter_text(letter), letter, following=following)
