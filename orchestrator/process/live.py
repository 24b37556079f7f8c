"""The runs this process has going: who started them, and which orphans they may have left to us."""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.apart import apart
from orchestrator.process import table
from orchestrator.process.table import TOKEN, Process

_M_ARENA_MAX = -8  # malloc.h
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 17  # bytes: where glibc itself begins
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Run:
    """A command that was started here and has not been waited for yet."""

    popen: subprocess.Popen[bytes]
    token: str
    cwd: Path
    started: float

    @property
    def pid(self) -> int:
        """Also the id of the session and the process group the command was given."""
        return self.popen.pid


@dataclass
class Live:
    """The runs of this process, by pid; shared by every thread that starts one."""

    adopts: bool = False
    _first: float | None = None  # when the first run was started, in the units of `Process.started`
    _runs: dict[int, Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], token: str, stdin: int) -> Run:
        """Start a command in a session of its own, marked with `token`.

        Raises:
            OSError: the command cannot be started.
            ValueError: an argument holds a NUL, or `token` belongs to a run that is still going.
        """
        # Under the lock, so that nobody takes a child that is not registered yet for an orphan.
        with self._lock:
            if any(run.token == token for run in self._runs.values()):
                raise ValueError(f"token {token!r} belongs to a run that is still going")
            popen = apart(
                lambda: subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env={**env, TOKEN: token},
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    start_new_session=True,
                )
            )
            row = table.read(popen.pid)
            run = Run(popen, token, cwd, row.started if row else 0)
            self._runs[popen.pid] = run
            self._first = run.started if self._first is None else self._first
            return run

    def forget(self, run: Run) -> None:
        """Drop a run that has been waited for."""
        with self._lock:
            self._runs.pop(run.pid, None)

    def others(self, run: Run) -> list[Run]:
        """The runs that are going besides this one."""
        with self._lock:
            return [other for other in self._runs.values() if other is not run]

    def orphans(self, rows: Mapping[int, Process], run: Run) -> list[Process]:
        """The orphans left to this process that `run`, or a run that has ended, must have made.

        Other doors keep their children in this process's own session (`process_group=0` is enough against
        Ctrl-C), so a child of ours in a foreign session that no run started is an agent's orphan: unless it is older
        than every run, as are the services of a script that ends in `exec orchestrator run`.
        """
        first = self._first
        if not self.adopts or first is None:
            return []
        # After `rows` was read: a run started since then is not in them.
        others = self.others(run)
        spared = {run.pid, *(other.pid for other in others)}
        me, session = os.getpid(), os.getsid(0)
        adopted = (row for row in rows.values() if row.parent == me and row.session != session)
        young = (row for row in adopted if row.started >= first and row.pid not in spared)
        return [row for row in young if _belongs(row, run, others)]


def _belongs(row: Process, run: Run, others: Sequence[Run]) -> bool:
    if any(row.session == other.pid for other in others):
        return False
    if all(row.started < other.started for other in others):
        return True
    return _inside(row.pid, run.cwd) and table.token(row.pid) not in {other.token for other in others}


def _inside(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder.resolve())
    except OSError:
        return False


live = Live()


def become_subreaper() -> bool:
    """Let orphans of agents become children of this process, so that none of them gets away.

    Returns:
        Whether the system does that (Linux); elsewhere an orphan is known by its token alone.
    """
    if sys.platform == "linux":
        live.adopts = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    return live.adopts


def give_memory_back() -> None:
    """Let what is freed go back to the system, before there are threads.

    glibc gives each thread a place of its own, which keeps what its thread once needed: a leader with 16 jobs went from
    65 to 86 MiB in 2,000 tasks so, and from 54 to 61 with one. And once something large was freed, it takes the next
    from among the small, where that leaves holes: 1 MiB in 2,000 tasks.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_ARENA_MAX, 1)
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
