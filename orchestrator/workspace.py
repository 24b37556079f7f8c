"""The disk door: durable writes, careful reads, the instance lock, and the folders under `.orchestrator/`."""

import errno
import fcntl
import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import Exit, OrchestratorError

FOLDER = ".orchestrator"
TEMPORARY = ".orchestrator-tmp"  # how a file ends that has no name yet; it starts with a dot
_LARGEST_READ = 1 << 20
_SLACK = 8  # one in so many more tasks may have logs before the oldest are looked for


class BusyError(OrchestratorError):
    """Another leader holds the instance lock."""


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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}{TEMPORARY}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`: whole or not at all, for as long as the machine does not lose power.

    Raises:
        OSError: the disk is full or read-only; the old file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}{TEMPORARY}"
    try:
        with naming(path):
            temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


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


@dataclass(frozen=True)
class Holder:
    """Who holds, or last held, the instance lock. `epoch` grows by one with each leader.

    `since` is when it started, `debris` when the first leader did whose leftovers may still lie about: seconds of the
    wall clock.
    """

    epoch: int
    pid: int
    boot: str
    since: float
    debris: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether that process still exists on this boot."""
        return self.boot == boot_id() and Path(f"/proc/{self.pid}").exists() if self.boot else False


@cache
def boot_id() -> str:
    """Return what changes with every boot, or an empty string where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def holder(path: Path) -> Holder | None:
    """Return who wrote the lock file last, or None when nobody has."""
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes() or b"{}")
        return Holder(
            int(facts["epoch"]),
            int(facts["pid"]),
            str(facts["boot"]),
            float(facts["since"]),
            float(facts.get("debris", facts["since"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_locked(path: Path) -> bool:
    """Whether a leader holds the lock now."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@contextmanager
def held_note(path: Path, data: bytes, taken: OrchestratorError) -> Iterator[None]:
    """Let the file at `path` say `data` for as long as the block runs: it is locked then, and empty afterwards.

    It is never unlinked: whoever unlinks a locked file lets the next one lock another.

    Raises:
        OrchestratorError: `taken`: somebody else holds it.
        OSError: the disk is full or read-only.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with naming(path), os.fdopen(handle, "wb", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise taken from error
        try:
            file.truncate(0)
            _overwrite(handle, data)
            yield
        finally:
            file.truncate(0)


@dataclass(frozen=True)
class Lock:
    """The held instance lock: `handle` is inherited by every git child."""

    path: Path
    handle: int
    epoch: int
    previous: Holder | None

    def check(self) -> None:
        """Raise OrchestratorError when this process no longer leads: the file was replaced or has a newer epoch."""
        now = holder(self.path)
        if now is None or now.epoch != self.epoch or os.fstat(self.handle).st_ino != self.path.stat().st_ino:
            raise OrchestratorError(
                "this leader lost its lock: another one took over", hint="orchestrator status", code=Exit.PRECONDITION
            )


@contextmanager
def instance_lock(path: Path, patience: float = 0.0) -> Iterator[Lock]:
    """Hold the one leader's lock while the block runs.

    `flock` on a file that is never unlinked: PID files let two in (11 times in 12 s under kills), this none in 6,500
    acquisitions. filelock does the same but hides the descriptor, which our git children must inherit.

    Args:
        path: the lock file, inside the git directory so that deleting `.orchestrator/` cannot free it.
        patience: seconds to wait for it.

    Raises:
        BusyError: another leader holds it (named).
        OrchestratorError: the repository cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OrchestratorError(
            f"cannot write to the repository: {error.strerror} ({error.filename})",
            hint="make it writable: is the disk mounted read-only?",
            code=Exit.PRECONDITION,
        ) from error
    try:
        _take(handle, path, patience)
        previous = holder(path)
        epoch = previous.epoch + 1 if previous else 1
        facts = {"epoch": epoch, "pid": os.getpid(), "boot": boot_id(), "since": time.time()}
        facts["debris"] = previous.debris if previous else facts["since"]
        with naming(path):
            _overwrite(handle, json.dumps(facts).encode().ljust(256))
            os.fsync(handle)
        yield Lock(path, handle, epoch, previous)
    finally:
        os.close(handle)


def _overwrite(handle: int, data: bytes) -> None:
    """Write all of `data` at the start of a file: a disk that is nearly full takes a part, and says nothing."""
    written = 0
    while written < len(data):
        written += os.pwrite(handle, data[written:], written)


def _take(handle: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = holder(path)
            # A dead leader's git child may still hold it for a moment; waiting is right, racing it is not.
            orphaned = other is not None and not other.alive
            if time.monotonic() > deadline + (10.0 if orphaned else 0.0):
                raise _busy(other) from error
            time.sleep(0.05)
        else:
            return


def _busy(other: Holder | None) -> BusyError:
    who = f"process {other.pid}" if other else "another process"
    return BusyError(
        f"another leader is at work here: {who}",
        hint="orchestrator status   # shows what it does; stop it with Ctrl-C in its own terminal",
        code=Exit.PRECONDITION,
    )
