"""What happened, as it happens: the steps tell, and whoever listens shows it, writes it down, or both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """One thing that happened: a dotted name, the task and attempt it concerns, and facts about it."""

    name: str
    task: str = ""
    attempt: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


Tell = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Listen to nothing."""
