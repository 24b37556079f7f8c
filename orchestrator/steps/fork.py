"""Forking: another branch from an old checkpoint, to try another way there."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.documents.result import Result, Status
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.attempts import load
from orchestrator.repo.commits import Draft, build
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.history import Ledger, ledger, walk
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.refs import OURS, ZERO, Move, head, lost_race, make_durable, move, resolve
from orchestrator.repo.trees import blobs, upwards
from orchestrator.steps.message import Facts, message
from orchestrator.steps.restore import Point, find_point
from orchestrator.steps.standing import result_path

_FORKED = f"{OURS}/forked"  # keeps the commit until the branch does


@dataclass(frozen=True)
class Branch:
    """A branch from an old checkpoint; `changed` is False when it stood there before, or for a dry run.

    Attributes:
        reopened: tasks that start anew there, as `task/N`: attempts up to N do not count.
    """

    name: str
    point: Point
    changed: bool
    reopened: tuple[str, ...] = ()


def fork(git: Git, place: Place, wanted: str, name: str, now: datetime, *, dry_run: bool) -> Branch:
    """Make the branch `name` at the checkpoint `wanted`; what is checked out stays.

    Attempts are kept for all branches. Those of tasks that are open there are the way that was gone here: a commit of
    the new branch retires them, or dead letters would be dead again without a try, and finished attempts would land.

    Raises:
        OrchestratorError: no such checkpoint, a name git does not take, or a branch of that name elsewhere.
    """
    point = find_point(git, wanted, head(git).commit)
    if name.startswith("-") or name == "HEAD" or git.attempt("check-ref-format", f"refs/heads/{name}").returncode:
        raise OrchestratorError(
            f"{name!r} cannot name a branch",
            hint="letters, digits, - and /, such as try/other-way",
            code=Exit.USAGE,
        )
    ref = f"refs/heads/{name}"
    there = resolve(git, ref)
    if there is not None and not _is_fork(git, there, point):
        raise _taken(name)
    below = git.run("for-each-ref", "--count=1", "--format=%(refname:lstrip=2)", f"{ref}/").decode().split()
    _, *above = upwards(name)
    for meets in [*below, *(branch for branch in above if resolve(git, f"refs/heads/{branch}"))]:
        raise _taken(meets)  # git takes no two names of which one begins with the other
    known = ledger(git, point.commit)
    reopened = _tried(git, point, known)
    if there is not None or dry_run:
        return Branch(name, point, changed=False, reopened=reopened)
    tip = _opened(git, place, point, known, reopened, now) if reopened else point.commit
    try:
        move(git, [Move(ref, tip, ZERO), Move(_FORKED, ZERO)], f"fork {point.name}")
    except GitError as error:
        if lost_race(error):
            raise _taken(name) from error
        raise
    make_durable(place.git_dir, ref)
    return Branch(name, point, changed=True, reopened=reopened)


def _is_fork(git: Git, tip: str, point: Point) -> bool:
    """Whether a branch at `tip` is one that was forked from `point`, and nothing more."""
    entry = next(walk(git, tip, "-1"))
    return tip == point.commit or (entry.parents == (point.commit,) and entry.get("Fork") == point.name)


def _tried(git: Git, point: Point, known: Ledger) -> tuple[str, ...]:
    """Return the tasks open at `point` that were tried, as `task/N`; what was a dead letter there already stays one."""
    highest = {attempt.task: attempt.number for attempt in load(git) if attempt.task not in known.landed}
    paths = {f"{point.commit}:{result_path(task)}": task for task in highest}
    results = {paths[name]: Result.parse(data, result_path(paths[name])) for name, data in blobs(git, paths).items()}
    dead = {task for task, result in results.items() if result.status is Status.DEAD}
    return tuple(f"{task}/{number}" for task, number in highest.items() if task not in dead)


def _opened(git: Git, place: Place, point: Point, known: Ledger, reopened: tuple[str, ...], now: datetime) -> str:
    """Return a commit on `point`, with its tree, that says which attempts do not count on it."""
    phase = next(walk(git, point.commit, "-1")).get("Phase")
    pairs = [("Fork", point.name), *(("Reopen", value) for value in reopened)]
    facts = Facts(known.workflow or place.name, phase, None, 0)
    body = [f"From {point.name} ({point.commit[:10]}): {point.subject}"]
    draft = Draft(message(f"fork: {point.name}", body, pairs, facts), (), now, parent=point.commit)
    return build(git, ObjectFolders(place.git_dir), _FORKED, [draft])[0]


def _taken(name: str) -> OrchestratorError:
    return OrchestratorError(
        f"there is a branch {name} already",
        hint=f"take another name, or: git switch {name}",
        code=Exit.PRECONDITION,
    )
