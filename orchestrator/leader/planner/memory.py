"""What a planning has learnt, kept before it goes on: after a kill the same steps find their answers here again."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.failure import Failure
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Call, CallError, Reply, Stop, Usage
from orchestrator.repo.removal import remove_tree
from orchestrator.steps.begun import GOAL, home
from orchestrator.workspace import Folders, write_durably

_FORMAT = 1
_SHOWN = 16  # hexadecimal digits of a name


@dataclass(frozen=True)
class Memory:
    """One planning's folder. What is asked again in the same words has the answer it had."""

    folder: Path

    @classmethod
    def of(cls, folders: Folders, goal: str, *facts: object) -> "Memory":
        """Return the memory of planning for `goal`, where `facts` are all else that the questions are made from.

        Raises:
            OSError: the disk is full or read-only.
        """
        made = cls(home(folders) / digest([_FORMAT, goal, *facts]))
        if not (made.folder / GOAL).is_file():
            forget(folders)  # of plannings cut short, one is kept
            write_durably(made.folder / GOAL, json.dumps({"goal": goal}).encode())
        return made

    def step(self, name: str, asked: object, make: Callable[[], Any]) -> Any:
        """Return what `make` returned for this question, now or before a kill; it is on the disk then. As JSON has it.

        Raises:
            OSError: the disk is full or read-only.
        """
        file = self.folder / f"{name.replace(' ', '-')}-{digest(asked)}.json"
        try:
            return json.loads(file.read_bytes())
        except (FileNotFoundError, ValueError):
            made = make()
            write_durably(file, json.dumps(made, ensure_ascii=False).encode())
            return made


@dataclass(frozen=True)
class Remembering:
    """Asks, and asks nothing twice.

    Args:
        asking: who is asked.
        memory: where answers are kept before they are used.
    """

    asking: Asking
    memory: Memory

    def ask(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Reply:
        """Return the answer, from memory where it was given before.

        Raises:
            CallError: there is none.
        """
        asked = [call.model, call.effort, call.system, call.schema, list(call.messages)]
        kept = self.memory.step(purpose.step, asked, lambda: _kept(self.asking.ask(call, purpose, cancel)))
        try:
            return _reply(kept)
        except (KeyError, TypeError, ValueError) as error:
            said = f"what is kept of {purpose.step} cannot be read"
            raise CallError(Failure.DETERMINISTIC, said, facts={"unfit": True}) from error


def _kept(reply: Reply) -> dict[str, Any]:
    return asdict(reply) | {"garbled": sorted(reply.garbled)}


def _reply(kept: Mapping[str, Any]) -> Reply:
    usage = Usage(**kept["usage"]) if kept["usage"] else None
    garbled = frozenset(kept["garbled"])
    return Reply(**{**kept, "stop": Stop(kept["stop"]), "usage": usage, "garbled": garbled})


def digest(what: object) -> str:
    """Return a short name of what JSON can hold."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:_SHOWN]


def forget(folders: Folders) -> None:
    """Let go of every planning: it has become a commit, or another goal has come."""
    remove_tree(home(folders))
