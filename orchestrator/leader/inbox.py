"""What the loop is told by others, beside the deliveries of an engine."""

from dataclasses import dataclass

from orchestrator.steps.land import Outcome


@dataclass(frozen=True)
class Landed:
    """A round of landing came to its end, well or not."""

    outcome: Outcome
    error: Exception | None = None


@dataclass(frozen=True)
class Stop:
    """A person, or the system, wants the leader to stop: softly first, then at once."""

    signal: int
