"""How a run ended: what landed, what is dead or stuck and why, and what a person can do about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.plan import BLOCKED, COMPLETE
from orchestrator.views.plain_lines import short

_MOST = 20


@dataclass(frozen=True)
class Landing:
    """A task that landed, and the commit that carries it."""

    task: str
    commit: str


@dataclass(frozen=True)
class Ending:
    """A run's report.

    Attributes:
        phase: the phase the workflow is in now; COMPLETE when all is done.
        landed: what this run landed, oldest first.
        dead: every dead letter, also older ones.
        stuck: open task to the reason why it cannot start.
        conflicts: the dead letters that a person's decision about a conflict would free.
        stopped: the signal that ended the run, 0 for none.
        changed: whether this run landed anything.
        over_budget: why nothing more may be spent; empty while something may.
        cost: what was spent, over all runs, in US dollars.
        gate: the checkpoint that a person has not approved, so that nothing was started; empty where none waits.
        unable: what an agent lacks that cannot work here, so that its tasks wait for another run; empty where all can.
    """

    phase: str
    landed: Sequence[Landing]
    dead: Sequence[str]
    stuck: Mapping[str, str]
    conflicts: Sequence[str]
    stopped: int
    changed: bool
    over_budget: str = ""
    cost: float = 0.0
    gate: str = ""
    unable: str = ""


def text(ending: Ending) -> str:
    """Return the report for a person, bounded."""
    return "\n".join(_lines(ending))


def _lines(ending: Ending) -> Iterator[str]:
    if ending.phase == COMPLETE and not ending.landed:
        yield "nothing to do: every task is done"
        return
    yield f"phase {ending.phase}: {len(ending.landed)} landed" + (", stopped on request" if ending.stopped else "")
    if ending.gate:
        yield f"  checkpoint {ending.gate} waits for a person: nothing starts before it is approved"
    if ending.over_budget:
        yield f"  over budget: {ending.over_budget}"
    yield from _some([f"  landed {item.task} as {short(item.commit)}" for item in ending.landed])
    yield from _some([f"  {_name(ending, task)}: {task}" for task in ending.dead])
    others = {task: why for task, why in ending.stuck.items() if task not in ending.dead}
    yield from _some([f"  stuck: {task}: {why}" for task, why in others.items()])


def _name(ending: Ending, task: str) -> str:
    return "waits for your decision" if task in ending.conflicts else "dead letter"


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"  and {len(lines) - _MOST} more"


def following(ending: Ending) -> Iterator[tuple[str, str]]:
    """Yield the commands worth running next, each with why."""
    if ending.stopped:
        yield "orchestrator run", "carries on from here"
        return
    if ending.gate:
        yield "orchestrator status", f"shows what waits, and how to answer: approve or reject {ending.gate}"
        return
    if ending.over_budget and ending.phase != COMPLETE:
        yield "orchestrator run --budget USD", "carries on, with a larger budget for the whole workflow"
    for task in ending.dead[:3]:
        why = "it waits for your decision" if task in ending.conflicts else "why it failed"
        yield f"orchestrator dlq show {task}", why
    missing = [task for task, why in ending.stuck.items() if why == "no spec"]
    for task in missing[:3]:
        yield f"orchestrator spec new {task}", "it has no spec yet"
    if "for a person" in ending.stuck.values():
        yield "orchestrator task next --claim", "a spec gives it to a person"
    if ending.phase == BLOCKED:
        yield (
            "orchestrator status",
            "the workflow is BLOCKED: set `Current phase` in workflow-state.md to go on",
        )
    elif ending.phase == COMPLETE:
        yield "orchestrator log", "what was done, commit by commit"
    elif not ending.stuck and not ending.over_budget and not ending.unable:
        yield "orchestrator run", "carries on with the next phase"
