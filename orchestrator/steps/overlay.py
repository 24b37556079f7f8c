"""Overlay: an attempt's changed paths put on top of a newer tree, in the object database, without a checkout."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.repo.git import Git
from orchestrator.repo.trees import EXECUTABLE, GONE, REGULAR, Change, Entry, blobs
from orchestrator.workspace import naming

_TEXT = {REGULAR, EXECUTABLE}


@dataclass(frozen=True)
class Overlay:
    """The changes to apply to the newer tree, and the paths where both sides changed the same lines."""

    changes: tuple[Change, ...]
    conflicts: tuple[str, ...]


def overlay(git: Git, changes: Sequence[Change], tip: Mapping[str, Entry], scratch: Path) -> Overlay:
    """Put `changes` (against their own base) on a tree whose files at these paths are `tip`.

    A path that only the attempt changed is taken as it is; one that both changed is merged line by line, and is a
    conflict where that fails, or where it is no text.
    """
    fitting, conflicts = [], []
    for change in changes:
        here = tip.get(change.path, Entry(GONE, ""))
        wanted = Entry(change.mode, str(change.blob) if change.mode != GONE else "")
        if here == wanted:
            continue
        if here == _plain(change.old):
            fitting.append(change)
            continue
        merged = _merged(git, change, here, scratch)
        if merged is None:
            conflicts.append(change.path)
        else:
            fitting.append(merged)
    return Overlay(tuple(fitting), tuple(conflicts))


def _plain(entry: Entry) -> Entry:
    return entry if entry.mode != GONE else Entry(GONE, "")


def _merged(git: Git, change: Change, here: Entry, scratch: Path) -> Change | None:
    if not {here.mode, change.mode, change.old.mode} <= _TEXT:
        return None
    names = [here.blob, change.old.blob, str(change.blob)]
    contents = blobs(git, names)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        paths = [Path(folder) / side for side in ("ours", "base", "theirs")]
        with naming(scratch):
            for path, name in zip(paths, names, strict=True):
                path.write_bytes(contents[name])
        done = git.attempt("merge-file", "-p", "--quiet", *map(str, paths))
    mode = change.mode if change.mode != change.old.mode else here.mode
    return Change(change.path, mode, done.stdout, here) if done.returncode == 0 else None
