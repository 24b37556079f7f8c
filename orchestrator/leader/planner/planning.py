"""From a goal to a checked plan: the outline first, then the specs, each asked for again with what is wrong with it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from orchestrator.config import AgentConfig
from orchestrator.errors import DocumentError, Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.leader.planner import answers, asking, checks, papers
from orchestrator.leader.planner.answers import Outline, PlannedSpec, PlannedTask
from orchestrator.leader.planner.asking import Again, Matter
from orchestrator.leader.planner.memory import Memory, Remembering
from orchestrator.leader.planner.reading import Repository
from orchestrator.models import structured
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Call, CallError, Reply, Usage
from orchestrator.plaintext import listed

ROLE = "planner"
_ROUNDS = 3  # times that one question is put, the repairs among them
_NAMED = 12  # findings that an error names
_Value = TypeVar("_Value")


@dataclass
class Spent:
    """What a planning took: tokens, micro-dollars, who answered. An answer from memory counts as it did then."""

    usage: Usage = field(default_factory=Usage)
    micros: int = 0
    models: list[str] = field(default_factory=list)

    def add(self, reply: Reply) -> None:
        """Count one answer."""
        self.usage += reply.usage or Usage()
        self.micros += reply.micros
        if reply.model not in self.models:
            self.models.append(reply.model)


@dataclass(frozen=True)
class Drafted:
    """A plan that has nothing wrong: what was answered, the specs by task."""

    outline: Outline
    specs: Mapping[str, PlannedSpec]
    spent: Spent

    @property
    def contracts(self) -> dict[str, bytes]:
        """The specs as files' bytes, by task."""
        return papers.contracts(self.outline, self.specs)


@dataclass(frozen=True)
class Planning:
    """One planning.

    Args:
        agent: the model that plans.
        models: what it is asked through.
        memory: where its answers are kept.
        matter: what there is to plan.
        repository: what specs are written about.
        trial: says of a command why it cannot run here, empty where it can.
        cancel: ends it.
        told: hears of each step, by its name.
    """

    agent: AgentConfig
    models: Asking
    memory: Memory
    matter: Matter
    repository: Repository
    trial: Callable[[str], str]
    cancel: threading.Event
    told: Callable[[str], None]
    spent: Spent = field(default_factory=Spent)

    def draft(self) -> Drafted:
        """Return the plan.

        Raises:
            OrchestratorError: there is none: no answer, or none without something wrong.
        """
        outline = self._outline()
        specs: dict[str, PlannedSpec] = {}
        for number, batch in enumerate(asking.batches(outline.tasks), 1):
            specs |= self._specs(outline, batch, f"specs {number}")
        drafted = Drafted(outline, specs, self.spent)
        try:
            papers.whole(self.matter.known, outline, drafted.contracts)
        except DocumentError as error:
            raise _no_plan([str(error)]) from error
        return drafted

    def _outline(self) -> Outline:
        again: Again | None = None
        for number in range(1, _ROUNDS + 1):
            call = asking.outline(self.agent, self.matter, again)
            outline = self._ask(call, f"outline {number}", answers.outline)
            wrong = checks.of_outline(self.matter.known, outline)
            if not wrong:
                return outline
            again = Again(outline, wrong)
        raise _no_plan(wrong)

    def _specs(self, outline: Outline, tasks: Sequence[PlannedTask], step: str) -> dict[str, PlannedSpec]:
        """Return the specs of `tasks`; only those with something wrong are asked for again."""
        good: dict[str, PlannedSpec] = {}
        again: dict[str, Again] = {}
        for number in range(1, _ROUNDS + 1):
            left = [task for task in tasks if task.id not in good]
            call = asking.specs(self.agent, self.matter, self.repository, outline, left, again)
            given = self._ask(call, f"{step} {number}", answers.reader([task.id for task in left]))
            wrong = {task.id: self._wrong(outline, task, given[task.id]) for task in left}
            good |= {task: given[task] for task, said in wrong.items() if not said}
            again = {task: Again(given[task], said) for task, said in wrong.items() if said}
            if not again:
                return good
        raise _no_plan([said for each in again.values() for said in each.wrong])

    def _wrong(self, outline: Outline, task: PlannedTask, spec: PlannedSpec) -> list[str]:
        found = checks.of_spec(self.matter.known, outline, task, spec)
        if found:
            return found
        why = str(self.memory.step("tried", spec.check, lambda: self._tried(spec.check)))
        return [f"{task.id}: check cannot run here: {why}"] if why else []

    def _tried(self, command: str) -> str:
        why = self.trial(command)
        if self.cancel.is_set():
            raise _failed(CallError(Failure.INTERRUPTED, "the planning was stopped"))
        return why

    def _ask(self, call: Call, step: str, read: Callable[[object], _Value]) -> _Value:
        counting = _Counting(Remembering(self.models, self.memory), self.spent)
        self.told(step)
        try:
            return structured.ask(counting, call, Purpose(ROLE, step=step), self.cancel, read).value
        except CallError as error:
            raise _failed(error) from error


@dataclass(frozen=True)
class _Counting:
    asking: Asking
    spent: Spent

    def ask(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Reply:
        reply = self.asking.ask(call, purpose, cancel)
        self.spent.add(reply)
        return reply


class NoPlanError(OrchestratorError):
    """The planner has nothing better to say: to ask the same again would bring the same."""


def _no_plan(wrong: Sequence[str]) -> NoPlanError:
    return NoPlanError(
        f"no plan: the answer cannot be taken after {_ROUNDS} tries\n{listed(wrong, _NAMED)}",
        hint="say more in the goal, or let another model plan: [roles] planner in orchestrator.toml",
    )


_GOES_ON = "orchestrator plan   # goes on: what was answered is kept"
_HINTS = {
    Failure.INTERRUPTED: (Exit.INTERRUPTED, _GOES_ON),
    Failure.QUOTA: (Exit.WAITING, f"once there is room again: {_GOES_ON}"),
    Failure.TRANSIENT: (Exit.FAILED, _GOES_ON),
    Failure.FATAL: (Exit.MISSING, "look at the key, and at the model in orchestrator.toml"),
    Failure.DETERMINISTIC: (
        Exit.FAILED,
        f"look at the address, and at the model in orchestrator.toml, then: {_GOES_ON}",
    ),
}


def _failed(error: CallError) -> OrchestratorError:
    said = f"the planner gives no answer: {error.said}"
    if "unfit" in error.facts:
        return NoPlanError(said, hint="say more in the goal, or let another model plan")
    code, hint = _HINTS[error.failure]
    return OrchestratorError(said, hint=hint, code=code)
