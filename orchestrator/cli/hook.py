"""`hook`: the entry point for coding agents. It exits 0 whatever happens: they read 2 as "block this"."""

import json
import os
import select
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Output, json_line
from orchestrator.clock import SystemClock
from orchestrator.plaintext import one_line

_PATIENCE = 0.1  # seconds for standard input that may never come
_MOST = 1 << 20
_SOURCES = {"resume": "resume", "compact": "compact"}


@dataclass(frozen=True)
class Said:
    """What the coding agent is told: `event` as understood, `context` empty where there is nothing to say."""

    event: str
    context: str


class Lenient(click.Command):
    """A command whose usage cannot be wrong: a usage error would exit 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments, or none of them."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            return super().parse_args(ctx, [])


@click.command("hook", cls=Lenient, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("event", default="")
@root_option()
@click.pass_obj
def command(output: Output, event: str) -> int:
    """Answer a coding agent's event: session-start, user-prompt-submit, pre-compact, stop or session-end."""
    try:
        said = _answer(event, _told())
        output.product(_wire(said), said)
    except Exception as error:  # noqa: BLE001 - a session must never stop, or be told to, because of us
        output.chatter(f"orchestrator hook: {one_line(str(error)) or type(error).__name__}")
    return 0


def _told() -> Mapping[str, Any]:
    """Return the JSON object on standard input, empty where there is none in time."""
    try:
        data = b"" if os.isatty(0) else _read(SystemClock().monotonic() + _PATIENCE)
        found = json.loads(data or b"{}")
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(deadline: float) -> bytes:
    """Read descriptor 0 to its end, or until the deadline: a caller may hold it open and say nothing."""
    data = b""
    while len(data) < _MOST:
        ready, _, _ = select.select([0], [], [], max(0.0, deadline - SystemClock().monotonic()))
        piece = os.read(0, 1 << 16) if ready else b""
        if not piece:
            break
        data += piece
    return data


def _answer(event: str, told: Mapping[str, Any]) -> Said:
    name = _kebab(event or str(told.get("hook_event_name", "")))
    if name not in {"session-start", "pre-compact"}:
        return Said(name, "")
    # most events say nothing, and one of them comes with every prompt
    from orchestrator.brief import brief, short  # noqa: PLC0415 - silent events need none of it
    from orchestrator.cli.sources import sources  # noqa: PLC0415 - silent events need none of it
    from orchestrator.views.pack import documents  # noqa: PLC0415 - silent events need none of it

    folder = told.get("cwd")
    found = documents(sources(Path(folder) if isinstance(folder, str) and folder else None))
    if found is None:
        return Said(name, "")
    if name == "pre-compact":
        return Said(name, short(found))
    return Said(name, brief(found, source=_SOURCES.get(str(told.get("source", "")), "startup")).text)


def _kebab(name: str) -> str:
    """Return `SessionStart` as `session-start`; a name already so stays."""
    return "".join(f"-{char.lower()}" if char.isupper() and n else char.lower() for n, char in enumerate(name))


def _wire(said: Said) -> str:
    if said.event != "session-start" or not said.context:
        return said.context
    answer = {"hookEventName": "SessionStart", "additionalContext": said.context}
    return json_line({"hookSpecificOutput": answer})
