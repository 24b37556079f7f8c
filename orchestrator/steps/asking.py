"""Asking while landing: what a call that brought no answer means for the attempt it was about, and for the run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.config import AgentConfig
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.models.call import CallError
from orchestrator.models.structured import Answered

_Value = TypeVar("_Value")
_TOO_LARGE = 413  # a status
_LONG = "prompt is too long"


@dataclass(frozen=True)
class NoAnswer:
    """There is none now.

    Attributes:
        why: in a sentence.
        later: it may come when it is asked for again; else nobody but a person can say.
        wait: seconds until then, where that is known.
        quota: a limit of the account is reached, which may take long.
        budget: there is nothing left to spend on it.
    """

    why: str
    later: bool
    wait: float | None = None
    quota: bool = False
    budget: bool = False


def answered(agent: AgentConfig, role: str, ask: Callable[[], Answered[_Value]]) -> Answered[_Value] | NoAnswer:
    """Return what `ask` brings, or that it brings nothing about this attempt.

    Raises:
        OrchestratorError: no call of this role can bring anything: there is no right to it, or no such model.
    """
    try:
        return ask()
    except CallError as error:
        if error.failure in {Failure.TRANSIENT, Failure.INTERRUPTED}:
            return NoAnswer(error.said, later=True, wait=error.wait)
        if error.failure is Failure.QUOTA:
            return NoAnswer(error.said, later=True, wait=error.wait, quota=True, budget="budget" in error.facts)
        if error.failure is Failure.DETERMINISTIC and _is_about_this(error):
            return NoAnswer(error.said, later=False)
        raise _stopped(agent, role, error) from error


def _is_about_this(error: CallError) -> bool:
    """Whether another question might well be answered."""
    status = error.facts.get("status")
    return status is None or status == _TOO_LARGE or _LONG in error.said


def _stopped(agent: AgentConfig, role: str, error: CallError) -> OrchestratorError:
    mend = f"mend [agents.{agent.name}] in orchestrator.toml, or the key"
    hint = f"{mend}, then: orchestrator run   # what is finished waits"
    code = Exit.MISSING if error.failure is Failure.FATAL else Exit.FAILED
    return OrchestratorError(f"the {role} cannot be asked: {error.said}", hint=hint, code=code)
