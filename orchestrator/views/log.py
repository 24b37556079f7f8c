"""`log`: the audit from git, one line per commit of ours, newest first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.budget import MICROS, micros_read
from orchestrator.clock import stamp
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.repo.history import Entry, number, walk

_OURS = "--grep=^Workflow: "
_PROVED = "proved"
_SHORT = 10


@dataclass(frozen=True)
class Record:
    """One commit of ours; what its trailers leave out is empty, or None for a number.

    Attributes:
        verified: whether the commit says that verify was green on it.
        tasks: the tasks it landed.
        by: the person, where one made or approved it.
        cost: what the attempts it speaks of have cost, in US dollars; None where it does not say.
    """

    commit: str
    when: datetime
    subject: str
    checkpoint: int | None
    phase: str
    tasks: tuple[str, ...]
    attempt: int | None
    agent: str
    verified: bool
    by: str
    cost: float | None


@dataclass(frozen=True)
class Log:
    """The newest records; `task` is the one asked for, empty for all."""

    records: tuple[Record, ...]
    task: str


def log(git: Git, tip: str, limit: int, task: str = "") -> tuple[Log, bool]:
    """Return the newest `limit` records (0: all), and whether there are more."""
    options = [_OURS]
    if task:
        name = re.escape(task).replace("\\-", "-")
        options += ["--all-match", "-E", f"--grep=^(Task|Reopen|Dead-Letter): {name}(/[0-9]+)?$"]
    if limit:
        options.append(f"-{limit + 1}")
    found = [record(entry) for entry in walk(git, tip, *options) if entry.get("Workflow")] if tip else []
    shown = found[:limit] if limit else found
    return Log(tuple(shown), task), len(found) > len(shown)


def record(entry: Entry) -> Record:
    """Return what a commit says of itself."""
    return Record(
        commit=entry.commit,
        when=entry.when,
        subject=entry.subject,
        checkpoint=number(entry.get("Checkpoint")),
        phase=entry.get("Phase"),
        tasks=entry.all("Task"),
        attempt=number(entry.get("Attempt")),
        agent=entry.get("Agent"),
        verified=entry.get("Verified").startswith(_PROVED),
        by=entry.get("Approved-by"),
        cost=micros_read(entry.get("Cost-Usd")) / MICROS if entry.get("Cost-Usd") else None,
    )


def text(shown: Log) -> str:
    """Return the log as a table: commit, checkpoint, when, whether verified, who, cost where any is known, subject."""
    if not shown.records:
        return f"No commit of ours speaks of {shown.task}." if shown.task else "No commit of ours yet."
    priced = any(item.cost is not None for item in shown.records)
    rows = [_cells(item, priced=priced) for item in shown.records]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(item: Record, *, priced: bool) -> tuple[str, ...]:
    who = one_line(item.agent or item.by.partition(" <")[0] or "-", 20)
    attempt = f"#{item.attempt}" if item.attempt else ""
    return (
        item.commit[:_SHORT],
        f"{item.checkpoint:04d}" if item.checkpoint else "-",
        stamp(item.when),
        "verified" if item.verified else "-",
        f"{who}{attempt}",
        *([f"{item.cost:.4f} USD" if item.cost is not None else "-"] if priced else []),
        one_line(item.subject, 90),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]])
