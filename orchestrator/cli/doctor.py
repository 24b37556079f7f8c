"""`doctor`: what is not right, and what mends it."""

import os
from dataclasses import replace
from pathlib import Path

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import LOCK
from orchestrator.cli.leading import leading
from orchestrator.cli.output import Next, Output
from orchestrator.errors import Exit
from orchestrator.leader.recovery import recover
from orchestrator.repo.git import Git
from orchestrator.repo.locate import locate
from orchestrator.repo.refs import resolve
from orchestrator.steps.rebuild import rebuild
from orchestrator.views.doctor import diagnose, text
from orchestrator.views.findings import worst
from orchestrator.workspace import FOLDER


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Apply the safe ones: stale git locks, what a killed run left.")
@click.option("--rebuild", "again", is_flag=True, help="Bring every state file back from git, byte for byte.")
@click.option("--all", "everything", is_flag=True, help="All findings, not the worst 20.")
@root_option()
@click.pass_obj
def command(output: Output, *, fix: bool, again: bool, everything: bool) -> int:
    """Say what is not right here, with why and the command that fixes it. Exit 1 when there is an error."""
    place = locate(Path.cwd(), os.environ)
    git = Git(place.root, os.environ)
    done: list[str] = []
    if (fix or again) and resolve(git, "HEAD") is not None:
        done = _mended(place.root, again=again)
    seen = diagnose(place, git, os.environ, place.git_dir / LOCK, tuple(done))
    seen = replace(seen, findings=worst(seen.findings, everything=everything))
    truncated = len(seen.findings) < seen.total
    following = [Next("orchestrator doctor --all", f"all {seen.total} findings")] if truncated else []
    output.product(text(seen), seen, following=following, truncated=truncated)
    return int(Exit.DONE if seen.healthy else Exit.FAILED)


def _mended(root: Path, *, again: bool) -> list[str]:
    """Mend what is safe to mend, under the lock; return what was done."""
    bare = (root / FOLDER).is_dir() and not (root / FOLDER / ".gitignore").exists()
    with leading() as project:
        done = [f"{FOLDER}/.gitignore was missing"] if bare else []
        done += recover(project).notes
        if again:
            found = rebuild(project)
            done += [f"{path} is back" for path in found.written]
            done += [f"what stood in {path} is kept below {FOLDER}/replaced/" for path in found.kept]
    return done
