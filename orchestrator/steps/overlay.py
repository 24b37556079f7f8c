"""Overlay: an attempt's changed paths put on top of a newer tree, in the object database, without a checkout."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.repo.git import Git
from orchestrator.repo.trees import EXECUTABLE, GONE, REGULAR, Change, Entry, blobs, upwards
from orchestrator.workspace import naming

_TEXT = {REGULAR, EXECUTABLE}


@dataclass(frozen=True)
class Overlay:
    """The changes to apply to the newer tree, and the paths where both sides changed the same lines."""

    changes: tuple[Change, ...]
    conflicts: tuple[str, ...]


class Places:
    """Where the attempts of one batch put files: none may put a folder there, nor the same name in another case."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()

    def taken(self, changes: Iterable[Change]) -> bool:
        """Whether a file of `changes` would take the place of one that is there, or of a folder of it."""
        return any(self._is_taken(change.path) for change in changes if change.mode != GONE)

    def _is_taken(self, path: str) -> bool:
        name, *folders = _upwards(path)
        return self._files.get(name, path) != path or name in self._folders or any(map(self._files.get, folders))

    def take(self, changes: Iterable[Change]) -> None:
        """Have the files of `changes` there, too."""
        for path in (change.path for change in changes if change.mode != GONE):
            name, *folders = _upwards(path)
            self._files[name] = path
            self._folders.update(folders)


def _upwards(path: str) -> Iterator[str]:
    """Yield a path and the folders it is in, as a disk sees them to which case means nothing."""
    return upwards(path.casefold())


def overlay(git: Git, changes: Sequence[Change], tip: Mapping[str, Entry], scratch: Path) -> Overlay:
    """Put `changes` (against their own base) on a tree whose files at these paths are `tip`.

    A path that only the attempt changed is taken as it is; one that both changed is merged as its `merge` attribute
    says, by lines where it says nothing, and is a conflict where that fails, or where it is no text.
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
    how = manner(git, change.path)
    if how is None:
        return None
    names = [here.blob, change.old.blob, str(change.blob)]
    contents = blobs(git, names)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        paths = [Path(folder) / side for side in ("ours", "base", "theirs")]
        with naming(scratch):
            for path, name in zip(paths, names, strict=True):
                path.write_bytes(contents[name])
        done = git.attempt("merge-file", "-p", "--quiet", *how, *map(str, paths))
    mode = change.mode if change.mode != change.old.mode else here.mode
    return Change(change.path, mode, done.stdout, here) if done.returncode == 0 else None


def manner(git: Git, path: str) -> tuple[str, ...] | None:
    """Return how git is told to merge `path`; None where its lines are not to be merged (see gitattributes(5)).

    Drivers of a person's own are not run here: what one would have to merge is a conflict.
    """
    said = git.records("check-attr", "-z", "merge", "--", path)[2]
    if said == "union":
        return ("--union",)
    if said in {"unspecified", "set", "text"}:
        return ()
    if said in {"unset", "binary"} or git.attempt("config", "--get", f"merge.{said}.driver").returncode == 0:
        return None
    return ()
