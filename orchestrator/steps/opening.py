"""The chapter a leader starts to write from: the documents at one commit, with what the history says of them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from orchestrator import render
from orchestrator.clock import stamp
from orchestrator.documents.state import State
from orchestrator.repo.git import Git
from orchestrator.repo.trees import blobs, entries, upwards
from orchestrator.steps.chapter import Chapter
from orchestrator.steps.issues import blocked
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, STATE, Situation, checkpoint_number, numbered

_NUMBER = re.compile(rb"^\*\*Number\*\*: ([0-9]{4,9})\r?$", re.MULTILINE)
_HEAD = 2_000  # bytes in which a checkpoint says its number
_KINDS: dict[str, int | None] = {}  # of the checkpoints read last, by the blobs' ids


def open_chapter(project: Project, now: Situation, running: Sequence[str]) -> Chapter:
    """Return the documents of `now`, ready for the next page."""
    standing = replace(now.standing(), running=frozenset(running))
    workflow = workflow_name(project, now)
    written, others, last = _shelf(project.git, now.commit)
    return Chapter(
        plan=now.plan,
        todo=now.todo,
        state=now.state or first_state(project, now, workflow),
        standing=standing,
        landed=now.landed,
        ever=now.ledger.landed,
        now=project.clock.now(),
        workflow=workflow,
        blocked=blocked(now, standing),
        running=running,
        shelf=written,
        others=others,
        # After a squash merge the trailers begin anew, and the files of the other branch are there.
        number=max(now.ledger.checkpoint, last),
        every=project.config.every,
        keep=project.config.keep,
    )


def _shelf(git: Git, commit: str) -> tuple[tuple[str, ...], frozenset[str], int]:
    """Return the checkpoints that the program wrote, oldest first, the others, and the highest number of any.

    What a person keeps in that folder, also a checkpoint of their own, is theirs, whatever its name begins with.
    """
    found = entries(git, commit, [CHECKPOINTS.rstrip("/")])
    listed = numbered(found)
    kinds = dict(zip(listed, _kinds(git, [found[path].blob for path in listed]), strict=True))
    written = tuple(path for path in listed if kinds[path] == checkpoint_number(path))
    last = max((checkpoint_number(path) for path in listed if kinds[path] is not None), default=0)
    return written, frozenset(up for path in found for up in upwards(path)).difference(written), last


def _kinds(git: Git, ids: Sequence[str]) -> list[int | None]:
    """Return for each checkpoint the number that the program wrote into it, -1 for none, None for other notes."""
    wanted = {*ids}
    known = {blob: kind for blob, kind in [*_KINDS.items()] if blob in wanted}
    for blob, data in blobs(git, wanted - known.keys()).items():
        said = _NUMBER.search(data[:_HEAD])
        known[blob] = (int(said[1]) if said else -1) if data.startswith(b"# Checkpoint:") else None
    for blob in _KINDS.keys() - known.keys():
        _KINDS.pop(blob, None)  # a landing asks beside the loop
    _KINDS.update(known)
    return [known.get(blob) for blob in ids]


def workflow_name(project: Project, now: Situation) -> str:
    """Return the workflow's name: configured, as the state file says, as the history says, or the folder's."""
    stated = now.state.workflow if now.state else ""
    return project.config.name or stated or now.ledger.workflow or project.place.name


def first_state(project: Project, now: Situation, workflow: str) -> State:
    """Return the state file of a project that has none yet."""
    values = {
        "workflow": workflow,
        "phase": now.plan.phases[0],
        "started": stamp(project.clock.now()),
        "phases": now.plan.phases,
    }
    return State.parse(render.document("workflow-state.md.j2", values), STATE)
