"""git's own lock of the index: who holds it changes the checkout, and no git, and no landing, beside it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.heal import at_work
from orchestrator.repo.locate import Place

_PATIENCE = 5.0  # seconds for a lock whose git may have been killed
_LIVING_PATIENCE = 120.0  # seconds for a git that is seen to live: a person may be writing a commit message
_PAUSE = 0.05  # seconds between tries


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
def index_lock(place: Place, patience: float = _PATIENCE, living: float = _LIVING_PATIENCE) -> Iterator[IndexLock]:
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
