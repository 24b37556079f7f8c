"""`restore`: forward to an old checkpoint."""

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import reading
from orchestrator.cli.leadership import prepared
from orchestrator.cli.output import Next, Output
from orchestrator.repo.refs import head
from orchestrator.steps.restore import Return, find_point, plan_return, restore
from orchestrator.steps.standing import Library, situation

_SHOWN = 20


@click.command("restore")
@click.argument("wanted", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@root_option()
@click.pass_obj
def command(output: Output, wanted: str, *, dry_run: bool) -> None:
    """Make a new commit whose files are those of checkpoint ID (a number such as 7 or 0007, or a commit).

    History stays: nothing is rewritten. Tasks that landed after it are open again.
    """
    done = _planned(wanted) if dry_run else _restored(output, wanted)
    following = [Next("orchestrator run", "carry on from there")] if done.changed and not dry_run else []
    output.product(_text(done, dry_run=dry_run), done, following=following)


def _planned(wanted: str) -> Return:
    read = reading()
    tip = head(read.git).commit
    point = find_point(read.git, wanted, tip)
    now = situation(read.git, tip, Library(), read.config.phases)
    return plan_return(read.git, point, now, read.config.phases)


def _restored(output: Output, wanted: str) -> Return:
    with prepared(output, taking_in=False) as project:
        return restore(project, wanted)


def _text(done: Return, *, dry_run: bool) -> str:
    if not done.changed:
        return f"the files are those of {done.point.name} already"
    verb = "would restore" if dry_run else "restored"
    lines = [
        f"{verb} {done.point.name} ({done.point.commit[:10]}: {done.point.subject})",
        f"{len(done.files)} files:",
    ]
    lines += [f"  {path}" for path in done.files[:_SHOWN]]
    if len(done.files) > _SHOWN:
        lines.append(f"  and {len(done.files) - _SHOWN} more (git diff --name-only HEAD {done.point.commit[:10]})")
    names = [value.partition("/")[0] for value in done.reopened]
    return "\n".join([*lines, f"open again: {', '.join(names) or 'no task'}"])
