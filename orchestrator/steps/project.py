"""One project as the steps see it: its doors, opened once and handed round."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.clock import Clock
from orchestrator.config import Config
from orchestrator.events import Event, Tell
from orchestrator.lock import Lock
from orchestrator.models.models import Models
from orchestrator.repo.checkout import Checkout
from orchestrator.repo.git import Git
from orchestrator.repo.guard import Guard
from orchestrator.repo.locate import Place
from orchestrator.repo.register import Register
from orchestrator.repo.worktrees import Worktrees
from orchestrator.sandbox import Confinement, Policy
from orchestrator.workspace import Folders


@dataclass(frozen=True)
class Project:
    """Everything a step may touch.

    Attributes:
        place: the checkout and its git directory.
        git: git at the checkout's top, holding the instance lock.
        config: the resolved configuration.
        clock: wall and monotonic time.
        env: the caller's environment, from which agents get a clean one.
        folders: `.orchestrator/`.
        checkout: the user's checkout, on the workflow's branch.
        worktrees: where attempts and verify work.
        register: the attempts that are recorded.
        guard: watches what agents could change in the shared git directory.
        lock: the held instance lock.
        tell: who listens to what happens.
        models: answers questions, for money.
        confined: says how checks are confined where a policy asks for it; measured at the first question.
    """

    place: Place
    git: Git
    config: Config
    clock: Clock
    env: Mapping[str, str]
    folders: Folders
    checkout: Checkout
    worktrees: Worktrees
    register: Register
    guard: Guard
    lock: Lock
    tell: Tell
    models: Models
    confined: Callable[[Policy], Confinement]

    def say(self, name: str, task: str = "", attempt: int = 0, **facts: object) -> None:
        """Tell the listener that something happened."""
        self.tell(Event(name, task, attempt, facts))

    @property
    def token(self) -> str:
        """The prefix of the mark on every process this project's attempts start, whichever leader started them."""
        return f"orchestrator:{self.place.root}:"
