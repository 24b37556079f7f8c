"""A person's uncommitted changes outside the documents: turned into changes to a tree, never touched."""

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from orchestrator import policy
from orchestrator.repo.git import Git
from orchestrator.repo.hashing import blob_ids
from orchestrator.repo.snapshot import keeps_modes, kept_mode
from orchestrator.repo.trees import EXECUTABLE, GONE, REGULAR, SYMLINK, Change, Entry, entries
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO

DOCUMENTS = (TODO, STATE, SPECS, CHECKPOINTS)


def uncommitted(git: Git, named: Collection[str] = ()) -> list[str]:
    """Return the paths that differ from HEAD: staged, not staged and new; no documents, no ignored ones but `named`."""
    git.attempt("update-index", "-q", "--refresh")
    changed = git.records("diff-index", "--name-only", "--no-renames", "-z", "HEAD", "--")
    fresh = git.records("ls-files", "-z", "--others", "--exclude-standard", "--")
    return sorted(path for path in {*changed, *fresh, *_ignored(git, named)} if not policy.covers(DOCUMENTS, path))


def _ignored(git: Git, named: Collection[str]) -> list[str]:
    """Return those files of `named` that are there and that git passes over."""
    if not named:
        return []
    which = ("--others", "--ignored", "--exclude-standard")
    found = git.records("--literal-pathspecs", "ls-files", "-z", *which, "--", *named)
    return [path for path in found if path in named]


def as_changes(git: Git, root: Path, base: str, paths: Sequence[str]) -> tuple[Change, ...]:
    """Return what the files at `paths` hold now as changes against `base`, written into the object database.

    Folders (nested repositories, submodules) are left out: their content is not this repository's.
    """
    before = entries(git, base, paths) if paths else {}
    found = {path: entry for path in paths if (entry := _entry(git, root, path, before)) is not None}
    changes = [
        Change(path, now.mode, now.blob, before.get(path, Entry(GONE, "")))
        for path, now in found.items()
        if before.get(path, Entry(GONE, "")) != now
    ]
    return tuple(sorted(changes, key=lambda change: (change.mode != GONE, change.path)))


def _entry(git: Git, root: Path, path: str, before: Mapping[str, Entry]) -> Entry | None:
    try:
        facts = (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Entry(GONE, "")
    if stat.S_ISLNK(facts.st_mode):
        target = os.fsencode((root / path).readlink())
        blob = git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=target).decode().strip()
        return Entry(SYMLINK, blob)
    if not stat.S_ISREG(facts.st_mode):
        return None
    mode = EXECUTABLE if facts.st_mode & stat.S_IXUSR else REGULAR
    if not keeps_modes(git):
        mode = kept_mode(mode, before.get(path))
    return Entry(mode, blob_ids(git, [path], before)[0])
