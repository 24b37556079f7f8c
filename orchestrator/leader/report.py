"""How a run ended, and the exit code that says it."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator import plan as planning
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.plan import BLOCKED, COMPLETE, Standing
from orchestrator.steps.claim import Claim
from orchestrator.steps.standing import Situation


@dataclass
class Report:
    """How a run ended.

    Attributes:
        landed: tasks that landed in this run, with their commits.
        phase: where the workflow stands; COMPLETE when every task is settled.
        stuck: open tasks that need a person, with the reason.
        dead: dead letters.
        conflicts: dead letters that a person must decide on, such as what two sides changed alike.
        stopped: the signal that stopped the run, 0 for none.
        over_budget: why nothing more may be spent; empty while something may.
        gate: the checkpoint that a person has not approved; empty where none waits.
        unable: what an agent lacks that cannot work here, so that its tasks were left to another run.
    """

    landed: list[tuple[str, str]] = field(default_factory=list)
    phase: str = ""
    stuck: Mapping[str, str] = field(default_factory=dict)
    dead: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    stopped: int = 0
    over_budget: str = ""
    gate: str = ""
    unable: OrchestratorError | None = None

    @property
    def code(self) -> Exit:
        """The exit code that says it."""
        if self.stopped:
            return Exit.INTERRUPTED if self.stopped == signal.SIGINT else Exit.TERMINATED
        if self.unable:
            return self.unable.code
        if self.gate or (self.over_budget and self.phase != COMPLETE):
            return Exit.WAITING
        if self.phase == BLOCKED or self.conflicts or (self.stuck and not self.dead):
            return Exit.WAITING
        return Exit.FAILED if self.dead else Exit.DONE

    def conclude(
        self,
        now: Situation,
        claims: Mapping[str, Claim],
        dear: Mapping[str, str],
        unable: OrchestratorError | None = None,
    ) -> None:
        """Fill in how things stand at the end.

        Args:
            now: the documents and the ledger.
            claims: the tasks that somebody else has taken.
            dear: the tasks on which nothing more may be spent, with the reason.
            unable: what the first agent lacks that cannot work here.
        """
        standing = now.standing()
        self.unable = unable
        settled = bool(now.plan.tasks) and not now.unsettled
        self.phase = COMPLETE if settled and now.phase != BLOCKED else now.phase
        taken = {task: f"claimed by {claim.who}" for task, claim in claims.items() if _is_open(now, standing, task)}
        self.stuck = {**dear, **planning.stuck(now.plan, standing), **taken}
        self.dead = sorted(standing.dead)
        self.conflicts = [task for task in self.dead if _ended_in_conflict(now, task)]


def _is_open(now: Situation, standing: Standing, task: str) -> bool:
    return task in now.plan.tasks and not standing.settled(task)


def _ended_in_conflict(now: Situation, task: str) -> bool:
    result = now.results.get(task)
    decided = {Failure.CONFLICT.value, Failure.UNDECIDED.value}
    return bool(result and result.attempts and result.attempts[-1].failure in decided)
