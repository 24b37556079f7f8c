"""Holds: tasks that wait because something failed that passes, and since when which of their attempts were stopped."""

import random
from dataclasses import dataclass, field

from orchestrator.clock import Clock
from orchestrator.failure import backoff


@dataclass
class Holds:
    """The tasks of one run that wait.

    Attributes:
        clock: measures.
        base: seconds of the first wait; doubles, with jitter.
        seen: refs of the recorded attempts that a wait was begun for.
        paused: how often in a row a task's attempt, which can go on, has stopped.
    """

    clock: Clock
    base: float
    seen: set[str] = field(default_factory=set)
    paused: dict[str, int] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    @property
    def tasks(self) -> frozenset[str]:
        """Those that wait."""
        return frozenset(self._until)

    def hold(self, task: str, row: int, least: float) -> float:
        """Let a task wait after `row` failures in a row, `least` seconds or more; return how long."""
        chance = random.random()  # noqa: S311 - jitter, not a secret
        seconds = max(backoff(row, self.base, chance), least)
        self._until[task] = self.clock.monotonic() + seconds
        return seconds

    def pause(self, task: str) -> int:
        """Take note that a task's attempt stopped once more; return how often in a row."""
        self.paused[task] = self.paused.get(task, 0) + 1
        return self.paused[task]

    def recorded(self, task: str) -> None:
        """Count a task's stops anew: its attempt has ended, and what comes next is another one."""
        self.paused.pop(task, None)

    def release(self, most: float) -> float:
        """Let go who has waited long enough; return the seconds until the next one has, at most `most`."""
        now = self.clock.monotonic()
        self._until = {task: until for task, until in self._until.items() if until > now}
        return min([most, *(until - now for until in self._until.values())])
