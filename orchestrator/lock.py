"""The instance lock: one leader at a time in a repository, and who it is; on which boot."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.workspace import naming


class BusyError(OrchestratorError):
    """Another leader holds the instance lock."""


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
