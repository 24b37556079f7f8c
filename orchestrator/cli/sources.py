"""What every reading verb reads from, made from the folder it is called in."""

from pathlib import Path

from orchestrator.cli.doors import LOCK, reading
from orchestrator.clock import SystemClock
from orchestrator.models.journal import NAME
from orchestrator.views.glance import Sources


def sources(start: Path | None = None) -> Sources:
    """Find the repository that holds `start` (the current folder without one).

    Raises:
        OrchestratorError: there is none to work in, or its configuration is wrong.
    """
    doors = reading(start)
    return Sources(
        git=doors.git,
        root=doors.place.root,
        lock=doors.place.git_dir / LOCK,
        phases=doors.config.phases,
        now=SystemClock().now(),
        journal=doors.place.git_dir / NAME,
        limits=doors.config.limits,
    )
