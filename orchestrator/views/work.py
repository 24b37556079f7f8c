"""Who is at work: the leader, the attempts it runs, and what a killed one left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.lock import holder, is_locked
from orchestrator.repo.attempts import ROOT, Attempt, load, named
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger
from orchestrator.steps.standing import waiting
from orchestrator.views.glance import Sources
from orchestrator.workspace import Folders

_ORDER, _ENDED = "order.json", "ended.json"
_FEW = 500  # tasks that are named to git one by one


@dataclass(frozen=True)
class Leader:
    """The process that leads, and since when."""

    pid: int
    since: datetime


@dataclass(frozen=True)
class Running:
    """One attempt that was started and is not recorded yet; `ended` once its agent has answered."""

    task: str
    attempt: int
    ended: bool


@dataclass(frozen=True)
class Work:
    """What goes on now. `left`: attempts whose worktrees are still there, while nobody leads."""

    leader: Leader | None
    running: tuple[Running, ...] = ()
    left: tuple[Running, ...] = ()


def work(sources: Sources) -> Work:
    """Return who is at work, without taking the leader's lock."""
    leads = leader(sources.lock)
    unrecorded = tuple(_unrecorded(sources))
    return Work(leads, running=unrecorded) if leads else Work(None, left=unrecorded)


def leader(lock: Path) -> Leader | None:
    """Return who leads. The lock is tried only where its last holder may live: no new leader meets it."""
    last = holder(lock)
    if last is None or not (last.alive or not last.boot) or not is_locked(lock):
        return None
    return Leader(last.pid, datetime.fromtimestamp(last.since, UTC))


def _unrecorded(sources: Sources) -> list[Running]:
    # By the worktrees: the folders of attempts are kept, and there may be thousands.
    folders = Folders(sources.root)
    begun = [key for key in folders.begun() if (folders.attempt(*key) / _ORDER).exists()]
    known = recorded(sources.git, begun) if begun else frozenset()
    return [Running(*key, (folders.attempt(*key) / _ENDED).exists()) for key in begun if key not in known]


def recorded(git: Git, wanted: Sequence[tuple[str, int]] = ()) -> frozenset[tuple[str, int]]:
    """Return every recorded attempt as task and number, or those of the `wanted` that are."""
    refs = [f"{ROOT}/{task}/{number}" for task, number in wanted] or [f"{ROOT}/"]
    listed = git.run("for-each-ref", "--format=%(refname)", *refs).decode("utf-8", "replace")
    return frozenset(filter(None, map(named, listed.split("\n"))))


def waiting_to_land(git: Git, known: Ledger, open_tasks: Sequence[str]) -> dict[str, int]:
    """Return those of `open_tasks`, in their order, whose last attempt is finished, with its number."""
    tried = {task for task, _number in recorded(git)}.intersection(open_tasks) if open_tasks else set()
    made: dict[str, list[Attempt]] = {task: [] for task in open_tasks if task in tried}
    for attempt in load(git, *(tried if len(tried) <= _FEW else ())) if tried else ():
        made.get(attempt.task, []).append(attempt)
    return waiting(made.__getitem__, known, made)
