"""Restoring: forward to an old checkpoint's tree, code and state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.documents.result import Status
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import listed
from orchestrator.repo.attempts import load
from orchestrator.repo.checkout import InTheWayError
from orchestrator.repo.commits import CANDIDATE, Draft, build
from orchestrator.repo.git import Git
from orchestrator.repo.history import WITHDRAWN, Entry, Gate, number, walk
from orchestrator.repo.refs import resolve
from orchestrator.repo.trees import differences, entries
from orchestrator.steps.dirt import uncommitted
from orchestrator.steps.message import Facts, message
from orchestrator.steps.project import Project
from orchestrator.steps.standing import TODO, Library, Situation, last_told, situation
from orchestrator.steps.take_in import take_in


@dataclass(frozen=True)
class Point:
    """A place in history to go to: what it is called, and its commit."""

    name: str
    commit: str
    tree: str
    subject: str


@dataclass(frozen=True)
class Return:
    """What a restore does, or would do.

    Attributes:
        point: where to.
        changed: False when the files are those of the point already.
        files: every path that changes.
        reopened: tasks that are open again, as `task/N`: attempts up to N no longer count.
        landed: tasks that had been reopened since, and are done again.
        gate: what becomes of the gate, as `number verdict`; empty where it stays as it is.
        commit: the new commit; empty for a dry run.
    """

    point: Point
    changed: bool
    files: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    landed: tuple[str, ...] = ()
    gate: str = ""
    commit: str = ""


def find_point(git: Git, wanted: str, tip: str) -> Point:
    """Return the checkpoint or commit that `wanted` names: `7`, `0007`, or a commit on this branch.

    Raises:
        OrchestratorError: there is none, or the commit is not part of the branch.
    """
    history = list(walk(git, tip))
    for entry in history:
        if number(wanted) is not None and number(entry.get("Checkpoint")) == number(wanted):
            return _point(entry, entry.get("Checkpoint"))
    commit = resolve(git, wanted) if wanted and not wanted.startswith("-") else None
    found = next((entry for entry in history if entry.commit == commit), None)
    if found is None:
        numbers = [known for entry in history if (known := number(entry.get("Checkpoint"))) is not None]
        span = f"checkpoints here: {min(numbers):04d} to {max(numbers):04d}; " if numbers else "no checkpoint yet; "
        said = "is not part of this branch" if commit else "is no checkpoint and no commit"
        raise OrchestratorError(f"{wanted!r} {said}", hint=f"{span}orchestrator log", code=Exit.PRECONDITION)
    return _point(found, found.get("Checkpoint") or found.commit[:10])


def _point(entry: Entry, name: str) -> Point:
    return Point(name, entry.commit, entry.tree, entry.subject)


def plan_return(git: Git, point: Point, now: Situation, phases: tuple[str, ...]) -> Return:
    """Say what going to `point` changes. Reads only.

    Raises:
        OrchestratorError: there was no plan yet at that point.
    """
    changes = differences(git, now.commit, point.commit)
    if not changes:
        return Return(point, changed=False)
    if TODO not in entries(git, point.commit, [TODO]):
        raise OrchestratorError(
            f"{point.name} is from before the plan: there is no {TODO} in it",
            hint=f"orchestrator fork {point.name} NAME   # a branch from there",
            code=Exit.PRECONDITION,
        )
    then = situation(git, point.commit, Library(), phases)
    again = tuple(task for task in then.ledger.landed if task not in now.ledger.landed)
    files = tuple(change.path for change in changes)
    gate = _gate(now.ledger.gate, then.ledger.gate)
    return Return(point, changed=True, files=files, reopened=_reopened(git, point, now, then), landed=again, gate=gate)


def _reopened(git: Git, point: Point, now: Situation, then: Situation) -> tuple[str, ...]:
    """Return `task/N` for what landed after the point, and for what was only tried since.

    That is decided by the history: the point may be of a machine whose clock is ahead, or behind.
    """
    attempts = load(git)
    dead_then = {task for task, result in then.results.items() if result.status is Status.DEAD}
    before = {*git.run("rev-list", point.commit, "--").decode().split()} - {point.commit}
    tried = {*now.standing().dead, *(attempt.task for attempt in attempts if attempt.base not in before)}
    open_again = {*now.ledger.landed, *(tried - dead_then)} - then.ledger.landed.keys()
    highest = dict(now.ledger.reopened)
    for attempt in attempts:
        highest[attempt.task] = max(attempt.number, highest.get(attempt.task, 0))
    last = {task: max(highest.get(task, 0), last_told(now, task)) for task in sorted(open_again)}
    return tuple(f"{task}/{number_}" for task, number_ in last.items())


def restore(project: Project, wanted: str) -> Return:
    """Make a new commit whose tree is that of the checkpoint `wanted`, and bring the checkout to it.

    Raises:
        OrchestratorError: no such checkpoint, or uncommitted changes are in the way (named; nothing changed).
    """
    git, phases = project.git, project.config.phases
    point = find_point(git, wanted, project.checkout.tip())
    _refuse_in_the_way(project, point)
    take_in(project)
    now = situation(git, project.checkout.tip(), Library(), phases)
    plan = plan_return(git, point, now, phases)
    if not plan.changed:
        return plan
    changes = sorted(differences(git, now.commit, point.commit), key=lambda change: change.mode != "000000")
    pairs = [("Restore", point.name), *(("Reopen", value) for value in plan.reopened)]
    pairs += [("Task", task) for task in plan.landed]
    pairs += [("Gate", plan.gate)] if plan.gate else []
    facts = Facts(now.ledger.workflow or project.place.name, now.phase, None, project.lock.epoch)
    body = [f"Back to {point.name} ({point.commit[:10]}): {point.subject}"]
    text = message(f"restore: {point.name}", body, pairs, facts)
    draft = Draft(text, tuple(changes), project.clock.now(), parent=now.commit)
    commit = build(git, project.checkout.objects, CANDIDATE, [draft])[0]
    project.lock.check()
    try:
        project.checkout.advance(now.commit, commit, f"restore {point.name}")
    except InTheWayError as error:
        raise _in_the_way(error.paths, point) from error
    return replace(plan, commit=commit)


def _gate(now: Gate | None, then: Gate | None) -> str:
    """Return what a restore makes of the gate: withdrawn where its plan goes, shut again where that comes back."""
    if now is None:
        return ""
    same = then is not None and then.number == now.number
    if then is not None and then.shut:
        return f"{then.name} {then.verdict}" if same and now.verdict == WITHDRAWN else ""
    return f"{now.name} {WITHDRAWN}" if now.shut and not same else ""


def _refuse_in_the_way(project: Project, point: Point) -> None:
    wanted = {change.path for change in differences(project.git, "HEAD", point.commit)}
    blocking = [path for path in uncommitted(project.git) if _meets(path, wanted)]
    if blocking:
        raise _in_the_way(blocking, point)


def _in_the_way(paths: Sequence[str], point: Point) -> OrchestratorError:
    return OrchestratorError(
        f"uncommitted changes are in the way: {listed(paths, between=', ')}",
        hint=f"commit or stash them (git stash push --all -- PATH), then: orchestrator restore {point.name}",
        code=Exit.PRECONDITION,
    )


def _meets(path: str, wanted: set[str]) -> bool:
    parents = {path[:at] for at, char in enumerate(path) if char == "/"}
    return path in wanted or not parents.isdisjoint(wanted) or any(name.startswith(f"{path}/") for name in wanted)
