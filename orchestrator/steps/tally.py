"""The tally: how far a plan is, kept up to date while tasks land, so that no question grows with the plan."""

from collections import deque
from collections.abc import Collection, Mapping
from itertools import islice

from orchestrator.plan import Plan, Standing

_KEPT = 8


class Tally:
    """How far `plan` is.

    Args:
        plan: every task.
        standing: where each task stands at the start.
        landed: the landed tasks, oldest first.
    """

    def __init__(self, plan: Plan, standing: Standing, landed: Collection[str]) -> None:
        self.standing = standing
        self.total = len(plan.tasks)
        self.done = len(standing.done)
        self._plan = plan
        self._fresh: set[str] = set()
        self._phases = set(plan.phase_of.values())
        self._open: dict[str, None] = {}
        self._open_of: dict[str, dict[str, None]] = {phase: {} for phase in plan.phases}
        for task, phase in plan.phase_of.items():
            if not standing.settled(task):
                self._open[task] = self._open_of[phase][task] = None
        self._last: deque[str] = deque(landed, maxlen=_KEPT)
        self._last_of: Mapping[str, deque[str]] = {phase: deque(maxlen=_KEPT) for phase in plan.phases}
        for task in landed:
            self._last_of[plan.phase_of[task]].append(task)

    def land(self, task: str) -> None:
        """Count `task` as landed."""
        self.done += 1
        self._fresh.add(task)
        self._open.pop(task, None)
        self._open_of[self._plan.phase_of[task]].pop(task, None)
        self._last.append(task)
        self._last_of[self._plan.phase_of[task]].append(task)

    def has(self, phase: str) -> bool:
        """Whether any task belongs to `phase`."""
        return phase in self._phases

    def is_done(self, task: str) -> bool:
        """Whether `task` has landed."""
        return task in self._fresh or task in self.standing.done

    @property
    def open_phases(self) -> set[str]:
        """The phases with a task that is not settled."""
        return {phase for phase, tasks in self._open_of.items() if tasks}

    def ahead(self, most: int, phase: str = "") -> list[str]:
        """Return the first tasks that are not settled, in plan order: of all, or of one phase."""
        return list(islice(self._open_of.get(phase, {}) if phase else self._open, most))

    def behind(self, phase: str = "") -> list[str]:
        """Return the tasks that landed last, at most eight, oldest first: of all, or of one phase."""
        return list(self._last_of.get(phase, ()) if phase else self._last)
