"""What a task cost: medians of several runs, in time and in processor time, and how ours compares."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.report import Cell, Report, ratio
from bench.watching import Ran

COLUMNS = ("case", "tasks", "runs", "seconds", "ms a task", "ratio", "CPU ms", "CPU ratio")
NOTES = (
    "ratio: the program's time a task by the peer's; below 1 the program is quicker",
    "CPU: user and system time of the process with all it started; other people's load disturbs it less than time",
)


@dataclass(frozen=True)
class Cost:
    """Milliseconds a task: on the clock, and of the processors."""

    time: float
    cpu: float


def add(report: Report, case: str, tasks: int, ran: Sequence[Ran], ours: Cost | None = None, **more: Cell) -> Cost:
    """Add the row of `case`, compared with `ours` where it is a peer's; return what it cost."""
    seconds = median(each.seconds for each in ran)
    cost = Cost(seconds / tasks * 1000, median(each.cpu for each in ran) / tasks * 1000)
    compared = {"ratio": ratio(ours.time, cost.time), "CPU ratio": ratio(ours.cpu, cost.cpu)} if ours else {}
    facts = {"case": case, "tasks": tasks, "runs": len(ran), "seconds": seconds}
    report.rows.append({**facts, "ms a task": cost.time, "CPU ms": cost.cpu or None, **compared, **more})
    return cost
