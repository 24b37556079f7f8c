"""The clock door: wall time for people, monotonic time for durations. Always an argument, so that a test can pin it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the program knows of time."""

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


def stamp(moment: datetime) -> str:
    """Return `moment` as documents show it: `2026-02-22 11:30`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
