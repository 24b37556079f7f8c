"""The disk door: durable writes, careful reads, and the folders under `.orchestrator/`."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError

FOLDER = ".orchestrator"
TEMPORARY = ".orchestrator-tmp"  # how a file ends that has no name yet; it starts with a dot
_LARGEST_READ = 1 << 20
_SLACK = 8  # one in so many more tasks may have logs before the oldest are looked for


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the disk refuses within the block name `path`: of an open file the system names nothing."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def write_durably(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`: whole or not at all, and still there after a power cut.

    Raises:
        OSError: the disk is full or read-only; the old file is untouched.
    """
    _put(path, data, os.fsync)
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`: whole or not at all, for as long as the machine does not lose power.

    Raises:
        OSError: the disk is full or read-only; the old file is untouched.
    """
    _put(path, data, lambda _handle: None)


def _put(path: Path, data: bytes, settle: Callable[[int], None]) -> None:
    temporary = path.parent / f".{path.name}{TEMPORARY}"
    try:
        with naming(path), os.fdopen(_begun(temporary), "wb") as file:
            file.write(data)
            file.flush()
            settle(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _begun(path: Path) -> int:
    """Return a new file, open for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o666)
    except OSError:  # its folder is missing, which is seldom, or somebody has put a link there
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return os.open(path, flags, 0o666)


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that the names in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with naming(folder):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def beneath(root: Path, folder: str, *, make: bool = False) -> Iterator[int]:
    """Have `folder` below `root` open within the block: a folder that became a symlink meanwhile leads nowhere.

    `make` makes the folders that are missing.

    Raises:
        OSError: there is no such folder any more.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(root, flags)
    try:
        for part in Path(folder).parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=handle)
            inner = os.open(part, flags, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def read_own(root: Path, relative: str) -> bytes | None:
    """Return a document's bytes, or None where there is no such file.

    Raises:
        OrchestratorError: a symlink or something else that is no regular file stands there, or it is over 1 MiB.
    """
    path = root / relative
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _not_plain(relative) from error
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise _not_plain(relative)
        if facts.st_size > _LARGEST_READ:
            raise OrchestratorError(
                f"{facts.st_size} bytes; documents are at most 1 MiB",
                where=f"{relative}:1",
                hint="move what is history out of it",
                code=Exit.PRECONDITION,
            )
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _not_plain(relative: str) -> OrchestratorError:
    return OrchestratorError(
        "not a regular file", where=f"{relative}:1", hint="replace it by a plain file", code=Exit.PRECONDITION
    )


@dataclass(frozen=True)
class Folders:
    """Where things are under `.orchestrator/`: all of it may be deleted while nothing runs. `root`: the checkout."""

    root: Path
    _held: threading.Lock = field(default_factory=threading.Lock)  # while an attempt gets its folder, or old ones go

    @property
    def home(self) -> Path:
        """The folder itself."""
        return self.root / FOLDER

    @property
    def worktrees(self) -> Path:
        """One worktree per running attempt, and the one verify uses."""
        return self.home / "worktrees"

    @property
    def scratch(self) -> Path:
        """What may be deleted at any time."""
        return self.home / "tmp"

    @property
    def attempts(self) -> Path:
        """A folder for each task that was tried, with one for each attempt."""
        return self.home / "attempts"

    def attempt(self, task: str, number: int) -> Path:
        """An attempt's own folder: its spec, output and transcript."""
        return self.attempts / task / str(number)

    def begin(self, attempt: Path) -> None:
        """Make an attempt's own folder."""
        with self._held:
            attempt.mkdir(parents=True, exist_ok=True)

    def discarded(self, keep: int) -> list[Path]:
        """Take the logs of the tasks tried longest ago away, beyond `keep` tasks, to where all may be deleted.

        None of an attempt that has a worktree. What attempts did, and how each ended, stands in their refs.
        """
        names = os.listdir(self.attempts) if self.attempts.is_dir() else []  # noqa: PTH208 - there may be thousands
        if len(names) <= keep + keep // _SLACK:
            return []
        begun = {task for task, _ in self.begun()}
        resting = [self.attempts / name for name in names if name not in begun]
        oldest = sorted((folder.stat().st_mtime_ns, folder) for folder in resting)[: len(names) - keep]
        self.scratch.mkdir(exist_ok=True)
        return [moved for when, folder in oldest if (moved := self._discard(folder, when))]

    def _discard(self, folder: Path, when: int) -> Path | None:
        """Take a task's logs away, unless it was tried again since the moment `when`."""
        with self._held:
            old = folder.stat().st_mtime_ns == when
            return folder.rename(self.scratch / f"logs-{folder.name}") if old else None

    def begun(self) -> list[tuple[str, int]]:
        """Return the attempts that have a worktree, by task and number; other worktrees have no such name."""
        names = sorted(item.name for item in self.worktrees.iterdir()) if self.worktrees.is_dir() else []
        parts = (name.rpartition("-") for name in names)
        return [(task, int(number)) for task, _, number in parts if task and number.isdecimal()]

    def create(self) -> None:
        """Make the folder, with a `.gitignore` of its own so that the user's needs no line for it.

        Raises:
            OrchestratorError: something that is no folder has its name.
        """
        # Through a symlink git records other paths than ours, and an index made on another disk cannot become git's.
        if self.home.is_symlink() or (self.home.exists() and not self.home.is_dir()):
            raise OrchestratorError(
                f"{FOLDER} is a {'symlink' if self.home.is_symlink() else 'file'}, and must be a folder of its own",
                hint=f"move it away: mv {FOLDER} {FOLDER}.old   # the next run makes the folder",
                code=Exit.PRECONDITION,
            )
        self.home.mkdir(exist_ok=True)
        rule = self.home / ".gitignore"
        if not rule.exists():
            write_durably(rule, b"*\n")
