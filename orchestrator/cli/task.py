"""`task`: the plan's steps for a person, or for an outside agent that leads by itself."""

import platform
from dataclasses import dataclass

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import Reading, reading
from orchestrator.cli.leadership import here, named, prepared
from orchestrator.cli.output import Next, Output
from orchestrator.clock import SystemClock
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.steps import claim as claiming
from orchestrator.steps.adopt import adopt
from orchestrator.steps.authoring import Wanted, add_task
from orchestrator.steps.shown import refuse_shut
from orchestrator.views import tasks as view
from orchestrator.views.names import find

_LIST = "orchestrator task list --all"


@dataclass(frozen=True)
class Released:
    """A task that nobody holds any more; `changed` is False when nobody did."""

    task: str
    changed: bool


@click.group("task")
def command() -> None:
    """Tasks: add, list, take up, hand in."""


@command.command("add")
@click.argument("task", metavar="ID")
@click.argument("title")
@click.option("--phase", default="", help="The phase it belongs to; default: the implementing one.")
@click.option("--after", default="", metavar="A,B", help="Tasks that must land before it.")
@root_option()
@click.pass_obj
def add(output: Output, task: str, title: str, phase: str, after: str) -> None:
    """Write a task into TODO.md; the next run takes it in."""
    read = reading()
    wanted = tuple(name for name in (part.strip() for part in after.split(",")) if name)
    added = add_task(read.git, read.place, read.config.phases, Wanted(task, title, phase, wanted))
    said = "added" if added.changed else "is there already:"
    text = f"{task} {said} {added.title} ({added.phase}, TODO.md:{added.line})"
    output.product(text, added, following=[Next(f"orchestrator spec new {task}", "say what it must do")])


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="All of them, not at most 20 open ones.")
@root_option()
@click.pass_obj
def listing(output: Output, *, everything: bool) -> None:
    """List the tasks: what is ready, blocked, running, done."""
    read = reading()
    found = view.task_list(_board(read), everything=everything)
    truncated = len(found.tasks) < found.total
    following = [Next(_LIST, f"all {found.total}")] if truncated else []
    output.product(view.list_text(found), found, following=following, truncated=truncated)


@command.command("next")
@click.option("--claim", is_flag=True, help="Take it: nobody else is given it, and the leader leaves it alone.")
@click.option("--as", "who", default="", metavar="NAME", help="Who takes it; default: your git name.")
@root_option()
@click.pass_obj
def following_task(output: Output, *, claim: bool, who: str) -> None:
    """Name the first task that may start now; with --claim, take it, atomically."""
    read = reading()
    who = one_line(who, 60) or _person(read.git)
    now = _board(read)
    refuse_shut(now.gate)
    task = view.first_ready(now)
    while claim and task and not _claim(read, task, who):
        now = _board(read)
        task = view.first_ready(now)
    found = view.next_task(now, task, who if claim else "", changed=claim and bool(task))
    output.product(view.next_text(found), found, following=_after_next(found, claimed=claim))


def _board(read: Reading) -> view.Board:
    return view.board(read.place.root, read.git, read.config.phases, read.lock)


def _claim(read: Reading, task: str, who: str) -> bool:
    """Take `task`; False where somebody else has it, also a leader who was about to start it."""
    if not claiming.claim(read.git, task, who, platform.node(), SystemClock().now()):
        return False
    if not view.is_led(read.place.root, read.git, read.config.phases, read.lock, task):
        return True
    claiming.release(read.git, task)
    return False


def _after_next(found: view.NextTask, *, claimed: bool) -> list[Next]:
    if not found.task:
        return [Next("orchestrator task list", "see what each task waits for")]
    steps = [Next(f"orchestrator spec show {found.task}", "read what it asks for")]
    if claimed:
        return [*steps, Next(f"orchestrator task done {found.task}", "verify and land your changes")]
    return [*steps, Next("orchestrator task next --claim", "take it")]


def _person(git: Git) -> str:
    return one_line(git.attempt("config", "user.name").stdout.decode("utf-8", "replace"), 60) or "person"


@command.command("release")
@click.argument("task")
@root_option()
@click.pass_obj
def release(output: Output, task: str) -> None:
    """Give a claimed task back."""
    read = reading()
    now = _board(read)
    name = find(task, [*now.plan.tasks, *(claiming.claimed(read.git) - now.plan.tasks.keys())], "task", _LIST)
    changed = claiming.release(read.git, name)
    text = f"{name} is free" if changed else f"nobody had claimed {name}"
    output.product(text, Released(name, changed))


@command.command("done")
@click.argument("task")
@click.option("-m", "--message", "told", default="", metavar="TEXT", help="What you decided, for the result.")
@click.option("--as", "who", default="person", metavar="NAME", help="Recorded as who did it.")
@click.option("--unchanged", is_flag=True, help="The branch is right as it is: land the task without a change.")
@root_option()
@click.pass_obj
def done(output: Output, task: str, told: str, who: str, *, unchanged: bool) -> None:
    """Verify your own uncommitted changes inside TASK's files, and land them as one commit."""
    with prepared(output) as project:
        refuse_shut(here(project).ledger.gate)
        landed = adopt(project, named(project, task), one_line(who, 60) or "person", told, unchanged=unchanged)
    if not landed.changed:
        output.product(f"{landed.task} had landed before ({landed.commit[:10]})", landed)
        return
    if landed.outside:
        output.warn(f"left alone, outside the files of {landed.task}: {', '.join(landed.outside[:20])}")
    files = ", ".join(landed.files) or "no file changed: the branch was right as it was"
    following = [Next("orchestrator task next --claim", "take up the next one")]
    output.product(f"{landed.task} landed as {landed.commit[:10]} ({files})", landed, following=following)
