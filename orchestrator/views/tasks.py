"""The task list: each task's mark, phase and what it waits for; and the first one that somebody may take."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator import plan as planning
from orchestrator.plan import Plan, Standing
from orchestrator.repo.git import Git
from orchestrator.repo.history import NOTHING, Gate, Ledger, ledger
from orchestrator.repo.refs import resolve
from orchestrator.steps import desk as desks
from orchestrator.steps.claim import Claim, at_work, claims
from orchestrator.steps.standing import spec_path, stated_phase
from orchestrator.views.work import leader, waiting_to_land
from orchestrator.workspace import Folders

MOST = 20
_MARKS = {"done": "x", "dropped": "-"}


@dataclass(frozen=True)
class TaskRow:
    """One task: `status` is done, dropped, dead, claimed, running, stopped, waiting, ready, or blocked (by `why`)."""

    id: str
    title: str
    phase: str
    status: str
    why: str
    after: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class TaskList:
    """The tasks shown, how many there are of each status, and the phase the work is in."""

    phase: str
    total: int
    counts: Mapping[str, int]
    tasks: tuple[TaskRow, ...]


@dataclass(frozen=True)
class Board:
    """What decides who may take what: the plan, where each task stands, who has claimed which, the newest gate.

    Attributes:
        stuck: the tasks that cannot start until a person acts, each with the reason.
        faults: what is wrong with documents that cannot be taken, by path.
        led: whether somebody leads now.
    """

    plan: Plan
    standing: Standing
    phase: str
    claims: Mapping[str, Claim]
    gate: Gate | None = None
    stuck: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    led: bool = False


@dataclass(frozen=True)
class NextTask:
    """The first task that may start; empty when there is none, and `why` says what holds the rest up.

    Attributes:
        changed: whether it was claimed by this call.
        files: what its spec lets it modify.
    """

    task: str
    title: str
    spec: str
    files: tuple[str, ...]
    who: str
    changed: bool
    why: Mapping[str, str]


def history(git: Git) -> Ledger:
    """Return what the history says, nothing where there is no commit yet."""
    tip = resolve(git, "HEAD")
    return ledger(git, tip) if tip else NOTHING


def board(root: Path, git: Git, phases: tuple[str, ...], lock: Path) -> Board:
    """Read how things stand from the person's files and the history; `lock` is the file of who leads.

    Raises:
        OrchestratorError: there is no plan, or it cannot be taken.
    """
    desk, _, plan = desks.required(git, phases)
    known = history(git)
    taken = {task: made for task, made in claims(git).items() if task in plan.tasks}
    standing = desk.standing(known)
    waiting = frozenset(waiting_to_land(git, known, standing.unsettled(plan)))
    running = at_work(Folders(root).worktrees) | set(taken)
    standing = replace(standing, running=frozenset(running), waiting=waiting)
    phase = planning.current_phase(plan, standing, stated_phase(desk.state, plan))
    faults = {fault.where.partition(":")[0]: str(fault) for fault in desk.faults}
    led = leader(lock) is not None
    return Board(plan, standing, phase, taken, known.gate, planning.stuck(plan, standing), faults, led)


def is_led(root: Path, git: Git, phases: tuple[str, ...], lock: Path, task: str) -> bool:
    """Whether a leader is at work on `task`, or has been by now."""
    # In this order: an attempt is recorded before its worktree goes.
    if task in at_work(Folders(root).worktrees):
        return True
    standing = board(root, git, phases, lock).standing
    return task in standing.waiting or standing.settled(task)


def task_list(now: Board, *, everything: bool) -> TaskList:
    """List the tasks in plan order: at most twenty, the settled ones left out first, unless `everything`."""
    rows = [_row(now, task) for task in now.plan.tasks]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    shown = rows if everything or len(rows) <= MOST else [row for row in rows if row.status not in _MARKS][:MOST]
    return TaskList(now.phase, len(rows), counts, tuple(shown))


def _row(now: Board, name: str) -> TaskRow:
    task, phase = now.plan.tasks[name], now.plan.phase_of[name]
    status, why = _status(now, name)
    return TaskRow(name, task.title, phase, status, why, task.after, task.line)


def _status(now: Board, task: str) -> tuple[str, str]:
    standing = now.standing
    if task in now.claims and not standing.settled(task):
        return "claimed", f"by {now.claims[task].who} on {now.claims[task].host}, {now.claims[task].when}"
    groups: dict[str, Collection[str]] = {
        "done": standing.done,
        "dropped": standing.dropped,
        "dead": standing.dead,
        "running": standing.running,
        "waiting": standing.waiting,
    }
    held = next((name for name, group in groups.items() if task in group), "")
    if held == "running" and not now.led:
        return "stopped", "orchestrator run carries on"
    if held:
        return held, f"orchestrator dlq show {task}" if held == "dead" else ""
    why = _blocked(now, task)
    return ("blocked", why) if why else ("ready", "")


def _blocked(now: Board, task: str) -> str:
    missing = [name for name in now.plan.tasks[task].after if name not in now.standing.done]
    if missing:
        return f"after {', '.join(missing)}"
    if spec_path(task) in now.faults:
        return now.faults[spec_path(task)]
    if task not in now.plan.specs:
        return f"no spec: orchestrator spec new {task}"
    if task in now.plan.drafts:
        return now.stuck.get(task, "")
    if now.gate is not None and now.gate.shut:
        return f"checkpoint {now.gate.name} is not approved"
    order = [*now.plan.phases, planning.COMPLETE]
    if now.phase == planning.BLOCKED:
        return "the workflow is BLOCKED"
    ahead = order.index(now.plan.phase_of[task]) > order.index(now.phase)
    return f"{now.phase} comes first" if ahead else ""


def first_ready(now: Board) -> str:
    """Return the first task that may start beside all that runs or is claimed; empty when there is none."""
    return next(iter(planning.ready(now.plan, now.standing, now.phase, 1, by_hand=True)), "")


def next_task(now: Board, task: str, who: str = "", *, changed: bool = False) -> NextTask:
    """Return what the one who takes `task` needs to know; for no task, why there is none."""
    if not task:
        rows = [_row(now, name) for name in now.plan.tasks if not now.standing.settled(name)]
        why = {row.id: f"{row.status} {row.why}".strip() for row in rows[:MOST]}
        return NextTask("", "", "", (), "", changed, why)
    files = tuple(file.path for file in now.plan.specs[task].files)
    return NextTask(task, now.plan.tasks[task].title, spec_path(task), files, who, changed, {})


def list_text(tasks: TaskList) -> str:
    """Return the list as lines: mark, id, status, phase, title."""
    counted_ = ", ".join(f"{number} {status}" for status, number in tasks.counts.items())
    head = f"{tasks.phase}: {tasks.total} tasks" + (f" ({counted_})" if counted_ else "")
    width = max((len(row.id) for row in tasks.tasks), default=0)
    return "\n".join([head, *(_line(row, width) for row in tasks.tasks)])


def _line(row: TaskRow, width: int) -> str:
    why = f" ({row.why})" if row.why else ""
    return f"[{_MARKS.get(row.status, ' ')}] {row.id:<{width}}  {row.status:<8} {row.phase:<13} {row.title}{why}"


def next_text(found: NextTask) -> str:
    """Return the task to take up, or why there is none."""
    if not found.task:
        waits = "\n".join(f"  {task}: {why}" for task, why in found.why.items())
        return "nothing may start now\n" + waits if waits else "nothing is left to do"
    head = f"{found.task}: {found.title}" + (f" (claimed by {found.who})" if found.who else "")
    return "\n".join([head, f"spec: {found.spec}", "files:", *(f"  {path}" for path in found.files)])
