"""Who is at work: the leader, the attempts it runs, and what a killed one left behind."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.repo.attempts import ROOT
from orchestrator.repo.git import Git
from orchestrator.views.glance import Sources
from orchestrator.workspace import Folders, holder, is_locked

_ORDER, _ENDED = "order.json", "ended.json"


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
    """What goes on now. `abandoned`: nobody leads, and worktrees of attempts are still there."""

    leader: Leader | None
    running: tuple[Running, ...]
    abandoned: bool


def work(sources: Sources) -> Work:
    """Return who is at work, without taking the leader's lock."""
    leader = _leader(sources.lock)
    unrecorded = _unrecorded(sources)
    left = [item for item in unrecorded if _worktree(sources.root, item).exists()]
    return Work(leader, tuple(unrecorded) if leader else (), not leader and bool(left))


def _leader(lock: Path) -> Leader | None:
    """Return who leads. The lock is tried only where its last holder may live: no new leader meets it."""
    last = holder(lock)
    if last is None or not (last.alive or not last.boot) or not is_locked(lock):
        return None
    return Leader(last.pid, datetime.fromtimestamp(last.since, UTC))


def _unrecorded(sources: Sources) -> list[Running]:
    home = Folders(sources.root).home / "attempts"
    orders = sorted(home.glob(f"*/*/{_ORDER}"))
    known = recorded(sources.git) if orders else frozenset()
    found = []
    for order in orders:
        task, number = order.parts[-3:-1]
        if number.isdecimal() and f"{task}/{number}" not in known:
            found.append(Running(task, int(number), (order.parent / _ENDED).exists()))
    return found


def recorded(git: Git) -> frozenset[str]:
    """Return every recorded attempt as `task/number`."""
    listed = git.run("for-each-ref", "--format=%(refname)", f"{ROOT}/").decode("utf-8", "replace")
    return frozenset(ref.removeprefix(f"{ROOT}/") for ref in listed.split("\n"))


def _worktree(root: Path, item: Running) -> Path:
    return Folders(root).worktrees / f"{item.task}-{item.attempt}"
