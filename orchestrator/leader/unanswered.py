"""Unanswered: attempts that wait to be landed until a model can be asked about them, how long, and how often."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.errors import OrchestratorError
from orchestrator.failure import backoff
from orchestrator.repo.attempts import Attempt
from orchestrator.steps.asking import NoAnswer
from orchestrator.steps.project import Project

_QUOTA = 300.0  # seconds between questions while a limit of the account is reached that says no time


@dataclass
class Unanswered:
    """Counts the questions about each attempt that brought nothing.

    Attributes:
        parked: tasks whose attempts wait for a larger budget: this run asks about them no more.
    """

    parked: set[str] = field(default_factory=set)
    _rows: Counter[str] = field(default_factory=Counter)

    def take(
        self, project: Project, later: Sequence[tuple[Attempt, NoAnswer]]
    ) -> tuple[dict[str, float], OrchestratorError | None]:
        """Return the seconds each task has to wait; and the error once one was asked about too often."""
        held: dict[str, float] = {}
        error = None
        for attempt, found in later:
            if found.budget:
                self.parked.add(attempt.task)
                continue
            seconds = self._seconds(project, attempt, found)
            held[attempt.task] = seconds
            project.say("landing.later", attempt.task, attempt.number, seconds=seconds, why=found.why)
            if self._rows[attempt.ref] > project.config.retries:
                said = f"{attempt.task} waits to be landed, and no model answers: {found.why}"
                error = OrchestratorError(said, hint="orchestrator run   # asks again; the work is kept")
        return held, error

    def _seconds(self, project: Project, attempt: Attempt, found: NoAnswer) -> float:
        """Return how long to wait before the next question; a limit of the account is waited out for ever."""
        if found.quota:
            return found.wait or _QUOTA
        self._rows[attempt.ref] += 1
        chance = random.random()  # noqa: S311 - jitter, not a secret
        own = backoff(self._rows[attempt.ref], project.config.backoff, chance)
        return max(found.wait or own, project.models.shut_for())
