"""A plan as the person sees it who is to approve it: what git holds, never what a model said it would."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.plaintext import listed, one_line
from orchestrator.repo.git import Git
from orchestrator.repo.history import APPROVED, REJECTED, walk
from orchestrator.repo.trees import tree_of
from orchestrator.steps.shown import SHORT, approval
from orchestrator.steps.standing import Situation

_MOST = 20
_FILES = 6


@dataclass(frozen=True)
class OpenTask:
    """One task that is still to be done, with the files its spec names."""

    task: str
    title: str
    phase: str
    after: Sequence[str]
    files: Sequence[str]


@dataclass(frozen=True)
class Planned:
    """A plan and its gate.

    Attributes:
        gate: the checkpoint that carries it.
        verdict: `waits`, `approved` or `rejected`.
        tree: the tree that is shown here, which an approval is bound to.
        commit: the one that carries the plan.
        title: the goal, in one line.
        tasks: what is open, in order; the first twenty of `total`.
        landed: how many have landed.
        models: who planned.
        sandbox: the level at which the acceptance commands were tried.
        tokens: what the planning took, as the commit says it; `cost` in US dollars, empty where it is not known.
        approve: the command that approves what is shown; empty where nothing waits.
        changed: whether this call made the plan.
    """

    gate: str
    verdict: str
    tree: str
    commit: str
    title: str
    tasks: Sequence[OpenTask]
    total: int
    landed: int
    models: str
    sandbox: str
    tokens: str
    cost: str
    approve: str
    changed: bool


def planned(git: Git, now: Situation, *, changed: bool) -> Planned:
    """Return the plan at the commit of `now`, which has a gate in its history."""
    gate = now.ledger.gate
    if gate is None:
        raise ValueError("no plan was ever shown here")
    entry = next(walk(git, gate.commit, "-1"))
    left = now.unsettled
    return Planned(
        gate=gate.name,
        verdict=gate.verdict,
        tree=tree_of(git, now.commit)[:SHORT],
        commit=gate.commit,
        title=entry.subject.removeprefix("plan: "),
        tasks=[_task(now, name) for name in left[:_MOST]],
        total=len(left),
        landed=len(now.landed),
        models=entry.get("Planned-by"),
        sandbox=entry.get("Sandbox"),
        tokens=entry.get("Tokens"),
        cost=entry.get("Cost-Usd"),
        approve=approval(git, now.commit, gate) if gate.shut else "",
        changed=changed,
    )


def _task(now: Situation, name: str) -> OpenTask:
    task, spec = now.plan.tasks[name], now.plan.specs.get(name)
    files = tuple(file.path for file in spec.files) if spec else ()
    return OpenTask(name, task.title, now.plan.phase_of[name], task.after, files)


def text(shown: Planned) -> str:
    """Return the plan for a person, bounded."""
    return "\n".join(_lines(shown))


def _lines(shown: Planned) -> Iterator[str]:
    yield f"checkpoint {shown.gate}: {one_line(shown.title)}"
    phase = ""
    for task in shown.tasks:
        if task.phase != phase:
            phase = task.phase
            yield f"  {phase}"
        after = f", after {', '.join(task.after)}" if task.after else ""
        files = listed(task.files, _FILES, ", ") or "no files"
        yield "    " + one_line(f"{task.task}: {task.title} ({files}{after})")
    if shown.total > len(shown.tasks):
        yield f"    and {shown.total - len(shown.tasks)} more: orchestrator task list"
    cost = f", ${shown.cost}" if shown.cost else ""
    yield f"{shown.total} open, {shown.landed} landed; planned by {shown.models} ({shown.tokens} tokens{cost})"
    yield f"acceptance commands were tried here, sandbox: {shown.sandbox}"
    if shown.verdict == APPROVED:
        yield "nothing waits for a person"
    else:
        rejected = " (rejected)" if shown.verdict == REJECTED else ""
        yield f"nothing starts before a person approves it{rejected}: the specs are in specs/"


def following(shown: Planned) -> Iterator[tuple[str, str]]:
    """Yield the commands worth running next, each with why."""
    if shown.approve:
        yield shown.approve, "lets `orchestrator run` begin"
        yield f"orchestrator reject {shown.gate} -m WHY", "the next `orchestrator plan` reads why"
    else:
        yield "orchestrator run", "carries the plan out"
