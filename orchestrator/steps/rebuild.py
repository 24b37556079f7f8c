"""Rebuilding: the documents brought back from git alone; whatever stood in their place is kept aside."""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from orchestrator import policy
from orchestrator.documents.todo import Mark, Todo
from orchestrator.repo.history import ledger
from orchestrator.repo.trees import EXECUTABLE, REGULAR, Entry, checked_out, entries
from orchestrator.steps.dirt import DOCUMENTS
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO
from orchestrator.steps.take_in import unstage
from orchestrator.workspace import read_own, write_durably

_KEPT = "replaced"


@dataclass(frozen=True)
class Rebuilt:
    """The paths written, and those of them whose other content is kept below `.orchestrator/replaced/`."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def rebuild(project: Project) -> Rebuilt:
    """Make every document what git says: as of HEAD, or as of before its deletion was committed.

    Raises:
        OrchestratorError: a document in history cannot be taken, or the disk cannot be written.
    """
    tip = project.checkout.here()  # what a merge has torn is what is to be mended
    wanted = _wanted(project, tip)
    aside = _fresh(project.folders.home / _KEPT, tip[:10])
    written, kept = [], []
    for path, data in wanted.items():
        here = _here(project.place.root, path)
        if here == data:
            continue
        if here is not None:
            write_durably(aside / path, here)
            kept.append(path)
        write_durably(project.place.root / path, data)
        written.append(path)
    if written:
        # A staged deletion would stand in the way of the next landing.
        unstage(project.git, written)
    return Rebuilt(tuple(written), tuple(kept))


def _fresh(folder: Path, name: str) -> Path:
    """Return a folder of that name or one like it that is not there yet: what was kept once is never written over."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(folder / fresh for fresh in names if not (folder / fresh).exists())


def _here(root: Path, path: str) -> bytes | None:
    target = root / path
    if target.is_symlink():
        led = b"a link to %s\n" % os.fsencode(target.readlink())
        target.unlink()
        return led
    return read_own(root, path)


def _wanted(project: Project, tip: str) -> dict[str, bytes]:
    """Return every document with its bytes as a checkout would write them."""
    found = _documents(project, tip)
    for group in (TODO, STATE, SPECS, CHECKPOINTS):
        if not any(policy.covers([group], path) for path in found):
            found |= _before_deletion(project, tip, group)
    contents = {path: checked_out(project.git, path, entry) for path, entry in found.items()}
    if TODO in contents:
        contents[TODO] = _ticked(contents[TODO], set(ledger(project.git, tip).landed))
    return contents


def _documents(project: Project, commit: str) -> dict[str, Entry]:
    found = entries(project.git, commit, [name.rstrip("/") for name in DOCUMENTS])
    plain = {REGULAR, EXECUTABLE}  # a person's link, or submodule, is none
    return {path: entry for path, entry in found.items() if path.endswith(".md") and entry.mode in plain}


def _before_deletion(project: Project, tip: str, group: str) -> dict[str, Entry]:
    """Return a group of documents as it was before the commit that deleted the last of it."""
    search = (
        "log",
        "-1",
        "--format=%H",
        "--diff-filter=D",
        "--no-renames",
        "--end-of-options",
        tip,
        "--",
        group,
    )
    deletion = project.git.line(*search)
    if not deletion:
        return {}
    found = _documents(project, f"{deletion}^")
    return {path: entry for path, entry in found.items() if policy.covers([group], path)}


def _ticked(data: bytes, landed: set[str]) -> bytes:
    """Return TODO.md with exactly the landed tasks ticked."""
    todo = Todo.parse(data, TODO)
    wrong = [task.id for task in todo.tasks if task.mark is Mark.DONE and task.id not in landed]
    return todo.mark(wrong, Mark.OPEN).mark(landed, Mark.DONE).render()
