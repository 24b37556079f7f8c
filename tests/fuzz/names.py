"""File names of an agent's choice, all the way from its worktree through git and back."""

import os
import random
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fuzz.vocabulary import PATHS
from orchestrator.policy import GONE
from orchestrator.repo import snapshot
from orchestrator.repo.commits import Draft, build
from orchestrator.repo.git import Git
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.trees import EXECUTABLE, REGULAR, SYMLINK, blobs, differences, entries, line_counts

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_REF = "refs/heads/fuzz"
_LONGEST = 255  # bytes
PIECES = (*map(os.fsencode, PATHS), b"\xff", b"\xc3", b"100644 ", b"40000 ", b"160000 ", b"x" * 120)
_TAKEN = (b"", b".", b"..")


def names(seed: int, number: int, count: int) -> list[str]:
    """Return `count` names or fewer, up to three folders deep; none stands where another needs a folder."""
    chance = random.Random(f"{seed}/names/{number}")  # noqa: S311 - the same names every time
    found: dict[bytes, None] = {}
    folders: set[bytes] = set()
    for _ in range(count):
        parts = [_name(chance) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        above = [b"/".join(parts[:end]) for end in range(1, len(parts))]
        path = b"/".join(parts)
        if path not in folders and not any(folder in found for folder in above):
            found[path] = None
            folders.update(above)
    return [os.fsdecode(path) for path in found]


def _name(chance: random.Random) -> bytes:
    name = b"".join(chance.choice(PIECES) for _ in range(chance.randint(1, 4)))[:_LONGEST]
    return b"_" if name in _TAKEN or name.lower().startswith((b".git", b"git~")) or b"/" in name else name


def left(worktree: Path, paths: Sequence[str]) -> None:
    """Leave a file, an executable or a symlink at each path, as an agent does; each says which it is."""
    for number, path in enumerate(paths):
        place = worktree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if number % 5 == 4:
            place.symlink_to(os.fsdecode(_content(path)[:_LONGEST]))
        else:
            place.write_bytes(_content(path))
            place.chmod(0o755 if number % 5 == 3 else 0o644)


def _content(path: str) -> bytes:
    return b"this is " + os.fsencode(path)


def faults(git: Git, worktree: Path, base: str, paths: Sequence[str]) -> list[str]:
    """Return what is not as it was left, once all of it has been through a snapshot, a commit and its tree."""
    taken = snapshot.take(git, git.directory / ".git", worktree, base, None)
    changes = [change for change in taken.changes if change.mode != GONE]
    found = [
        f"neither taken nor odd: {path!r}"
        for path in {*paths} - {change.path for change in changes} - {*taken.oddities}
    ]
    odd = {path: why for path, why in taken.oddities.items() if not _control(path) and "git" not in path.casefold()}
    found += [f"odd, and nothing is: {path!r}: {why}" for path, why in odd.items()]
    commit = build(
        git, ObjectFolders(git.directory / ".git"), _REF, [Draft("left", tuple(changes), _WHEN, parent=base)]
    )[0]
    kept = {change.path: change.mode for change in changes}
    return (
        found + _misread(git, base, commit, kept) + _confused(git, commit, kept) + _changed(git, worktree, commit, kept)
    )


def _control(path: str) -> bool:
    return any(ord(char) < 32 or ord(char) == 127 for char in path)


def _misread(git: Git, base: str, commit: str, kept: Mapping[str, str]) -> list[str]:
    """Return the paths that one way of reading a tree tells otherwise than they were written."""
    before = entries(git, base)
    ways = {
        "entries": {path: entry.mode for path, entry in entries(git, commit).items() if path not in before},
        "entries by name": {path: entry.mode for path, entry in entries(git, commit, list(kept)).items()},
        "differences": {change.path: change.mode for change in differences(git, base, commit)},
        "line counts": {path: kept.get(path, "none") for path, _, _ in line_counts(git, [(base, commit)])[0]},
    }
    return [f"{way}: {path!r}" for way, said in ways.items() for path, _ in said.items() ^ kept.items()]


def _confused(git: Git, commit: str, kept: Mapping[str, str]) -> list[str]:
    """Return names that are parts of others and stand for nothing, and yet are found."""
    parts = {path[at:] for path in kept for at in range(1, len(path)) if path[at - 1] in ' "\n\r'}
    named = {part for part in {*parts, *(path.strip() for path in kept)} if not {"", ".", ".."} & {*part.split("/")}}
    absent = sorted(named - kept.keys())
    found = entries(git, commit, absent) if absent else {}
    return [f"a phantom: {path!r}" for path in found if path not in kept]


def _changed(git: Git, worktree: Path, commit: str, kept: Mapping[str, str]) -> list[str]:
    """Return the files whose content or mode is not what the agent left."""
    ids = {path: entry.blob for path, entry in entries(git, commit).items() if path in kept}
    read = blobs(git, ids.values())
    found = [f"another content: {path!r}" for path in ids if read.get(ids[path]) != _on_disk(worktree / path)]
    return found + [f"mode {mode}: {path!r}" for path, mode in kept.items() if mode != _mode(worktree / path)]


def _on_disk(file: Path) -> bytes:
    return os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()


def _mode(file: Path) -> str:
    if file.is_symlink():
        return SYMLINK
    return EXECUTABLE if file.stat().st_mode & stat.S_IXUSR else REGULAR
