"""The journal of spending, on disk: what a call may cost is there, synced, before the call leaves.

One record a line, in JSON. After a kill a call that was not settled counts at the most it may have cost. A last line
that a power cut tore was never acted on and is taken away. Once the journal is long it is replaced by its own total.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.budget import Usage
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.models.spent import Hold, Paid, Spent, hold_record, paid_record
from orchestrator.workspace import naming, sync_folder, write_durably

_LONG = 4_000  # lines
NAME = "orchestrator/spend.jsonl"  # in the git directory


def read(path: Path) -> Spent:
    """Return what is spent according to the journal at `path`, without a lock; nothing where there is none.

    Raises:
        OrchestratorError: a line of it is no record; with `file:line`.
    """
    return _fold(path, _whole_lines(path))


def _whole_lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return lines[:-1]


def _fold(path: Path, lines: list[bytes]) -> Spent:
    spent = Spent()
    for number, line in enumerate(lines, start=1):
        try:
            spent.take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise OrchestratorError(
                "no record of spending",
                where=f"{path}:{number}",
                hint="take the line out; what it says is then not counted against the budget",
                code=Exit.PRECONDITION,
            ) from error
    return spent


@dataclass
class Journal:
    """The journal of the one process that leads; its callers see to it that one thread at a time is in here.

    Attributes:
        path: the file.
        spent: what all of its records come to.
    """

    path: Path
    spent: Spent = field(default_factory=Spent)
    _handle: int = -1
    _lines: int = 0

    def hold(self, most: int, role: str, task: str, attempt: int, **more: object) -> Hold:
        """Set `most` micros aside for one call; when this returns, they are on the disk.

        Raises:
            OrchestratorError: the journal cannot be read.
            OSError: it cannot be written: then the call must not be made.
        """
        self.open()
        hold = Hold(self.spent.next, most, role, task, attempt)
        self._add(hold_record(hold, **more), sync=True)
        return hold

    def pay(self, hold: Hold, paid: Paid, **more: object) -> None:
        """Settle what was set aside. Lost in a power cut, it counts at its most."""
        self._add({"pay": hold.id, **paid_record(paid), **more})

    def charge(self, role: str, task: str, attempt: int, paid: Paid) -> None:
        """Take note of what somebody else has paid already; when this returns, it is on the disk."""
        self.open()
        whom = {"role": role, "task": task, "attempt": attempt}
        self._add({"pay": 0, **paid_record(paid), **whom}, sync=True)

    def tell(self, budget: int) -> None:
        """Take note that somebody was told that `budget` is nearly spent."""
        self._add({"told": budget})

    def open(self) -> None:
        """Read the journal, once, and settle at their most the calls that an earlier process left open.

        Raises:
            OrchestratorError: a line of it is no record; with `file:line`.
        """
        if self._handle >= 0:
            return
        lines = _whole_lines(self.path)
        self.spent, self._lines = _fold(self.path, lines), len(lines)
        self.path.parent.mkdir(exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with naming(self.path):
            handle = os.open(self.path, flags, 0o644)
            os.ftruncate(handle, sum(len(line) + 1 for line in lines))
        self._handle = handle
        sync_folder(self.path.parent)
        for hold in list(self.spent.pending.values()):
            self.pay(hold, Paid(hold.most, Usage()), lost=True)

    @property
    def begun(self) -> bool:
        """Whether anything was ever written in it."""
        return self._handle >= 0 or self.path.exists()

    def known(self) -> Spent:
        """Return what is spent; a journal that nothing was written to by this process is only looked at."""
        return self.spent if self._handle >= 0 else read(self.path)

    def close(self) -> None:
        """Close the file; what is added afterwards opens it again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _add(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if self._lines >= _LONG:
            self._compact()
        with naming(self.path):
            _write(self._handle, line)
            if sync:
                os.fdatasync(self._handle)
        self.spent.take(record)
        self._lines += 1

    def _compact(self) -> None:
        """Put the total in place of all records, with what is pending behind it."""
        pending = [hold_record(hold) for hold in self.spent.pending.values()]
        records = [self.spent.total(), *pending]
        write_durably(self.path, b"".join(json.dumps(each).encode() + b"\n" for each in records))
        self.close()
        self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._lines = len(records)


def _write(handle: int, line: bytes) -> None:
    """Write the whole line, or take back what a full disk let through of it."""
    size = os.fstat(handle).st_size
    try:
        while line:
            line = line[os.write(handle, line) :]
    except OSError:
        os.ftruncate(handle, size)
        raise
