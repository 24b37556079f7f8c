"""The process table: who is alive, whose child, in which session, carrying which token."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TOKEN = "ORCHESTRATOR_TOKEN"  # noqa: S105  # a variable's name, not a secret

_PROC = Path("/proc/self/stat").exists()
_READINGS = 3
_EXITING = 0x4  # PF_EXITING, of the flags in /proc/PID/stat


class Process(NamedTuple):
    """One row. `started` has no unit, only an order; with the pid it names a process for good.

    `exiting` is one that the kernel takes apart: it runs nothing any more, and its environment is gone.
    """

    pid: int
    parent: int
    group: int
    session: int
    started: float
    zombie: bool
    exiting: bool = False


def processes() -> dict[int, Process]:
    """Every process this user can see, by pid."""
    return _linux() if _PROC else portable()


def read(pid: int) -> Process | None:
    """The row of one process, or None when it has gone."""
    return _row(pid) if _PROC else _portable_row(pid)


def token(pid: int) -> str:
    """The token in the environment a process was started with; empty when there is none to read."""
    marker = f"{TOKEN}=".encode()
    for entry in _environ(pid):
        if entry.startswith(marker):
            return entry.removeprefix(marker).decode(errors="surrogateescape")
    return ""


def closes_namespace(pid: int) -> bool:
    """Whether a process was the first of a pid namespace below ours: when that exits, all others in it are killed."""
    lines = _slurp(f"/proc/{pid}/status").split(b"\n") if _PROC else []
    ids = next((line.split()[1:] for line in lines if line.startswith(b"NSpid:")), [])
    return len(ids) > 1 and ids[-1] == b"1"


def _linux() -> dict[int, Process]:
    for _ in range(_READINGS):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # hot: no Path per pid
        rows = {pid: row for pid in pids if (row := _row(pid))}
        # A parent that vanished between the listing and its row may have left a child that is in neither.
        if len(rows) == len(pids):
            break
    return rows


def _row(pid: int) -> Process | None:
    data = _slurp(f"/proc/{pid}/stat")
    if not data:
        return None
    # The command's name may hold spaces and brackets; nothing after it does.
    state, parent, group, session, *rest = data[data.rindex(b")") + 2 :].split(None, 20)
    exiting = bool(int(rest[2]) & _EXITING)
    return Process(pid, int(parent), int(group), int(session), int(rest[15]), state in b"ZXx", exiting)


def _slurp(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return b"".join(_chunks(descriptor))
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while data := os.read(descriptor, 1 << 16):
        yield data


def _environ(pid: int) -> list[bytes]:
    return _slurp(f"/proc/{pid}/environ").split(b"\0") if _PROC else _portable_environ(pid)


def portable() -> dict[int, Process]:
    """The same table through psutil, for systems without Linux's /proc."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    return {pid: row for pid in psutil.pids() if (row := _portable_row(pid))}


def _portable_row(pid: int) -> Process | None:
    import psutil  # noqa: PLC0415  # only where there is no /proc

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            zombie = process.status() == psutil.STATUS_ZOMBIE
            parent, started = process.ppid(), process.create_time()
        return Process(pid, parent, os.getpgid(pid), os.getsid(pid), started, zombie)
    except (psutil.Error, OSError):
        return None


def _portable_environ(pid: int) -> list[bytes]:
    import psutil  # noqa: PLC0415  # only where there is no /proc

    try:
        return [os.fsencode(f"{name}={value}") for name, value in psutil.Process(pid).environ().items()]
    except (psutil.Error, OSError):
        return []
