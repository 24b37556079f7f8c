"""What the rest of the program asks models through: one question, and for whom it is asked."""

import threading
from dataclasses import dataclass
from typing import Protocol

from orchestrator.models.call import Call, Reply


@dataclass(frozen=True)
class Purpose:
    """What a call is for, as the ledger of costs has it.

    Attributes:
        role: `planner`, `worker`, `reviewer` or `resolver`.
        task: the task's id; empty for a call that is for the whole plan.
        attempt: the attempt's number; 0 where there is none.
        step: which call of that purpose it is: a turn's number, or a name.
        closing: it writes down what is known, so that work can go on another time: `limits.reserve` is kept for it.
    """

    role: str
    task: str = ""
    attempt: int = 0
    step: str = ""
    closing: bool = False


class Asking(Protocol):
    """Whatever can put a question to a model, pay for it, and wait and try again where that may help."""

    def ask(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Reply:
        """Return the checked answer, with what it cost.

        Raises:
            CallError: there is none, and asking again now would not bring one; classed.
        """
        ...
