"""`run`: carry the plan on from wherever it stands."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.budget import MICROS
from orchestrator.cli.app import root_option
from orchestrator.cli.doors import reading
from orchestrator.cli.listening import listening
from orchestrator.cli.output import Next, Output
from orchestrator.cli.signals import Requests, stop_requests
from orchestrator.events import Tell
from orchestrator.steps.looking import Look, looking

if TYPE_CHECKING:
    from orchestrator.leader.report import Report


def options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a verb the options of `run`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("--jobs", type=click.IntRange(1, 256), help="Attempts at once."),
    click.option("--budget", type=click.FloatRange(0, 1e6), metavar="USD", help="What the whole workflow may cost."),
    click.option("--until", metavar="PHASE", default="", help="Stop once this phase is complete."),
    click.option("--dry-run", is_flag=True, help="Say what would start and what would be skipped; change nothing."),
    click.option("--events", type=click.Choice(["jsonl"]), help="Stream what happens to stdout as JSON lines."),
    click.option("--no-live", is_flag=True, help="Plain lines, also on a terminal."),
    root_option(),
]


@click.command("run")
@options
@click.pass_obj
def command(output: Output, /, **chosen: Any) -> int:
    """Carry the plan on: start what is ready, verify and land what is finished, until nothing can move."""
    return carry_on(output, **chosen)


def carry_on(
    output: Output,
    *,
    jobs: int | None,
    budget: float | None,
    until: str,
    dry_run: bool,
    events: str | None,
    no_live: bool,
) -> int:
    """Run, or say what a run would do; return the exit code."""
    if dry_run:
        return foresee(output, jobs, budget, until)
    return lead(output, {"limits.jobs": jobs, "limits.budget": budget}, until, events, live=not no_live)


def lead(output: Output, flags: dict[str, object], until: str, events: str | None, *, live: bool) -> int:
    """Lead until nothing can move, or until somebody asks for a stop."""
    asked = Requests()
    with (
        stop_requests(asked.take),
        looking(Path.cwd(), os.environ) as looked,
        listening(output, stream=bool(events), live=live) as tell,
    ):
        report, spent = _led(tell, flags, until, asked, looked)
    from orchestrator.views import ending  # noqa: PLC0415 - `--help` needs none of it

    landed = [ending.Landing(*pair) for pair in report.landed]
    end = ending.Ending(
        report.phase,
        landed,
        report.dead,
        report.stuck,
        report.conflicts,
        report.stopped,
        changed=bool(landed),
        over_budget=report.over_budget,
        gate=report.gate,
        cost=spent / MICROS,
        unable=str(report.unable or ""),
    )
    output.product(ending.text(end), end, following=[Next(*pair) for pair in ending.following(end)])
    if report.unable and not report.stopped and not output.as_json:
        return output.failed(report.unable)
    return int(report.code)


def _led(tell: Tell, flags: dict[str, object], until: str, asked: Requests, looked: Look) -> tuple["Report", int]:
    """Return how the run ended, and what models cost so far, in micros."""
    from orchestrator.agents.roster import roster  # noqa: PLC0415 - the verbs that only read pay for none of it
    from orchestrator.cli.leading import leading  # noqa: PLC0415 - a dry run needs none of it
    from orchestrator.leader.loop import Leader  # noqa: PLC0415 - `--help` needs none of it
    from orchestrator.leader.session import run  # noqa: PLC0415 - `--help` needs none of it

    with leading(tell, flags) as project:
        place = project.place
        leader = Leader(project, roster(project.config, place.root, project.env, place.git_dir, project.models), until)
        asked.hand_to(leader.stop)
        return run(leader, looked), project.models.purse.spent.all.micros


def foresee(output: Output, jobs: int | None, budget: float | None, until: str) -> int:
    """Say what a run would do now; takes no lock and writes nothing."""
    from orchestrator.cli.sources import sources  # noqa: PLC0415 - only a dry run pays for it
    from orchestrator.views import forecast  # noqa: PLC0415 - only a dry run pays for it

    here = reading()
    config = replace(here.config, jobs=jobs or here.config.jobs)
    config = config if budget is None else replace(config, budget=budget)
    found = forecast.forecast(sources(), config, until)
    following = [Next("orchestrator run", "does it")] if (found.start or found.land) and not found.problems else []
    output.product(forecast.text(found), found, following=following)
    return 0
