"""What a kill leaves behind in `.git`: lock and temporary files, removed only when no living git can own them."""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.repo.locate import Place
from orchestrator.repo.packs import KEEP
from orchestrator.repo.removal import remove_tree
from orchestrator.workspace import FOLDER

if TYPE_CHECKING:
    import psutil

# What we write, or a version before did; a person's own says something else.
_OUR_KEEPS = (KEEP, b"fast-import\n")
_PATIENCE = 2.0  # seconds for a person's own git to finish
_TICK = 2.0  # seconds by which a process may be older than the system says


def stale_locks(place: Place) -> list[Path]:
    """Remove git's lock files that nobody holds; return those removed.

    The caller holds the instance lock, which every git child of ours inherits: so none of ours is alive. What a git of
    a person's may own is waited for shortly, and left alone.
    """
    deadline = time.monotonic() + _PATIENCE
    found = abandoned(place)
    while len(found) < len(_locks(place)) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = abandoned(place)
    for lock in found:
        lock.unlink(missing_ok=True)
    return found


def abandoned(place: Place) -> list[Path]:
    """Return git's lock files that no living git can own: all of those were started later.

    Reads only; the caller knows that no leader is at work.
    """
    found = _locks(place)
    oldest = min(_at_work(place), default=math.inf) if found else math.inf
    return [lock for lock in found if _written(lock) < oldest - _TICK]


def _written(lock: Path) -> float:
    """Return when a lock file was written, in seconds of the wall clock; infinity for one that has just gone."""
    try:
        return lock.lstat().st_mtime
    except FileNotFoundError:
        return math.inf


def temporary_files(place: Place, since: float) -> int:
    """Remove what a killed git of ours left half-written; return how many.

    `since` is when the last leader started, in seconds of the wall clock: what is older is not its own.
    """
    objects = place.git_dir / "objects"
    leftovers = [*objects.glob("??/tmp_obj_*"), *objects.glob("pack/tmp_*"), *objects.glob("tmp_objdir-*")]
    leftovers += objects.glob("pack/.tmp-*")
    leftovers += place.git_dir.glob("fast_import_crash_*")
    # For a moment each pack of ours has one; left there, that pack is never joined with others.
    leftovers += [keep for keep in objects.glob("pack/*.keep") if _is_ours(keep)]
    leftovers += _halves(objects / "pack", since)
    mine = [item for item in leftovers if since <= _written(item) < math.inf]
    if not mine or at_work(place):
        return 0
    for item in mine:
        if item.is_dir():
            remove_tree(item)
        else:
            item.unlink(missing_ok=True)
    return len(mine)


def _halves(folder: Path, since: float) -> list[Path]:
    """Return packs without an index, and the other way round, younger than `since`, but for those that somebody keeps.

    Whoever makes a pack gives it both names at one moment: what has one of them for longer was cut short.
    """
    found = {half for half in _lonely(folder) if _written(half) >= since}
    if any(not half.with_suffix(".keep").exists() for half in found):
        time.sleep(_PATIENCE)
        found &= _lonely(folder)
    return sorted(found)


def _lonely(folder: Path) -> set[Path]:
    pairs = ((".pack", ".idx"), (".idx", ".pack"))
    halves = {half for one, other in pairs for half in folder.glob(f"*{one}") if not half.with_suffix(other).exists()}
    return {half for half in halves if _is_ours(half.with_suffix(".keep"), absent=True)}


def _is_ours(keep: Path, *, absent: bool = False) -> bool:
    """Whether a mark says what ours do; a full disk, or a power cut, may leave the beginning of it alone, or nothing.

    `absent` is the answer where there is none.
    """
    try:
        said = keep.read_bytes().strip(b"\0")
    except FileNotFoundError:
        return absent
    except OSError:  # another user's
        return False
    return any(word.startswith(said) for word in _OUR_KEEPS)


def at_work(place: Place) -> bool:
    """Whether a git process of anybody's works in this repository, or in a worktree of it."""
    return bool(_at_work(place))


def at_checkout(place: Place) -> bool:
    """Whether a git process of somebody else's works in the checkout."""
    ours = place.root / FOLDER
    return any(
        process.info["ppid"] != os.getpid() and cwd.is_relative_to(place.root) and not cwd.is_relative_to(ours)
        for process, cwd in _gits()
    )


def _at_work(place: Place) -> list[float]:
    """Return when each git that works here was started, in seconds of the wall clock."""
    places = [place.root, *(target for _admin, target in _worktrees(place))]
    found = [process for process, cwd in _gits() if any(cwd.is_relative_to(folder) for folder in places)]
    return [process.info["create_time"] or 0.0 for process in found]


def _gits() -> Iterator[tuple["psutil.Process", Path]]:
    """Yield each git process, with where it works; daemons hold no locks."""
    import psutil  # noqa: PLC0415 - 20 ms that only who has to ask pays

    for process in psutil.process_iter(["name", "cwd", "cmdline", "create_time", "ppid"]):
        name, cwd, words = process.info["name"] or "", process.info["cwd"], process.info["cmdline"] or []
        if cwd and (name == "git" or name.startswith("git-")) and not any(word.endswith("--daemon") for word in words):
            yield process, Path(cwd)


def _locks(place: Place) -> list[Path]:
    found = [path for path in place.git_dir.glob("*.lock") if path.name != "orchestrator.lock"]
    found += place.git_dir.glob("packed-refs.new")  # it has a lock, and is one: git makes no other beside it
    for folder in ("refs", "logs"):
        found += (place.git_dir / folder).rglob("*.lock")
    for admin, target in _worktrees(place):
        # A person's own worktrees are none of ours, and their git may work anywhere.
        if target.is_relative_to(place.root / FOLDER):
            found += admin.rglob("*.lock")
    found += (place.git_dir / "objects").glob("maintenance.lock")
    found += (place.git_dir / "objects" / "info").glob("*.lock")
    return sorted(found)


def _worktrees(place: Place) -> list[tuple[Path, Path]]:
    """Return git's folder and the place on disk of each linked worktree."""
    folder = place.git_dir / "worktrees"
    admins = sorted(folder.iterdir()) if folder.is_dir() else []
    found = []
    for admin in admins:
        pointer = admin / "gitdir"
        if pointer.is_file():
            text = pointer.read_text(encoding="utf-8", errors="surrogateescape").strip()
            found.append((admin, Path(text).parent))
    return found
