"""Why the last run stopped: for a person who was not there to read it."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.workspace import Folders, write_whole

_LONGEST = 500  # characters of each sentence


@dataclass(frozen=True)
class Stopped:
    """What ended the last run before its end, what to do about it, and when that was."""

    why: str
    hint: str
    at: datetime


def note(folders: Folders, error: OrchestratorError, now: datetime) -> None:
    """Write down what ended a run; a disk that does not take it is what was to be told."""
    facts = {"why": one_line(str(error), _LONGEST), "hint": one_line(error.hint, _LONGEST)}
    with suppress(OSError):
        write_whole(_file(folders), json.dumps({**facts, "at": now.isoformat()}).encode())


def forget(folders: Folders) -> None:
    """Begin anew: what stopped the run before does not hold for the one that starts."""
    with suppress(OSError):
        _file(folders).unlink(missing_ok=True)


def stopped(folders: Folders) -> Stopped | None:
    """Return why the last run stopped; None where it came to its end, or was killed."""
    try:
        said = json.loads(_file(folders).read_bytes())
        return Stopped(str(said["why"]), str(said["hint"]), datetime.fromisoformat(said["at"]).astimezone())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(folders: Folders) -> Path:
    return folders.home / "stopped.json"
