"""`status`: where the project stands, in at most 25 lines."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestrator import plan as planning
from orchestrator.budget import MICROS, spent_up
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError, OrchestratorError
from orchestrator.models.journal import read
from orchestrator.plaintext import one_line
from orchestrator.plan import Standing
from orchestrator.repo.attempts import load
from orchestrator.repo.refs import head, unfinished
from orchestrator.steps.begun import begun
from orchestrator.steps.chapter import read_stamp
from orchestrator.steps.claim import Claim, claims
from orchestrator.steps.contradictions import (
    refuse_contradictions,
    refuse_early_completion,
    refuse_waiting,
    ticked_by_hand,
)
from orchestrator.steps.ignored import refuse_ignored
from orchestrator.steps.shown import approval
from orchestrator.steps.standing import STATE, TODO, Situation, phases_in, refuse_misplaced, spec_path, waiting
from orchestrator.steps.stopped import stopped
from orchestrator.views.glance import Sources, edited, is_committed, look, phase, workflow
from orchestrator.views.work import Leader, Running, waiting_to_land, work
from orchestrator.workspace import Folders, read_own

_LISTED = 20  # in the data
_GOAL = 200  # characters
_LOOKS, _PAUSE = 10, 0.2  # and seconds between them


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
        waiting: tasks whose last attempt is finished and has not landed, with its number; the first twenty of
            `waiting_count`.
        checkpoint: the last one's number, 0 for none; `checkpoint_at` is its minute.
        edited: documents whose file is not what HEAD has: the next run takes them in.
        refused: why the next run would not take them in, or refuses what HEAD has, with the line; empty else.
        cost: what was spent so far, over all runs, in US dollars; calls under way count at their most.
        budget: what may be spent, 0 for no limit.
        over: why nothing more may be spent; empty while something may.
        gate: the checkpoint that waits for a person; empty where none does.
        gate_why: why it was rejected; empty while it has no answer.
        approve: the command that approves what stands at HEAD.
        planning: the goal of a planning that has not come to its end, in one line; empty where there is none.
        answers: how many answers of a model it has.
        stopped: what ended the last run before its end; empty where nothing did, and while a leader is at work.
        stopped_hint: what to do about it.
        stopped_at: when that was.
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
    waiting: Mapping[str, int] = field(default_factory=dict)
    waiting_count: int = 0
    checkpoint: int = 0
    checkpoint_at: datetime | None = None
    edited: tuple[str, ...] = ()
    refused: str = ""
    cost: float = 0.0
    budget: float = 0.0
    over: str = ""
    gate: str = ""
    gate_why: str = ""
    approve: str = ""
    planning: str = ""
    answers: int = 0
    stopped: str = ""
    stopped_hint: str = ""
    stopped_at: datetime | None = None
    problem: str = ""


def status(sources: Sources) -> Status:
    """Read where the project stands. Nothing is written, and no lock is taken.

    A landing writes its documents before the branch moves: what looks wrong beside a leader is looked at again.
    """
    shown = _status(sources)
    for _ in range(_LOOKS):
        if not shown.refused or shown.leader is None:
            break
        time.sleep(_PAUSE)
        shown = _status(replace(sources))
    return shown


def _status(sources: Sources) -> Status:
    at_work = work(sources)
    spent, left = read(sources.journal).whole(), begun(Folders(sources.root))
    shown = Status(
        planned=True,
        cost=(spent.paid + spent.pending) / MICROS,
        budget=sources.limits.workflow / MICROS,
        over=spent_up(sources.limits.work, spent.paid, "the budget"),
        leader=at_work.leader,
        running=at_work.running[:_LISTED],
        abandoned=bool(at_work.left),
        planning=one_line(left.goal, _GOAL) if left else "",
        answers=left.answers if left else 0,
    )
    last = None if at_work.leader else stopped(Folders(sources.root))
    if last:
        shown = replace(shown, stopped=last.why, stopped_hint=last.hint, stopped_at=last.at)
    try:
        now = look(sources)
        if now is None:
            return replace(shown, planned=False)
        shown = _standing(shown, now, claims(sources.git))  # parses the spec of what may start
    except DocumentError as error:
        return replace(shown, problem=f"{error} ({error.hint})")
    edits, refused = _taken(sources, now)
    finished = waiting_to_land(sources.git, now.ledger, now.unsettled)
    listed = dict(list(finished.items())[:_LISTED])
    shown = replace(shown, waiting=listed, waiting_count=len(finished))
    gate = now.ledger.gate
    if gate is not None and gate.shut:
        shown = replace(shown, gate=gate.name, gate_why=gate.why, approve=approval(sources.git, now.commit, gate))
    return replace(shown, workflow=workflow(sources, now), edited=tuple(edits[:_LISTED]), refused=refused)


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


def _taken(sources: Sources, now: Situation) -> tuple[list[str], str]:
    """Return the documents that the next run takes in, and what it would say against that, or against what HEAD has."""
    edits: dict[str, bytes] = {}
    begun = unfinished(sources.git, sources.git_dir)
    if begun:
        return [], f"{begun[0]} ({begun[1]})"
    try:
        edits = edited(sources, now)
        _refuse(sources, now, edits)
    except OrchestratorError as error:
        return [*edits], f"{error} ({error.hint})"
    except OSError as error:
        return [*edits], f"{error.filename}: {error.strerror}"
    return [*edits], ""


def _refuse(sources: Sources, now: Situation, edits: Mapping[str, bytes]) -> None:
    """Raise what the next run would: it parses what was edited, and holds all against what has landed."""
    if sources.tip:
        head(sources.git)
        refuse_misplaced(sources.git, sources.tip)
    fresh = [spec_path(task) for task in now.plan.specs if task not in now.spec_ids]
    refuse_ignored(sources.git, fresh if is_committed(sources, TODO) else [TODO, *fresh])
    todo = Todo.parse(edits[TODO], TODO) if TODO in edits else now.todo
    state = State.parse(edits[STATE], STATE) if STATE in edits else now.state
    for path in edits.keys() - {TODO, STATE}:
        Spec.parse(edits[path], path)
    for task in set(todo.ids).difference(now.todo.ids) if todo is not now.todo else ():
        data = read_own(sources.root, spec_path(task))
        if data is not None:
            Spec.parse(data, spec_path(task))
    if todo is now.todo and state is now.state:
        refuse_contradictions(todo, state, now.plan, now.landed)
        return
    plan = planning.build(todo, now.plan.specs, sources.phases or phases_in(state), TODO, marked={})
    refuse_contradictions(todo, state, plan, now.ledger.landed)
    if state is not None and state is not now.state:
        refuse_early_completion(state, now.state, plan, now.ledger.landed)
    by_hand = [task for task in ticked_by_hand(todo, now.ledger.landed) if task not in now.todo.ticked]
    refuse_waiting(todo, waiting(lambda task: load(sources.git, task), now.ledger, by_hand))
