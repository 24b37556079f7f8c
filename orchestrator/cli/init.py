"""`init`: the files a project starts with, and the way back."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Next, Output
from orchestrator.repo.locate import locate
from orchestrator.steps.install import File, install, uninstall

_NEXT = [
    Next('orchestrator task add ID "TITLE"', "put a task into TODO.md, or write it there by hand"),
    Next("orchestrator spec new ID", "say what it must do, and which files it may change"),
    Next("orchestrator doctor", "see what is still missing before the first run"),
]


@dataclass(frozen=True)
class Installed:
    """Each file and what happened to it; `changed` is False when all of it stood there before."""

    changed: bool
    files: tuple[File, ...]


@click.command("init")
@click.option("--remove", is_flag=True, help="Take it all out again; give back the bytes there were before.")
@root_option()
@click.pass_obj
def command(output: Output, *, remove: bool) -> None:
    """Make TODO.md, orchestrator.toml, specs/ and a marked block in CLAUDE.md; what is there stays."""
    root = locate(Path.cwd(), os.environ).root
    files = uninstall(root) if remove else install(root)
    changed = any(file.what not in {"unchanged", "kept"} for file in files)
    lines = [f"{file.what:<9} {file.path}" + (f" ({file.why})" if file.why else "") for file in files]
    text = "\n".join(lines) or "nothing of ours is here"
    output.product(text, Installed(changed, files), following=_NEXT if changed and not remove else ())
