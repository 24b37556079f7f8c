"""`plan`: from a goal to a plan that waits for a person."""

import os
import sys
import threading
from pathlib import Path

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.doors import Reading, reading
from orchestrator.cli.output import Next, Output, calling_agent
from orchestrator.cli.signals import stop_requests
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.refs import head
from orchestrator.steps.standing import Library, Situation, situation
from orchestrator.workspace import Folders

_LARGEST = 1 << 20  # bytes of a file with a goal
_READ = 40_000  # characters of it that the planner reads


@click.command("plan")
@click.argument("goal", required=False, default="")
@click.option("--from", "source", metavar="FILE", help="Take the goal from a file, such as a PRD; - for stdin.")
@click.option("--edit", is_flag=True, help="Open the goal in your editor first.")
@click.option("--no-gate", is_flag=True, help="Let work begin without approval.")
@click.option("--events", type=click.Choice(["jsonl"]), help="Stream what happens to stdout as JSON lines.")
@root_option()
@click.pass_obj
def command(output: Output, goal: str, source: str | None, events: str | None, *, edit: bool, no_gate: bool) -> int:
    """Make phases, TODO.md and specs for GOAL; nothing starts before a person approves them.

    Without a GOAL, goes on with a planning that was cut short. In a project that is under way only what has not landed
    is planned anew; a run that is going makes the plan itself, and lets what it has begun come to its end.
    """
    from orchestrator.cli.handing import plan  # noqa: PLC0415 - `--help` needs none of it
    from orchestrator.cli.listening import listening  # noqa: PLC0415
    from orchestrator.views import planned as views  # noqa: PLC0415

    if no_gate:
        refuse_agents("let work begin without approval")
    stop, doors = threading.Event(), reading()
    with (
        stop_requests(lambda _number: stop.set()),
        listening(output, stream=bool(events), live=False) as tell,
    ):
        wanted = _goal(output, goal, source, Folders(doors.place.root), edit=edit)
        made = plan(doors.place, tell, wanted, stop, gate=not no_gate)
        shown = views.planned(doors.git, _standing(doors), changed=made.changed)
    following = [Next(*pair) for pair in views.following(shown)]
    output.product(views.text(shown), shown, following=following, truncated=shown.total > len(shown.tasks))
    return 0


def _standing(doors: Reading) -> Situation:
    return situation(doors.git, head(doors.git).commit, Library(), doors.config.phases)


def refuse_agents(what: str) -> None:
    """Refuse what only a person may do, where a coding agent is calling.

    Raises:
        OrchestratorError: one is.
    """
    agent = calling_agent(os.environ)
    if agent:
        raise OrchestratorError(
            f"only a person may {what}, and a coding agent is calling ({agent} is set)",
            hint="ask the person to run it in a terminal of their own",
            code=Exit.WAITING,
        )


def _goal(output: Output, goal: str, source: str | None, folders: Folders, *, edit: bool) -> str:
    if goal and source:
        raise OrchestratorError("a goal and --from FILE: which is it?", hint="leave one out", code=Exit.USAGE)
    text = _from(source) if source else goal
    if edit:
        text = _edited(text)
    text = text.strip() or _left(folders)
    if not text:
        raise OrchestratorError(
            "no goal", hint='orchestrator plan "GOAL"   # or: orchestrator plan --from FILE', code=Exit.USAGE
        )
    if len(text) > _READ:
        output.warn(f"of the goal the planner reads the first {_READ:,} characters")
    return text


def _left(folders: Folders) -> str:
    """Return the goal of a planning that was cut short, empty without one."""
    from orchestrator.steps.begun import begun  # noqa: PLC0415 - only a call without a goal needs it

    left = begun(folders)
    return left.goal if left else ""


def _from(source: str) -> str:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OrchestratorError("more than 1 MiB is no goal", where=source, hint="name the part", code=Exit.USAGE)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise OrchestratorError(
            f"cannot be read: {error.strerror}", where=source, hint="name a file with the goal", code=Exit.PRECONDITION
        ) from error
    except UnicodeDecodeError as error:
        raise OrchestratorError("not UTF-8", where=source, hint="save it as UTF-8", code=Exit.PRECONDITION) from error


def _edited(text: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise OrchestratorError("--edit needs a terminal", hint="orchestrator plan --from FILE", code=Exit.USAGE)
    return click.edit(text, extension=".md", require_save=False) or ""
