"""What an agent is given, what it hands back, and the one method in between."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.budget import Usage
from orchestrator.failure import Failure

DETAIL = 4_000  # characters of a failure's account that are worth reading again

Transcript = Callable[[str, Mapping[str, object]], None]
"""Takes an event's name and its facts, in the order they happen."""


@dataclass(frozen=True)
class Assignment:
    """One attempt at one spec.

    Attributes:
        task: the task's id.
        attempt: counted from 1.
        spec: the full text the agent gets.
        spec_path: where that text stands.
        result_path: where the agent may write its result document.
        files: paths the spec names, expanded, relative to the worktree.
        worktree: the folder to work in.
        logs: folder for this attempt's logs.
        token: marks every process of the attempt; unique among those that are going.
        timeout: seconds the attempt may take; None is no limit.
        idle: seconds it may be silent; None is no limit.
        model: the model the spec asks for; empty for the agent's own.
        effort: how hard the spec wants it to try; empty for the agent's own.
    """

    task: str
    attempt: int
    spec: str
    spec_path: Path
    result_path: Path
    files: tuple[str, ...]
    worktree: Path
    logs: Path
    token: str
    timeout: float | None
    idle: float | None
    model: str = ""
    effort: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back; an agent that fails is an answer, never an exception.

    Attributes:
        failure: why it did not succeed; None when the agent says the work is complete.
        detail: its last words, or the cause in one sentence; at most 4,000 characters.
        code: the exit status, where there is one.
        seconds: how long it took.
        result: the result document's bytes, when it wrote one.
        usage: the tokens it took, all of the attempt, where that is known.
        micros: what it cost, all of the attempt, in millionths of a US dollar, where that is known.
        sandbox: the weakest level of confinement that its commands had, where we confined them.
    """

    failure: Failure | None
    detail: str
    code: int | None
    seconds: float
    result: bytes | None
    usage: Usage = field(default_factory=Usage)
    micros: int = 0
    sandbox: str = ""


class Agent(Protocol):
    """Whatever can carry out a spec; `conformance` says what that means, in tests."""

    @property
    def name(self) -> str:
        """The name it has in `orchestrator.toml`."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether it goes on with an attempt that was cut short, given the same folder and worktree once more."""
        ...

    @property
    def must_change(self) -> bool:
        """Whether an attempt of its that changed nothing is a failure, whatever it says of itself."""
        ...

    def check(self) -> None:
        """Find out, before anything is spent, whether the agent can be started.

        Raises:
            OrchestratorError: it cannot (`Exit.MISSING`); the message names the configuration key.
        """
        ...

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Carry out one attempt; returns soon after `cancel` is set, and leaves no process behind."""
        ...
