"""What a kill leaves behind in `.git`: git's own lock files, removed only when no living git can own them."""

import time
from pathlib import Path

from orchestrator.repo.locate import Place
from orchestrator.repo.worktrees import remove_tree

_PATIENCE = 2.0


def stale_locks(place: Place) -> list[Path]:
    """Remove git's lock files that nobody holds; return those removed.

    The caller holds the instance lock, which every git child of ours inherits: so none of ours is alive. A lock that a
    person's own git holds is left alone, after a short wait for it to finish.
    """
    found = _locks(place.git_dir)
    deadline = time.monotonic() + _PATIENCE
    while found and _foreign_git(place) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = _locks(place.git_dir)
    if not found or _foreign_git(place):
        return []
    for lock in found:
        lock.unlink(missing_ok=True)
    return found


def abandoned(place: Place) -> list[Path]:
    """Return git's lock files that no living git can own. Reads only; the caller knows that no leader is at work."""
    found = _locks(place.git_dir)
    return [] if not found or _foreign_git(place) else found


def _locks(git_dir: Path) -> list[Path]:
    found = [path for path in git_dir.glob("*.lock") if path.name != "orchestrator.lock"]
    for folder in ("refs", "logs", "worktrees"):
        found += (git_dir / folder).rglob("*.lock")
    found += (git_dir / "objects").glob("maintenance.lock")
    found += (git_dir / "objects" / "info").glob("*.lock")
    return sorted(found)


def _foreign_git(place: Place) -> bool:
    """Whether a git process of anybody's works in this repository."""
    import psutil  # noqa: PLC0415 - 20 ms that only a healing start pays

    for process in psutil.process_iter(["name", "cwd"]):
        cwd = process.info["cwd"]
        if process.info["name"] == "git" and cwd and Path(cwd).is_relative_to(place.root):
            return True
    return False


def temporary_objects(place: Place) -> int:
    """Remove the object files that a killed git left half-written; return how many."""
    objects = place.git_dir / "objects"
    leftovers = [*objects.glob("??/tmp_obj_*"), *objects.glob("pack/tmp_*"), *objects.glob("tmp_objdir-*")]
    for item in leftovers:
        if item.is_dir():
            remove_tree(item)
        else:
            item.unlink(missing_ok=True)
    return len(leftovers)
