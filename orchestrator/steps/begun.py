"""A planning that has not come to its end: where its answers are kept, and how many there are."""

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.workspace import Folders

GOAL = "goal.json"


@dataclass(frozen=True)
class Begun:
    """A planning that has not come to its end: for which goal, and how many answers it has."""

    goal: str
    answers: int


def begun(folders: Folders) -> Begun | None:
    """Return the planning that was cut short, if there is one."""
    folder = home(folders)
    for planning in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            goal = str(json.loads((planning / GOAL).read_bytes())["goal"])
            return Begun(goal, sum(1 for _ in planning.glob("*.json")) - 1)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def home(folders: Folders) -> Path:
    """Return the folder of all plannings."""
    return folders.home / "planning"
