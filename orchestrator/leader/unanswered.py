"""Unanswered: attempts that wait to be landed until a model can be asked about them, how long, and how often."""

import random
from collections import Counter
from dataclasses import dataclass, field

from orchestrator.config import Config
from orchestrator.errors import OrchestratorError
from orchestrator.failure import backoff
from orchestrator.repo.attempts import Attempt
from orchestrator.steps.asking import NoAnswer

_QUOTA = 300.0  # seconds between questions while a limit of the account is reached that says no time


@dataclass
class Unanswered:
    """Counts the questions about each attempt that brought nothing."""

    _rows: Counter[str] = field(default_factory=Counter)

    def seconds(self, attempt: Attempt, found: NoAnswer, config: Config) -> float:
        """Return how long to wait before the question is asked again; a limit of the account is waited out for ever.

        Raises:
            OrchestratorError: it was asked often enough.
        """
        self._rows[attempt.ref] += not found.quota
        row = self._rows[attempt.ref]
        if row > config.retries:
            said = f"{attempt.task} waits to be landed, and no model answers: {found.why}"
            raise OrchestratorError(said, hint="orchestrator run   # asks again; the work is kept")
        if found.wait is not None or found.quota:
            return found.wait or _QUOTA
        chance = random.random()  # noqa: S311 - jitter, not a secret
        return backoff(row, config.backoff, chance)
