"""`status`: where the project stands, in at most 25 lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestrator import plan as planning
from orchestrator.budget import MICROS
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError, OrchestratorError
from orchestrator.models.journal import read
from orchestrator.plaintext import one_line
from orchestrator.plan import Standing
from orchestrator.repo.attempts import load
from orchestrator.steps.begun import begun
from orchestrator.steps.chapter import read_stamp
from orchestrator.steps.claim import Claim, claims
from orchestrator.steps.contradictions import refuse_contradictions, refuse_waiting, ticked_by_hand
from orchestrator.steps.shown import approval
from orchestrator.steps.standing import STATE, TODO, Situation, phases_in, waiting
from orchestrator.views.glance import Sources, look, own_bytes, phase, workflow
from orchestrator.views.work import Leader, Running, work
from orchestrator.workspace import Folders, read_own

_LISTED = 20  # in the data
_GOAL = 200  # characters


@dataclass(frozen=True)
class PhaseCount:
    """How far a phase is."""

    name: str
    done: int
    total: int
    current: bool


@dataclass(frozen=True)
class Status:
    """Where the project stands; counts are of tasks.

    Attributes:
        planned: whether there is a plan at all.
        leader: who leads now, None when nobody does.
        running: attempts at work.
        abandoned: nobody leads, and a run left worktrees behind.
        dead: dead letters with their last failure; the first twenty of `dead_count`.
        blocked: tasks that wait for a person or for one that does; the first twenty of `blocked_count`.
        checkpoint: the last one's number, 0 for none; `checkpoint_at` is its minute.
        edited: documents whose file is not what HEAD has: the next run takes them in.
        refused: why the next run would not take them in, with the line; empty when it would.
        cost: what was spent so far, over all runs, in US dollars; calls under way count at their most.
        budget: what may be spent, 0 for no limit.
        gate: the checkpoint that waits for a person; empty where none does.
        gate_why: why it was rejected; empty while it has no answer.
        approve: the command that approves what stands at HEAD.
        planning: the goal of a planning that has not come to its end, in one line; empty where there is none.
        answers: how many answers of a model it has.
        problem: what keeps the documents from being read, as `file:line: what`.
    """

    planned: bool
    workflow: str = ""
    phase: str = ""
    phases: tuple[PhaseCount, ...] = ()
    done: int = 0
    total: int = 0
    dropped: int = 0
    leader: Leader | None = None
    running: tuple[Running, ...] = ()
    abandoned: bool = False
    dead: Mapping[str, str] = field(default_factory=dict)
    dead_count: int = 0
    blocked: Mapping[str, str] = field(default_factory=dict)
    blocked_count: int = 0
    ready: bool = False
    checkpoint: int = 0
    checkpoint_at: datetime | None = None
    edited: tuple[str, ...] = ()
    refused: str = ""
    cost: float = 0.0
    budget: float = 0.0
    gate: str = ""
    gate_why: str = ""
    approve: str = ""
    planning: str = ""
    answers: int = 0
    problem: str = ""


def status(sources: Sources) -> Status:
    """Read where the project stands. Nothing is written, and no lock is taken."""
    at_work = work(sources)
    spent, left = read(sources.journal).whole(), begun(Folders(sources.root))
    shown = Status(
        planned=True,
        cost=(spent.paid + spent.pending) / MICROS,
        budget=sources.budget,
        leader=at_work.leader,
        running=at_work.running[:_LISTED],
        abandoned=at_work.abandoned,
        planning=one_line(left.goal, _GOAL) if left else "",
        answers=left.answers if left else 0,
    )
    try:
        now = look(sources)
    except DocumentError as error:
        return replace(shown, problem=f"{error} ({error.hint})")
    if now is None:
        return replace(shown, planned=False)
    edited = tuple(_edited(sources, now))
    shown = _standing(shown, now, claims(sources.git))
    refused = _refused(sources, now) if edited else ""
    gate = now.ledger.gate
    if gate is not None and gate.shut:
        shown = replace(shown, gate=gate.name, gate_why=gate.why, approve=approval(sources.git, now.commit, gate))
    return replace(shown, workflow=workflow(sources, now), edited=edited, refused=refused)


def _standing(shown: Status, now: Situation, taken: Mapping[str, Claim]) -> Status:
    standing = now.standing()
    current = phase(now, standing)
    stuck = planning.stuck(now.plan, standing)
    blocked = {task: why for task, why in stuck.items() if task not in standing.dead}
    claimed = {task: made.who for task, made in taken.items() if task in now.plan.tasks and not standing.settled(task)}
    blocked |= {task: f"claimed by {who}; orchestrator task release {task}" for task, who in claimed.items()}
    startable = planning.ready(now.plan, replace(standing, held=frozenset(claimed)), current, 1, among=now.unsettled)
    dead = sorted(standing.dead, key=lambda task: now.plan.order[task])
    return replace(
        shown,
        phase=current,
        phases=tuple(_phases(now, standing, current)),
        done=len(standing.done),
        total=len(now.plan.tasks) - len(standing.dropped),
        dropped=len(standing.dropped),
        dead={task: _failure(now, task) for task in dead[:_LISTED]},
        dead_count=len(dead),
        blocked=dict(list(blocked.items())[:_LISTED]),
        blocked_count=len(blocked),
        ready=bool(startable),
        checkpoint=now.ledger.checkpoint,
        checkpoint_at=read_stamp(now.state.last_checkpoint) if now.state else None,
    )


def _phases(now: Situation, standing: Standing, current: str) -> Iterator[PhaseCount]:
    for name, (done, total) in planning.counts(now.plan, standing).items():
        yield PhaseCount(name, done, total, name == current)


def _failure(now: Situation, task: str) -> str:
    rows = now.results[task].attempts
    return rows[-1].failure if rows else ""


def _edited(sources: Sources, now: Situation) -> Iterator[str]:
    before = {TODO: now.todo.render(), STATE: now.state.render() if now.state else b""}
    for path, data in before.items():
        name, own = own_bytes(sources, (path,))
        if name and own != data and _lines(own) != _lines(data):
            yield path


def _refused(sources: Sources, now: Situation) -> str:
    """Return what the next run would say of TODO.md and the state file as they stand on the disk."""
    try:
        todo, state = (read_own(sources.root, path) for path in (TODO, STATE))
        tasks = now.todo if todo is None else Todo.parse(todo, TODO)
        stated = now.state if state is None else State.parse(state, STATE)
        plan = planning.build(tasks, now.plan.specs, sources.phases or phases_in(stated), TODO, marked={})
        refuse_contradictions(tasks, stated, plan, now.ledger.landed)
        by_hand = [task for task in ticked_by_hand(tasks, now.ledger.landed) if task not in now.todo.ticked]
        refuse_waiting(tasks, waiting(lambda task: load(sources.git, task), now.ledger, by_hand))
    except OrchestratorError as error:
        return f"{error} ({error.hint})"
    return ""


def _lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")
