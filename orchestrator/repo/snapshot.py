"""What an agent left in its worktree, read without running git inside it.

git in a worktree that an agent controls can run the agent's code (a replaced `.git` pointer, a nested repository with
a filter of its own), so the walk is ours, and git is only ever given file names.
"""

import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.policy import covers, fixed, is_glob
from orchestrator.repo.asked_for import asked_for, odd_asked_for, place_of
from orchestrator.repo.conversion import as_they_are
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.hashing import blob_id, blob_ids
from orchestrator.repo.sight import Sight, look, was_there
from orchestrator.repo.trees import (
    EXECUTABLE,
    GITLINK,
    GONE,
    REGULAR,
    SYMLINK,
    Change,
    Entry,
    entries,
    ignored,
)
from orchestrator.repo.walk import CLOSED, LONGEST, TOO_LONG, Mark, shortened
from orchestrator.workspace import beneath

_SMALL = 1 << 20  # bytes of an attempt's changed files that we read ourselves
_BROKEN = "a file name with a line break"
_CONTROL = re.compile("[\x00-\x1f\x7f]")
# What git's own fsck takes for `.git` or `.gitmodules`, and servers refuse: HFS+ passes over some letters, NTFS over
# dots and spaces at an end, and it has short names (git's is_hfs_dotgit and is_ntfs_dotgit).
_UNSEEN = {ord(letter): None for letter in "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"}
_UNSEEN |= dict.fromkeys(range(0x206A, 0x2070))
_GIT = r"(?:\.git|git~1|\.gitmodules|gitmod~[1-4]|gi7e[0-9a-z]*~[0-9]+)"
_MEANS_GIT = re.compile(rf"(?:^|[/\\]){_GIT}[. ]*(?:[:/\\]|$)", re.IGNORECASE)

_MODES: dict[tuple[Path, int], bool] = {}  # whether the disk keeps modes, by repository and its configuration's time


@dataclass(frozen=True)
class Snapshot:
    """What an agent left.

    Attributes:
        changes: the changes against the base.
        sight: everything that was there.
        oddities: path to reason: nested repositories, devices, a touched pointer.
    """

    changes: tuple[Change, ...]
    sight: Sight
    oddities: Mapping[str, str] = field(default_factory=dict)


def _is_open(path: Path) -> bool:
    """Whether a file can be read, opened up where its agent closed it."""
    if not os.access(path, os.R_OK):
        with suppress(PermissionError):
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return os.access(path, os.R_OK)


def take(  # noqa: PLR0913, PLR0917 - what an agent was given to work in is all of this
    git: Git,
    git_dir: Path,
    worktree: Path,
    base: str,
    known: Mapping[str, Mark] | None,
    named: Collection[str] = (),
    hidden: Sequence[str] = (),
    scratch: Path | None = None,
) -> Snapshot:
    """Write what changed in `worktree` since `base` into the object database.

    Args:
        git: the leader's git.
        git_dir: the repository's own git directory, named outright so that the worktree's pointer is never believed.
        worktree: where the agent worked; its processes are dead.
        base: the commit the worktree was made from.
        known: what stood there before the agent did (`Sight.files`, `footing`); None after a crash: all is read then.
        named: files that are taken even where git's ignore rules cover them: a spec asks for them by name.
        hidden: patterns of files that were not checked out.
        scratch: a folder for what is wanted meanwhile alone; None for the system's own.
    """
    sight = look(worktree)
    if known is None:
        before = entries(git, base)
        suspects = list(sight.files)
        gone = [path for path in before if path not in sight.files and not covers(hidden, path)]
    else:
        suspects = [path for path, mark in sight.files.items() if known.get(path) != mark]
        gone = [path for path in known if path not in sight.files]
        before = entries(git, base, [*suspects, *gone]) if suspects or gone else {}
    unfit = {path: why for path in suspects if path not in before and (why := _unfit(path))}
    suspects = [path for path in suspects if path not in unfit]
    inside = git.at(worktree).within(GIT_DIR=str(git_dir), GIT_WORK_TREE=str(worktree))
    unwanted = ignored(inside, [path for path in suspects if path not in before and path not in named])
    unwanted -= asked_for(inside, unwanted, named, scratch) if unwanted else set()
    wanted = {path: sight.modes[path] for path in suspects if path not in unwanted}
    contents = _contents(git, worktree, base, wanted, sight)
    rest = {path: mode for path, mode in wanted.items() if path not in contents}
    found, refused = _hashed(inside, worktree, rest, before) if rest else ({}, {})
    found |= {path: Entry(_mode(wanted[path]), blob_id(data, like=base)) for path, data in contents.items()}
    if not keeps_modes(git):
        found = {path: Entry(kept_mode(entry.mode, before.get(path)), entry.blob) for path, entry in found.items()}
    changes = [
        Change(path, entry.mode, contents.get(path, entry.blob), before.get(path, Entry(GONE, "")))
        for path, entry in found.items()
        if before.get(path) != entry
    ]
    unfit |= {change.path: _BROKEN for change in changes if "\n" in change.path}
    changes = [change for change in changes if change.path not in unfit]
    closed = {path for path, why in sight.oddities.items() if why == CLOSED}
    hidden_from_us = tuple(f"{path}/" for path in closed)
    lost = [path for path in gone if path in before and before[path].mode != GITLINK]
    lost = [path for path in lost if not path.startswith(hidden_from_us)]
    changes = [Change(path, GONE, "", before[path]) for path in lost] + changes
    odd = {path: why for path, why in sight.oddities.items() if not was_there(known, path)}
    passed_over = ignored(inside, [place_of(path) for path in odd])
    asked = odd_asked_for(inside, odd, named) if passed_over else set()
    missed = {path for path in odd if path in closed and _is_wanted_in(path, named, before)}
    odd = {path: why for path, why in odd.items() if place_of(path) not in passed_over or path in asked | missed}
    oddities = {**odd, **{shortened(path): why for path, why in unfit.items()}, **refused}
    return Snapshot(tuple(sorted(changes, key=lambda change: (change.mode != GONE, change.path))), sight, oddities)


def _is_wanted_in(folder: str, named: Collection[str], before: Collection[str]) -> bool:
    """Whether something in `folder` is wanted: the base has it, or a spec asks for what is in there by name."""
    asked = (fixed(name) if is_glob(name) else name for name in named)
    return any(f"{path}/".startswith(f"{folder}/") for path in (*before, *asked))


def _unfit(path: str) -> str:
    """Return why no new file may have that name; empty where it may."""
    if len(path) > LONGEST:
        return TOO_LONG
    if "\n" in path:
        return _BROKEN
    if _CONTROL.search(path):
        return "a file name with control characters"
    return "a name that is git's own to another system" if _MEANS_GIT.search(path.translate(_UNSEEN)) else ""


def _contents(git: Git, worktree: Path, base: str, files: Mapping[str, int], sight: Sight) -> dict[str, bytes]:
    """Return the files' own bytes where git stores just those: then they need no process of their own.

    `files` has the mode of each.
    """
    plain = all(stat.S_ISREG(mode) and mode & stat.S_IRUSR for mode in files.values())
    small = sum(size for size, *_ in map(sight.files.__getitem__, files)) <= _SMALL
    if not files or not plain or not small or not as_they_are(git, base, list(files), sight.files):
        return {}
    found = {}
    for path in files:
        folder, name = os.path.split(path)
        try:
            with beneath(worktree, folder) as inside:
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
        except PermissionError:
            return {}
        with os.fdopen(handle, "rb") as file:
            found[path] = file.read()
    return found


def _mode(mode: int) -> str:
    return EXECUTABLE if mode & stat.S_IXUSR else REGULAR


def keeps_modes(git: Git) -> bool:
    """Whether the disk keeps the executable bit, as git found out when it made the repository."""
    file = git.directory / ".git" / "config"
    when = file.stat().st_mtime_ns if file.is_file() else 0
    key = (git.directory, when)
    if key not in _MODES:
        _MODES.clear()
        _MODES[key] = git.attempt("config", "--type=bool", "core.fileMode").stdout.strip() != b"false"
    return _MODES[key]


def kept_mode(mode: str, before: Entry | None) -> str:
    """Return the mode where the disk's own says nothing (`core.fileMode` is false)."""
    if mode not in {REGULAR, EXECUTABLE}:
        return mode
    return before.mode if before and before.mode in {REGULAR, EXECUTABLE} else REGULAR


def _hashed(
    inside: Git, worktree: Path, files: Mapping[str, int], before: Mapping[str, Entry]
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return each file, given with its mode, as a tree entry, and the paths that git refuses to store, and why."""
    regular = [path for path, mode in files.items() if stat.S_ISREG(mode)]
    blobs, refused = _stored(inside, worktree, regular, before)
    found = {path: Entry(_mode(files[path]), blob) for path, blob in blobs.items()}
    for path in files.keys() - set(regular):
        target = os.fsencode((worktree / path).readlink())
        blob = inside.run("hash-object", "-w", "--no-filters", "--stdin", stdin=target).decode().strip()
        found[path] = Entry(SYMLINK, blob)
    return found, refused


def _stored(
    inside: Git, worktree: Path, paths: list[str], before: Mapping[str, Entry]
) -> tuple[dict[str, str], dict[str, str]]:
    closed = {path: CLOSED for path in paths if not _is_open(worktree / path)}
    paths = [path for path in paths if path not in closed]
    try:
        return dict(zip(paths, blob_ids(inside, paths, before), strict=True)), closed
    except GitError:
        pass
    blobs, refused = {}, closed
    for path in paths:
        try:
            blobs[path] = blob_ids(inside, [path], before)[0]
        except GitError as error:
            # Kept as it is, without the filter that refused it, so that no work is lost; it never lands.
            blobs[path] = inside.run("hash-object", "-w", "--no-filters", "--", path).decode().strip()
            refused[path] = f"git will not store it: {error.stderr}"
    return blobs, refused
