"""The docket: every task's recorded attempts, read from git once a turn, and what follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config import Config
from orchestrator.failure import Failure, Next, what_next
from orchestrator.repo.attempts import Attempt, Fate, load
from orchestrator.repo.git import Git
from orchestrator.repo.trees import differences
from orchestrator.steps.standing import Situation

# Failures whose account the next attempt is given; the others say nothing about the work.
_TOLD = {Failure.DETERMINISTIC, Failure.SCOPE, Failure.CONFLICT, Failure.TIMEOUT}
_TOLD_MOST = 2


@dataclass(frozen=True)
class Docket:
    """What git says now.

    Attributes:
        now: the documents and the ledger.
        attempts: task to its attempts that count: since the last retry, restore or revert; oldest first.
        highest: task to the highest attempt number ever given.
    """

    now: Situation
    attempts: Mapping[str, Sequence[Attempt]]
    highest: Mapping[str, int]

    def waiting(self) -> list[Attempt]:
        """Return the finished attempts that can land, in plan order."""
        return [mine[-1] for task, mine in self._open() if mine[-1].fate is Fate.FINISHED]

    def failed(self) -> Iterable[tuple[str, Sequence[Attempt]]]:
        """Yield the open tasks whose last attempt did not land, with their attempts."""
        return ((task, mine) for task, mine in self._open() if mine[-1].fate is not Fate.FINISHED)

    def _open(self) -> Iterable[tuple[str, Sequence[Attempt]]]:
        standing = self.now.standing()
        for task in self.now.plan.tasks:
            mine = self.attempts.get(task)
            if mine and not standing.settled(task) and task not in standing.dead:
                yield task, mine

    def number(self, task: str) -> int:
        """Return the number of the next attempt at `task`."""
        return max(self.highest.get(task, 0), self.now.ledger.reopened.get(task, 0)) + 1

    def told(self, task: str) -> list[Attempt]:
        """Return the earlier attempts whose account the next one should read."""
        return [attempt for attempt in self.attempts.get(task, ()) if attempt.failure in _TOLD][-_TOLD_MOST:]


def docket(git: Git, now: Situation) -> Docket:
    """Read every recorded attempt."""
    attempts: dict[str, list[Attempt]] = {}
    highest: dict[str, int] = {}
    for attempt in load(git):
        highest[attempt.task] = max(attempt.number, highest.get(attempt.task, 0))
        if attempt.number > now.ledger.reopened.get(attempt.task, 0):
            attempts.setdefault(attempt.task, []).append(attempt)
    return Docket(now, attempts, highest)


def verdict(git: Git, config: Config, now: Situation, mine: Sequence[Attempt]) -> tuple[Next, str]:
    """Decide what follows a task's attempts, of which the last did not land."""
    spec = now.plan.specs.get(mine[-1].task)
    limit = (spec.attempts if spec else None) or config.attempts
    return what_next(failures(mine), limit, config.retries, repeated=_repeated(git, mine))


def failures(mine: Sequence[Attempt]) -> list[Failure]:
    """Return why each attempt did not land."""
    return [attempt.failure or Failure.DETERMINISTIC for attempt in mine]


def _repeated(git: Git, mine: Sequence[Attempt]) -> bool:
    """Whether the last two attempts, at one spec from one base, failed alike and left the very same tree."""
    if len(mine) < 2 or mine[-1].failure not in {Failure.DETERMINISTIC, Failure.SCOPE}:  # noqa: PLR2004 - a pair
        return False
    before, last = mine[-2:]
    alike = (before.failure, before.spec, before.base) == (last.failure, last.spec, last.base)
    return alike and not differences(git, before.commit, last.commit)
