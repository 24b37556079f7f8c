"""`status` in words: at most 25 lines, and the command that comes next."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from orchestrator.failure import Failure
from orchestrator.plaintext import one_line
from orchestrator.plan import BLOCKED, COMPLETE
from orchestrator.steps.standing import STATE, TODO
from orchestrator.views.status import Status

_MOST = 24  # lines
_SIZES = ((8, 3), (4, 3), (4, 1), (1, 1))  # phases, and tasks of each kind: what is tried until it fits
_BAR = 20
_WIDTH = 110


def following(shown: Status) -> tuple[str, str] | None:
    """Return the command that comes next, and why; None while a leader is at work."""
    if shown.leader:
        return None
    if not shown.planned:
        return _first(shown)
    if shown.problem:
        return "orchestrator doctor", "a document cannot be read"
    if shown.refused:
        return "orchestrator doctor", "it says which line to mend"
    if not shown.total:
        return _first(shown) if shown.planning else ("orchestrator task add", f"{TODO} has no tasks yet")
    if shown.gate_why:
        return 'orchestrator plan "GOAL"', f"plans anew: checkpoint {shown.gate} was rejected"
    if shown.gate:
        return shown.approve, "nothing starts before a person approves the plan"
    if shown.abandoned and not shown.over:
        return "orchestrator run", "an abandoned run: it carries on where that stopped"
    return _onward(shown)


def _first(shown: Status) -> tuple[str, str]:
    if shown.planning:
        return "orchestrator plan", "goes on with a planning that was cut short"
    return "orchestrator init", "there is no plan here: no TODO.md"


def _onward(shown: Status) -> tuple[str, str]:
    if shown.phase == COMPLETE and shown.edited:
        return "orchestrator run", "takes your edits in"
    if shown.phase == COMPLETE:
        return "orchestrator log", "every task is settled: this is what was done"
    if shown.over:
        return "orchestrator run --budget USD", "carries on, with a larger budget for the whole workflow"
    if shown.phase == BLOCKED:
        return "orchestrator run", f"once `Current phase` in {STATE} is a phase again"
    waited_for = None if shown.ready else _decision(shown)
    return waited_for or ("orchestrator run", f"{shown.total - shown.done} open")


def _decision(shown: Status) -> tuple[str, str] | None:
    """Return what a person can do where nothing may start."""
    if shown.dead:
        return f"orchestrator dlq show {next(iter(shown.dead))}", "nothing can move without a decision on it"
    causes = {why: task for task, why in reversed(list(shown.blocked.items()))}
    if "no spec" in causes:
        return f"orchestrator spec new {causes['no spec']}", "nothing can move without its spec"
    if "its spec is a draft" in causes:
        return f"orchestrator spec show {causes['its spec is a draft']}", "nothing can move while its spec is a draft"
    if "for a person" in causes:
        return "orchestrator task next --claim", "a spec gives it to a person"
    if any(why.startswith("claimed by ") for why in causes):
        return "orchestrator task list", "what could start is claimed"
    return None


def text(shown: Status, now: datetime) -> str:
    """Return the status as a person reads it; at most 24 lines, so that the next command is the 25th."""
    for rows, few in _SIZES:
        lines = _lines(shown, now, rows, few)
        if len(lines) <= _MOST:
            break
    fits = (line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in lines)
    return "\n".join(fits)


def _lines(shown: Status, now: datetime, rows: int, few: int) -> list[str]:
    if not shown.planned:
        lines = ["No plan here: HEAD has no TODO.md.", "`orchestrator init` makes the files."]
    elif shown.problem:
        lines = [f"The documents cannot be read: {one_line(shown.problem)}"]
    else:
        lines = [*_heading(shown), *_bars(shown, rows), "", *_people(shown, few), _last(shown, now)]
    return [*lines, *_stopped(shown, now), *_at_work(shown, few)]


def _heading(shown: Status) -> list[str]:
    dropped = f", {shown.dropped} dropped" if shown.dropped else ""
    return [
        f"{one_line(shown.workflow, 40)}: {shown.phase}, {shown.done} of {shown.total} tasks landed{dropped}",
        "",
    ]


def _bars(shown: Status, most: int) -> Iterator[str]:
    phases = [row for row in shown.phases if row.total or row.current]
    current = next((n for n, row in enumerate(phases) if row.current), len(phases) - 1)
    first = max(0, min(current - most // 2, len(phases) - most))
    rows = phases[first : first + most]
    width = min(40, max((len(row.name) for row in rows), default=0))
    for row in rows:
        filled = _BAR * row.done // row.total if row.total else 0
        bar = "#" * filled + "." * (_BAR - filled)
        mark = "  <-- CURRENT" if row.current else ""
        yield f"  {one_line(row.name, 40):<{width}}  [{bar}] {row.done}/{row.total}{mark}"
    if len(rows) < len(phases):
        yield f"  ... {len(phases)} phases in all"


def _people(shown: Status, few: int) -> Iterator[str]:
    """What waits for a person."""
    if shown.gate_why:
        yield f"checkpoint {shown.gate} was rejected: {one_line(shown.gate_why)}"
    elif shown.gate:
        yield f"checkpoint {shown.gate} waits for approval: read specs/, then approve or reject it"
    asked = [task for task, failure in shown.dead.items() if failure == Failure.UNDECIDED]
    deciding = {task: f"orchestrator dlq show {task}" for task in asked}
    dead = {task: failure for task, failure in shown.dead.items() if task not in deciding}
    yield from _few("waits for your decision: ", deciding, len(deciding), "orchestrator dlq list", few)
    yield from _few("dead letter: ", dead, shown.dead_count - len(deciding), "orchestrator dlq list", few)
    yield from _few("blocked: ", shown.blocked, shown.blocked_count, "orchestrator task list", few)
    yield from _waiting(shown, few)
    if shown.refused:
        edited = "edited, and " if shown.edited else ""
        yield f"{edited}the next run will refuse it: {one_line(shown.refused)}"
    elif shown.edited:
        more = "" if len(shown.edited) <= few else f" and {len(shown.edited) - few} more"
        yield f"edited, taken in by the next run: {', '.join(shown.edited[:few])}{more}"


def _waiting(shown: Status, few: int) -> Iterator[str]:
    """Say what was paid for and is not on the branch yet, in one line."""
    named = [f"{task} (attempt {number})" for task, number in list(shown.waiting.items())[:few]]
    more = shown.waiting_count - len(named)
    if named:
        yield f"waits to land: {', '.join(named)}" + (f" and {more} more" if more else "")


def _few(word: str, found: Mapping[str, str], count: int, rest: str, few: int) -> Iterator[str]:
    for task, why in list(found.items())[:few]:
        yield f"{word}{task}" + (f" ({one_line(why)})" if why else "")
    if count > few:
        yield f"{word}... {count - few} more: {rest}"


def _at_work(shown: Status, few: int) -> list[str]:
    if shown.abandoned:
        return ["an abandoned run: `orchestrator run` carries on"]
    planning = [f"planning, answers so far {shown.answers}: {shown.planning}"] if shown.planning else []
    if shown.leader is None:
        return [f"cut short, `orchestrator plan` goes on: {line}" for line in planning]
    lines = [f"a leader is at work: process {shown.leader.pid}, since {shown.leader.since:%H:%M} UTC"]
    lines += [f"  running: {item.task}, attempt {item.attempt}" for item in shown.running[:few]]
    more = len(shown.running) - few
    return lines + planning + ([f"  ... and {more} more"] if more > 0 else [])


def _stopped(shown: Status, now: datetime) -> Iterator[str]:
    """Say to a person who was not there why the last run stopped."""
    if shown.stopped and shown.stopped_at:
        yield f"the last run stopped, {ago((now - shown.stopped_at).total_seconds())}: {shown.stopped}"
    if shown.stopped_hint:
        yield f"  hint: {shown.stopped_hint}"


def _last(shown: Status, now: datetime) -> str:
    if not shown.checkpoint:
        return f"last checkpoint: none yet{_cost(shown)}"
    age = f", {ago((now - shown.checkpoint_at).total_seconds())}" if shown.checkpoint_at else ""
    return f"last checkpoint: {shown.checkpoint:04d}{age}{_cost(shown)}"


def _cost(shown: Status) -> str:
    if not shown.cost and not shown.budget:
        return ""
    return f"; spent: {shown.cost:.4f}" + (f" of {shown.budget:.4f}" if shown.budget else "") + " USD"


def ago(seconds: float) -> str:
    """Return an age in the largest unit that fits."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
