"""`config show`: the configuration in force."""

import os
from pathlib import Path

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Output
from orchestrator.config import load
from orchestrator.repo.locate import locate
from orchestrator.views import settings as view


@click.group("config")
def command() -> None:
    """Look at the configuration."""


@command.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@root_option()
@click.pass_obj
def show(output: Output, *, origin: bool) -> int:
    """Print every key with the value in force."""
    place = locate(Path.cwd(), os.environ)
    _, found = load(place.root, os.environ)
    shown = view.settings(found)
    output.product(view.text(shown, origin=origin), shown)
    return 0
