"""`spec`: the contract of a task, written, checked, shown."""

from dataclasses import replace

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import reading
from orchestrator.cli.output import Next, Output
from orchestrator.errors import Exit
from orchestrator.steps import desk as desks
from orchestrator.steps.authoring import new_spec, refuse_left_out
from orchestrator.views import specs as view
from orchestrator.views.findings import worst
from orchestrator.views.names import find
from orchestrator.views.tasks import history

_LIST = "orchestrator task list --all"


@click.group("spec")
def command() -> None:
    """Specs: new, lint, show."""


@command.command("new")
@click.argument("task")
@click.option("--title", default="", help="Its title; default: the task's.")
@click.option("--file", "files", multiple=True, metavar="PATH", help="A file, folder/ or glob it may change.")
@click.option("--read", "reads", multiple=True, metavar="PATH", help="A file to read first.")
@root_option()
@click.pass_obj
def new(output: Output, task: str, title: str, files: tuple[str, ...], reads: tuple[str, ...]) -> None:
    """Write specs/TASK.md from the template, for a task of TODO.md; never over one that is there."""
    read = reading()
    desk, _, plan = desks.required(read.git, read.config.phases)
    name = find(task, plan.tasks, "task", f'orchestrator task add {task} "TITLE"')
    refuse_left_out(read.place.root, desk, name)
    made = new_spec(read.place.root, plan.tasks[name], title, files, reads)
    said = "written" if made.changed else "is there already"
    following = [Next(f"orchestrator spec lint {name}", "check it, once it says what is wanted")]
    output.product(f"{made.path} {said}", made, following=following)


@command.command("lint")
@click.argument("task", default="")
@click.option("--all", "everything", is_flag=True, help="All findings, not the worst 20.")
@root_option()
@click.pass_obj
def lint(output: Output, task: str, *, everything: bool) -> int:
    """Check the spec of TASK, or all: can it be taken, is it allowed, would a careful reader object."""
    read = reading()
    desk = desks.read(read.git, read.config.phases)
    known = {*desk.specs, *(view.task_of(fault) for fault in desk.faults)} - {""}
    name = find(task, known, "spec", f"orchestrator spec new {task}") if task else ""
    report = view.lint(desk, history(read.git), read.place.root, name)
    report = replace(report, findings=worst(report.findings, everything=everything))
    truncated = len(report.findings) < report.total
    following = [Next("orchestrator spec lint --all", f"all {report.total} findings")] if truncated else []
    output.product(view.lint_text(report), report, following=following, truncated=truncated)
    return int(Exit.FAILED if report.errors else Exit.DONE)


@command.command("show")
@click.argument("task")
@root_option()
@click.pass_obj
def show(output: Output, task: str) -> None:
    """Show the spec of TASK as its next attempt would get it: with what earlier attempts ran into."""
    read = reading()
    desk, _, plan = desks.required(read.git, read.config.phases)
    name = find(task, plan.tasks, "task", _LIST)
    letter = view.letter(read.git, desk, name)
    output.product(letter.text, letter)
