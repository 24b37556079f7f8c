"""What another process asks of the leader that is at work: a plan for a goal.

One file in the git directory, which whoever asks keeps locked while they wait: a request whose asker is gone is none.
The answer is a file beside it, with the request's token in it. Both files stay, and say nothing to anybody else.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.lock import held_note, is_locked
from orchestrator.workspace import write_whole

NAME = "orchestrator.asked"


@dataclass(frozen=True)
class Request:
    """A plan that is wanted: for which goal, and whether it shall wait for a person."""

    token: str
    goal: str
    gate: bool


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        token: the request's.
        commit: the one that carries the plan; empty while it is being made.
        changed: whether that commit was made for this request.
        error: why there is no plan; None where there is one.
    """

    token: str
    commit: str = ""
    changed: bool = False
    error: OrchestratorError | None = None


def requested(git_dir: Path) -> Request | None:
    """Return what is asked of the leader now, if somebody waits for it."""
    path = git_dir / NAME
    with suppress(OSError, ValueError, KeyError, TypeError):
        if path.stat().st_size and is_locked(path):
            found = json.loads(path.read_bytes())
            return Request(str(found["token"]), str(found["goal"]), bool(found["gate"]))
    return None


def answer(git_dir: Path, said: Answer) -> None:
    """Tell whoever asked.

    Raises:
        OSError: the disk is full or read-only.
    """
    error = said.error
    words = {"message": error.message, "hint": error.hint, "where": error.where, "code": error.code} if error else None
    write_whole(_answers(git_dir), json.dumps({**_plain(said), "error": words}).encode())


def _plain(said: Answer) -> dict[str, Any]:
    return {"token": said.token, "commit": said.commit, "changed": said.changed}


def _answers(git_dir: Path) -> Path:
    return git_dir / f"{NAME}.answer"


@dataclass(frozen=True)
class Asked:
    """A request that its asker waits for."""

    git_dir: Path
    token: str

    def answer(self) -> Answer | None:
        """Return what the leader has said so far: an answer without commit and error is that it is at it."""
        try:
            found = json.loads(_answers(self.git_dir).read_bytes())
            if found["token"] != self.token:
                return None
            return Answer(self.token, str(found["commit"]), bool(found["changed"]), _error(found["error"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _error(found: Mapping[str, Any] | None) -> OrchestratorError | None:
    if found is None:
        return None
    where, hint = str(found["where"]), str(found["hint"])
    return OrchestratorError(str(found["message"]), hint=hint, where=where, code=Exit(found["code"]))


@contextmanager
def asking(git_dir: Path, goal: str, *, gate: bool) -> Iterator[Asked]:
    """Ask the leader for a plan within the block; at its end the request is withdrawn.

    Raises:
        OrchestratorError: somebody else asks already.
        OSError: the git directory cannot be written.
    """
    request = Request(uuid.uuid4().hex, goal, gate)
    taken = OrchestratorError(
        "another plan is being asked for here", hint="wait for it, or end that call", code=Exit.PRECONDITION
    )
    with held_note(git_dir / NAME, json.dumps(asdict(request)).encode(), taken):
        yield Asked(git_dir, request.token)
