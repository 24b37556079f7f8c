"""git's index: its lock, whose holder changes the checkout, and no git and no landing beside it; and its copies."""

import math
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.git import Git
from orchestrator.repo.heal import at_checkout, at_work
from orchestrator.repo.locate import Place
from orchestrator.repo.walk import Mark, mark
from orchestrator.workspace import naming

PATIENCE = 5.0  # seconds for a lock whose git may have been killed
LIVING_PATIENCE = 120.0  # seconds for a git that is seen to live: a person may be writing a commit message
_PAUSE = 0.05  # seconds between tries
_SETTLING = 10.0  # seconds within which a git that has written the index also moves HEAD: a hook may run in between


class NotNowError(OrchestratorError):
    """A person is in the middle of something; a little later the same step may work."""


@dataclass
class IndexLock:
    """The lock while it is held; `path` is its file."""

    path: Path
    held: bool = True

    def become_index(self) -> Path:
        """Make what the lock's file holds the index, and return that: as git does, which lets the lock go with it."""
        index = self.path.with_name("index")
        self.path.replace(index)
        self.held = False
        return index


@contextmanager
def index_lock(place: Place, patience: float = PATIENCE, living: float = LIVING_PATIENCE) -> Iterator[IndexLock]:
    """Hold git's lock of the index within the block.

    Args:
        place: the repository.
        patience: seconds to wait while somebody else has it.
        living: how many more while another git is seen at work here.

    Raises:
        NotNowError: another git holds it, and lives, or has left it there.
        OSError: the disk does not take it.
    """
    lock = IndexLock(place.git_dir / "index.lock")
    _take(place, lock.path, patience, living)
    try:
        yield lock
    finally:
        if lock.held:  # else a lock of that name is somebody else's by now
            lock.path.unlink(missing_ok=True)


@contextmanager
def settled_lock(
    git: Git, place: Place, left: Collection[Mark], patience: float = PATIENCE, living: float = LIVING_PATIENCE
) -> Iterator[IndexLock]:
    """Hold git's lock of the index, but not in the midst of a switch, a reset or a merge.

    Those give the lock back with the new index, and move HEAD only then: in between, what they brought looks like
    edits of the branch that is left, and what they took away like deleted. So where the index differs from HEAD, was
    written a moment ago and not by us, the git that may have done it is waited for as long as it lives, at most for
    ten seconds: one with something staged may live for long, while its message is being written.

    Args:
        git: git, running at the checkout's top.
        place: the repository.
        left: the index as we have written it.
        patience: seconds to wait while somebody else has it.
        living: how many more while another git is seen at work here.

    Raises:
        NotNowError, OSError: as from `index_lock`.
    """
    deadline = math.inf  # from when the lock is had first: that, too, may have taken long
    while True:
        with index_lock(place, patience, living) as lock:
            deadline = min(deadline, time.monotonic() + _SETTLING)
            if time.monotonic() >= deadline or not _settling(git, place, lock.path, left):
                yield lock
                return
        time.sleep(_PAUSE)


def _settling(git: Git, place: Place, lock: Path, left: Collection[Mark]) -> bool:
    try:
        facts = lock.with_name("index").stat()
    except FileNotFoundError:
        return False
    age = lock.stat().st_mtime - facts.st_mtime  # by one clock: the lock was made just now
    if mark(facts) in left or age > _SETTLING:
        return False
    differs = git.attempt("diff-index", "--cached", "--quiet", "HEAD", "--").returncode == 1
    return differs and at_checkout(place)


def _take(place: Place, path: Path, patience: float, living: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError as error:
            late = time.monotonic() - deadline
            lives = at_work(place) if late > 0 else True
            if late > living or not lives:
                raise NotNowError(
                    f"another git process holds {path}" if lives else f"a git that was killed left {path}",
                    hint="let it finish, then the same command again" if lives else "orchestrator doctor --fix",
                    code=Exit.PRECONDITION,
                ) from error
            time.sleep(_PAUSE)
        else:
            return


def copy_index(source: Path, target: Path) -> None:
    """Copy git's index with its time: a file that changed in the second it was written in is looked into by git.

    With a later time it would pass for unchanged, and what a person did to it would be written over.
    """
    with naming(target), source.open("rb") as index, target.open("wb") as copy:
        shutil.copyfileobj(index, copy)
        copy.flush()
        facts = os.fstat(index.fileno())
        os.utime(copy.fileno(), ns=(facts.st_atime_ns, facts.st_mtime_ns))
