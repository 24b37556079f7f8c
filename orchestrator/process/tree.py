"""How a process tree ends: found by descent, session, token and adoption; asked once, then killed."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from orchestrator.process import table
from orchestrator.process.live import Run, live
from orchestrator.process.table import Process

_KILLING = 3.0  # seconds after which what still stands is reported, not waited for
_PAUSE = 0.005


class Family:
    """A run's process and everything that came from it, also what has left its session or lost its parent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: set[tuple[int, float]] = set()

    def alive(self) -> list[Process]:
        """Who of the family is running now."""
        rows = table.processes()
        orphans = live.orphans(rows, self._run)
        roots = [row for row in rows.values() if self._is_ours(row)]
        members = _kin(rows, [*roots, *orphans])
        self._seen.update((row.pid, row.started) for row in members)
        # Whoever waits for a run's own process must find it.
        waited_for = {self._run.pid, *(other.pid for other in live.others(self._run))}
        _bury(row for row in members if row.zombie and row.pid not in waited_for)
        return [row for row in [*members, *_closing(rows, self._run.started)] if not row.zombie]

    def end(self, grace: float) -> tuple[int, ...]:
        """End everyone: SIGTERM, `grace` seconds, SIGKILL; returns the pids nothing could end."""
        _, left = end(self.alive, grace)
        return left

    def _is_ours(self, row: Process) -> bool:
        run = self._run
        if row.started < run.started:
            return False
        if run.pid in {row.pid, row.group, row.session} or (row.pid, row.started) in self._seen:
            return True
        return not row.zombie and table.token(row.pid) == run.token


def reap(prefix: str, *, grace: float = 0.5) -> tuple[int, ...]:
    """End every process whose token starts with `prefix`: what a leader that was killed has left running.

    Args:
        prefix: the start of the tokens; call this before runs with such tokens are started here.
        grace: seconds between SIGTERM and SIGKILL.

    Returns:
        The pids that were ended; never this process or one it descends from.

    Raises:
        ValueError: the prefix is empty.
    """
    if not prefix:
        raise ValueError("an empty prefix would match every process")

    def alive() -> list[Process]:
        rows = table.processes()
        marked = [row for row in rows.values() if table.token(row.pid).startswith(prefix)]
        return [row for row in _kin(rows, marked) if not row.zombie]

    ended, left = end(alive, grace)
    return tuple(pid for pid in ended if pid not in left)


def end(alive: Callable[[], list[Process]], grace: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Signal whoever `alive` finds until it finds nobody; returns who was signalled and who is left."""
    found = alive()
    signalled = _send(found, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while found and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        found = alive()
    deadline = time.monotonic() + _KILLING
    while found and time.monotonic() < deadline:
        signalled |= _send(found, signal.SIGKILL)
        time.sleep(_PAUSE)
        found = alive()
    return tuple(sorted(signalled)), tuple(sorted(row.pid for row in found if not row.exiting))


def _kin(rows: Mapping[int, Process], roots: Iterable[Process]) -> list[Process]:
    """The roots, their descendants and all who share a session with them; never us or our ancestors."""
    lineage = _lineage(rows)
    foreign = {rows[pid].session for pid in lineage if pid in rows}
    members = {row.pid: row for row in roots if row.pid not in lineage}
    grown = -1
    while members and grown != len(members):
        grown = len(members)
        sessions = {row.session for row in members.values()} - foreign
        members.update(
            (row.pid, row)
            for row in rows.values()
            if row.pid not in lineage and (row.parent in members or row.session in sessions)
        )
    return list(members.values())


def _closing(rows: Mapping[int, Process], since: float) -> list[Process]:
    """The first processes of namespaces that are being closed, whose makers ended before them as bubblewrap does.

    Such a process bears no token any more, nor any other sign of whose it is, while it waits for those in its namespace
    to be dead. It may be another run's, or a stranger's: so it is waited for, and nothing is concluded from it.
    """
    exiting = [row for row in rows.values() if row.exiting and not row.zombie and row.started >= since]
    heirs = {os.getpid()} if live.adopts else _lineage(rows)
    return [row for row in exiting if row.parent in heirs and table.closes_namespace(row.pid)]


def _lineage(rows: Mapping[int, Process]) -> set[int]:
    lineage = {0, 1}
    pid = os.getpid()
    while pid not in lineage:
        lineage.add(pid)
        pid = rows[pid].parent if pid in rows else 0
    return lineage


def _send(found: Iterable[Process], number: signal.Signals) -> set[int]:
    reached = set()
    for row in found:
        now = None if row.exiting else table.read(row.pid)
        # A pid is only a number: it may belong to a stranger by now.
        if now and now.started == row.started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(row.pid, number)
                reached.add(row.pid)
    return reached


def _bury(dead: Iterable[Process]) -> None:
    """Wait for adopted orphans that ended, so that they do not fill the process table."""
    me = os.getpid()
    for row in dead:
        if row.parent == me:
            with suppress(ChildProcessError):
                os.waitpid(row.pid, os.WNOHANG)
