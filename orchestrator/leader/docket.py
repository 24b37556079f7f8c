"""The docket: every task's recorded attempts, read from git once a turn, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config import Config
from orchestrator.failure import Failure, Next, what_next
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.git import Git
from orchestrator.repo.register import Register
from orchestrator.steps.learn import is_news, learnt, same_contract
from orchestrator.steps.standing import Situation
from orchestrator.steps.verify import same_code

# Failures whose account the next attempt is given; the others say nothing about the work.
_TOLD = {Failure.DETERMINISTIC, Failure.SCOPE, Failure.CONFLICT, Failure.TIMEOUT}
_TOLD_MOST = 2
_HIGHEST = 10**8  # no spec tells truly of so many attempts, and a result takes nine digits


@dataclass(frozen=True)
class Docket:
    """What is recorded of the tasks that are open now.

    Attributes:
        now: the documents and the ledger.
        attempts: open task to its attempts that count: since the last retry, restore or revert; oldest first.
        register: every attempt ever recorded.
    """

    now: Situation
    attempts: Mapping[str, Sequence[Attempt]]
    register: Register

    def waiting(self) -> list[Attempt]:
        """Return the finished attempts that can land, in plan order."""
        last = [mine[-1] for mine in self.attempts.values() if mine[-1].fate is Fate.FINISHED]
        return sorted(last, key=lambda attempt: self.now.plan.order[attempt.task])

    def failed(self) -> list[tuple[str, Sequence[Attempt]]]:
        """Return the tasks whose last attempt did not land, with their attempts, in plan order."""
        found = [(task, mine) for task, mine in self.attempts.items() if mine[-1].fate is not Fate.FINISHED]
        return sorted(found, key=lambda each: self.now.plan.order[each[0]])

    def number(self, task: str) -> int:
        """Return the number of the next attempt at `task`: higher than all here, and than those its spec tells of."""
        spec = self.now.plan.specs.get(task)
        elsewhere = [number for number in learnt(spec) if number < _HIGHEST] if spec else []
        return max(self.register.highest(task), self.now.ledger.reopened.get(task, 0), *elsewhere) + 1

    def told(self, task: str) -> list[Attempt]:
        """Return the earlier attempts whose account the next one should read, and its spec does not give."""
        told = [attempt for attempt in self.attempts.get(task, ()) if attempt.failure in _TOLD][-_TOLD_MOST:]
        known = learnt(self.now.plan.specs[task]) if told else ()
        return [attempt for attempt in told if attempt.number not in known]

    def unlearnt(self) -> list[str]:
        """Return the tasks whose specs are to be made better before they are tried again."""
        return [task for task, mine in self.failed() if is_news(self.now, mine[-1])]


def docket(register: Register, now: Situation) -> Docket:
    """Return the attempts that matter now; those of settled tasks, and of such as left the plan, are let go.

    For a plan in which all is settled nothing is read.
    """
    standing = now.standing()
    attempts: dict[str, Sequence[Attempt]] = {}
    if not (register.is_read or now.unsettled):
        return Docket(now, attempts, register)
    for task, recorded in register.unsettled(now.plan.phase_of, standing.settled).items():
        if task not in standing.dead:
            floor = now.ledger.reopened.get(task, 0)
            mine = [attempt for attempt in recorded if attempt.number > floor]
            attempts |= {task: mine} if mine else {}
    return Docket(now, attempts, register)


def verdict(git: Git, config: Config, now: Situation, mine: Sequence[Attempt]) -> tuple[Next, str]:
    """Decide what follows a task's attempts, of which the last did not land."""
    spec = now.plan.specs.get(mine[-1].task)
    limit = (spec.attempts if spec else None) or config.attempts
    return what_next(failures(mine), limit, config.retries, repeated=_repeated(git, mine))


def failures(mine: Sequence[Attempt]) -> list[Failure]:
    """Return why each attempt did not land."""
    return [attempt.failure or Failure.DETERMINISTIC for attempt in mine]


def _repeated(git: Git, mine: Sequence[Attempt]) -> bool:
    """Whether the last two attempts, at one contract from the same code, failed alike and left the very same code."""
    if len(mine) < 2 or mine[-1].failure not in {Failure.DETERMINISTIC, Failure.SCOPE}:  # noqa: PLR2004 - a pair
        return False
    before, last = mine[-2:]
    if before.failure is not last.failure or not same_contract(git, before.spec, last.spec):
        return False
    return same_code(git, before.base, last.base) and same_code(git, before.commit, last.commit)
