"""What the leader does first: find what a kill left, keep all work, and say what it found and will skip."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from orchestrator.leader.docket import Docket
from orchestrator.lock import boot_id
from orchestrator.process import reap
from orchestrator.repo import heal
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.removal import remove_tree
from orchestrator.steps import dispatch, trial
from orchestrator.steps.looking import Seen
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, SPECS
from orchestrator.steps.verify import drop_unfit
from orchestrator.workspace import TEMPORARY


@dataclass
class Findings:
    """What was found: sentences for a person, attempts that were not yet recorded, and such as can go on."""

    notes: list[str] = field(default_factory=list)
    recovered: list[Attempt] = field(default_factory=list)
    kept: list[tuple[str, int]] = field(default_factory=list)


def recover(project: Project, seen: Seen | None = None) -> Findings:
    """Put the world into its first state. Safe to run any number of times, and to be killed in the middle.

    `seen` is what git saw of the documents' folders, which are not listed then: there may be thousands.
    """
    found = Findings()
    reaped = reap(project.token)
    if reaped:
        found.notes.append(f"ended {len(reaped)} agent processes that outlived the last leader")
    removed = heal.stale_locks(project.place)
    if removed:
        names = ", ".join(str(path.relative_to(project.place.git_dir)) for path in removed)
        found.notes.append(f"removed stale git locks: {names}")
    _clear_scratch(project, seen)
    settled = project.checkout.settle()
    if settled:
        found.notes.append(settled)
    project.worktrees.follow()
    _worktrees(project, found)
    project.worktrees.close()
    drop_unfit(project)
    trial.clear(project)
    project.worktrees.sweep()
    left = [str(path.relative_to(project.place.root)) for path in project.worktrees.undeletable()]
    if left:
        found.notes.append(
            f"files of another user are left of worktrees; to be rid of them: sudo rm -rf {' '.join(left)}"
        )
    _say(project, found)
    return found


def _clear_scratch(project: Project, seen: Seen | None) -> None:
    remove_tree(project.folders.scratch)
    root, home = project.place.root, project.folders.home
    documents = () if seen else (root / SPECS, root / CHECKPOINTS)
    # Of an attempt that has no worktree nothing was being written, or it starts anew and clears its folder first.
    begun = [project.folders.attempt(*key) for key in project.folders.begun()]
    listed = [_half_written(folder) for folder in (root, home, *documents, *begun, *home.glob("replaced/**/"))]
    for leftover in [*chain(*listed), *(root / path for path in (seen.begun if seen else ()))]:
        leftover.unlink(missing_ok=True)
    previous = project.lock.previous
    if previous is not None and not previous.alive:
        heal.temporary_files(project.place, previous.debris)


def _half_written(folder: Path) -> list[Path]:
    """Return the beginnings of files that were never given their names in `folder`."""
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - of thousands, a third of what a glob takes
    return [folder / name for name in names if name[0] == "." and name.endswith(TEMPORARY)]


def _worktrees(project: Project, found: Findings) -> None:
    for task, number in project.folders.begun():
        key = (task, number)
        if dispatch.goes_on(project, *key):
            found.kept.append(key)
            continue
        kept = None if project.register.knows(*key) else dispatch.recover(project, *key)
        if kept is not None:
            found.recovered.append(kept)
            state = kept.failure.value if kept.failure else kept.fate.value
            found.notes.append(f"kept the work of {task}/{number} ({state}) as {kept.ref}")
        else:
            dispatch.clear(project, task, number)


def sift(project: Project, kept: Sequence[tuple[str, int]], known: Docket) -> None:
    """Say which attempts go on, and record those that shall not: their task is settled, or their spec is another."""
    standing = known.now.standing()
    for task, number in kept:
        wanted = task in known.now.plan.tasks and not standing.settled(task) and known.number(task) == number
        if not wanted or known.now.spec_ids.get(task) != dispatch.given(project, task, number):
            dispatch.record_kept(project, task, number)
        else:
            project.say("healed", note=f"{task}/{number} can go on where it was stopped")


def _say(project: Project, found: Findings) -> None:
    previous = project.lock.previous
    if previous is not None and previous.boot != boot_id():
        found.notes.insert(0, "the machine was restarted since the last run")
    for note in found.notes:
        project.say("healed", note=note)
