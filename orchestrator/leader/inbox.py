"""What the loop is told by others, beside the deliveries of an engine."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.steps.land import Outcome

if TYPE_CHECKING:
    from orchestrator.leader.planner.session import Drawn


@dataclass(frozen=True)
class Landed:
    """A round of landing came to its end, well or not."""

    outcome: Outcome
    error: Exception | None = None


@dataclass(frozen=True)
class Planned:
    """A planning beside the run came to its end, well or not."""

    drawn: "Drawn | None" = None
    error: Exception | None = None


@dataclass(frozen=True)
class Stop:
    """A person, or the system, wants the leader to stop: softly first, then at once."""

    signal: int
