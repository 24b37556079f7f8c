"""The program with its clock set off, through the clock door: python skewed.py SECONDS run ..."""

import sys
import time
from datetime import UTC, datetime, timedelta

from orchestrator.cli import app
from orchestrator.clock import SystemClock

HASTE = 20.0  # waiting for a person's git or editor is over sooner: nobody in these tests is slow


def set_off(seconds: float) -> None:
    """Move this process's wall clock by `seconds`, and let its durations run faster."""
    SystemClock.now = lambda _: datetime.now(UTC) + timedelta(seconds=seconds)  # type: ignore[method-assign]
    SystemClock.monotonic = lambda _: time.monotonic() * HASTE  # type: ignore[method-assign]


if __name__ == "__main__":
    set_off(float(sys.argv[1]))
    sys.exit(app.run(sys.argv[2:]))
