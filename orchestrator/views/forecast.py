"""What a run would do now: what starts, lands, is skipped or is stuck; edits not taken in yet count."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import plan as planning
from orchestrator.budget import MICROS, spent_up
from orchestrator.config import Config
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.models.journal import read
from orchestrator.plan import COMPLETE, Plan, Standing
from orchestrator.repo.attempts import Attempt, Fate, load
from orchestrator.repo.git import Git
from orchestrator.repo.history import ledger
from orchestrator.repo.refs import head, unfinished
from orchestrator.repo.trees import blobs, entries
from orchestrator.steps.claim import claims
from orchestrator.steps.desk import left_out
from orchestrator.steps.ignored import refuse_ignored
from orchestrator.steps.shown import waits
from orchestrator.steps.standing import SPECS, STATE, TODO, Situation, counted, phases_in, refuse_misplaced, spec_path
from orchestrator.views.glance import Sources
from orchestrator.views.work import leader
from orchestrator.workspace import read_own

_RESULT = ".result.md"
_MOST = 20


@dataclass(frozen=True)
class Start:
    """A task that would start at once, and the agent that would do it."""

    task: str
    agent: str


@dataclass(frozen=True)
class Estimate:
    """What a run may cost, in US dollars, from what this project's own tasks have cost.

    Attributes:
        tasks: how many would be worked at.
        each: what a task that landed has cost on the average, all of its attempts together.
        known: how many such tasks that is the average of.
        cost: what the run may cost.
        spent: what is spent already, over all runs.
        budget: what may be spent in all, 0 for no limit.
    """

    tasks: int
    each: float
    known: int
    cost: float
    spent: float
    budget: float


@dataclass(frozen=True)
class Forecast:
    """What a run would do.

    Attributes:
        phase: the phase it would begin in.
        start: starts at once, in this order.
        land: an attempt has finished: verified and landed, not run again.
        later: starts later in the same run; task to what it waits for.
        stuck: cannot start until a person acts; task to why.
        done: landed or dropped: skipped.
        dead: dead letters: skipped.
        problems: what would stop the run before it starts anything.
        estimate: what it may cost; None where nothing of this project has a known cost.
    """

    phase: str
    start: Sequence[Start]
    land: Sequence[str]
    later: Mapping[str, str]
    stuck: Mapping[str, str]
    done: Sequence[str]
    dead: Sequence[str]
    problems: Sequence[str]
    estimate: Estimate | None


def forecast(sources: Sources, config: Config, until: str = "") -> Forecast:
    """Work out what a run would do, from the branch and the files as they stand; nothing is written.

    Raises:
        OrchestratorError: there is no plan, or `until` is no phase of it.
        DocumentError: a document cannot be taken.
    """
    git = sources.git
    now = _situation(git, sources.root, config)
    attempts = load(git)
    rows = {task: counted(attempts, now.ledger, task) for task in now.plan.tasks}
    finished = [task for task, mine in rows.items() if mine and mine[-1].fate is Fate.FINISHED]
    bare = now.standing()
    land = [task for task in finished if not bare.settled(task) and task not in bare.dead]
    taken = {task: made.who for task, made in claims(git).items() if not bare.settled(task)}
    standing = replace(bare, waiting=frozenset(land), running=frozenset(taken))
    phase = planning.current_phase(now.plan, standing, now.phase)
    over = _is_past(now.plan, phase, until)
    chosen = () if over else planning.ready(now.plan, standing, phase, config.jobs)
    later = _later(now.plan, standing, phase, chosen)
    start = [Start(task, now.plan.specs[task].agent or config.worker) for task in chosen]
    return Forecast(
        phase=phase,
        start=start,
        land=land,
        later=later,
        stuck={task: why for task, why in planning.stuck(now.plan, standing).items() if task not in bare.dead}
        | {task: f"claimed by {who}" for task, who in taken.items()},
        done=[task for task in now.plan.tasks if standing.settled(task)],
        dead=sorted(bare.dead),
        problems=[*_problems(sources, config, now)]
        + [f"{item.task}: {why}" for item in start if (why := _no_agent(item.agent, config))],
        estimate=_estimate(attempts, now.ledger.landed, len(chosen) + len(later), config.budget, sources.journal),
    )


def _problems(sources: Sources, config: Config, now: Situation) -> Iterator[str]:
    """Yield what keeps any task from starting."""
    begun, by = unfinished(sources.git, sources.git_dir), leader(sources.lock)
    if gate := waits(now.ledger.gate):
        yield gate
    if by:
        yield f"process {by.pid} leads already; what it is at work on is counted here as if it were not"
    if begun:
        yield f"{begun[0]}: {begun[1]}"
    if spent := spent_up(config.limits.work, read(sources.journal).whole().paid, "the budget"):
        yield spent


def _estimate(
    attempts: Sequence[Attempt], landed: Collection[str], tasks: int, budget: float, journal: Path
) -> Estimate | None:
    costs: dict[str, int] = {}
    for attempt in attempts:
        if attempt.micros and attempt.task in landed:
            costs[attempt.task] = costs.get(attempt.task, 0) + attempt.micros
    if not costs:
        return None
    each = sum(costs.values()) / len(costs) / MICROS
    return Estimate(tasks, each, len(costs), tasks * each, read(journal).all.micros / MICROS, budget)


def _situation(git: Git, root: Path, config: Config) -> Situation:
    commit = head(git).commit
    refuse_misplaced(git, commit)
    found = _documents(git, commit, root)
    if TODO not in found:
        raise OrchestratorError(
            "there is no plan here: no TODO.md",
            hint="orchestrator init, then write tasks into TODO.md and specs/",
            code=Exit.PRECONDITION,
        )
    todo = Todo.parse(found[TODO], TODO)
    state = State.parse(found[STATE], STATE) if STATE in found else None
    files = {path.removeprefix(SPECS): path for path in found if path.startswith(SPECS)}
    results = {
        name.removesuffix(_RESULT): Result.parse(found[path], path)
        for name, path in files.items()
        if name.endswith(_RESULT)
    }
    specs = {
        name.removesuffix(".md"): Spec.parse(found[path], path)
        for name, path in files.items()
        if not name.endswith(_RESULT)
    }
    plan = planning.build(todo, specs, config.phases or phases_in(state), TODO)
    refuse_ignored(git, [TODO, *map(spec_path, todo.ids)])
    return Situation(commit, todo, state, plan, ledger(git, commit), results, {})


def _documents(git: Git, commit: str, root: Path) -> dict[str, bytes]:
    """Return the documents as a run would take them in: the files; deleted ones, save specs, as committed."""
    committed = {
        path: entry.blob
        for path, entry in entries(git, commit, [TODO, STATE, SPECS.rstrip("/")]).items()
        if path.endswith(".md")
    }
    kept = blobs(git, set(committed.values()))
    here = {f"{SPECS}{path.name}" for path in (root / SPECS).glob("*.md")}
    found: dict[str, bytes] = {}
    absent = left_out(git)
    for path in sorted({TODO, STATE, *committed, *here}):
        data = read_own(root, path)
        wholesale = not (root / TODO).exists()
        if data is not None:
            found[path] = data
        elif path in committed and (
            wholesale or path in absent or not path.startswith(SPECS) or path.endswith(_RESULT)
        ):
            found[path] = kept[committed[path]]
    return found


def _is_past(plan: Plan, phase: str, until: str) -> bool:
    if not until:
        return False
    wanted = planning.match_phase(until, plan.phases)
    if wanted is None:
        raise OrchestratorError(f"{until!r} is no phase", hint=f"one of: {', '.join(plan.phases)}", code=Exit.USAGE)
    return phase == COMPLETE or (phase in plan.phases and plan.phases.index(phase) > plan.phases.index(wanted))


def _later(plan: Plan, standing: Standing, phase: str, chosen: Sequence[str]) -> dict[str, str]:
    """Return the tasks that a run would come to, each with the first thing it waits for."""
    stuck = planning.stuck(plan, standing)
    waits = {}
    for task in plan.tasks.values():
        if standing.settled(task.id) or task.id in {*stuck, *standing.waiting, *chosen}:
            continue
        before = [name for name in task.after if name not in standing.done]
        if before:
            waits[task.id] = f"after {', '.join(before)}"
        elif phase == planning.BLOCKED:
            waits[task.id] = "the workflow is BLOCKED"
        elif phase in plan.phases and plan.phases.index(plan.phase_of[task.id]) > plan.phases.index(phase):
            waits[task.id] = f"phase {plan.phase_of[task.id]}"
        else:
            waits[task.id] = _held_up(plan, task.id, [*standing.waiting, *chosen])
    return waits


def _held_up(plan: Plan, task: str, busy: Sequence[str]) -> str:
    # The spec of one that waits to be landed may be gone by now.
    known = [other for other in busy if other in plan.specs]
    meets = next((other for other in known if planning.overlap(plan.specs[task], plan.specs[other])), "")
    return f"shares files with {meets}" if meets else "a free slot"


def _no_agent(name: str, config: Config) -> str:
    if name in config.agents:
        return ""
    return f"there is no agent {name!r}" if name else "no agent is configured as the worker"


def text(found: Forecast) -> str:
    """Return the forecast for a person, bounded."""
    return "\n".join(_lines(found))


def _lines(found: Forecast) -> Iterator[str]:
    if not (found.start or found.land or found.later or found.stuck):
        yield f"phase {found.phase}: nothing to do"
    else:
        yield f"phase {found.phase}: {len(found.start)} would start now"
    yield from _some([f"  start {item.task} ({item.agent or 'no agent'})" for item in found.start])
    yield from _some([f"  verify and land {task}: its attempt has finished" for task in found.land])
    yield from _some([f"  later {task}: {why}" for task, why in found.later.items()])
    yield from _some([f"  stuck {task}: {why}" for task, why in found.stuck.items()])
    yield from _some([f"  problem {problem}" for problem in found.problems])
    yield from _costs(found.estimate)
    if found.done:
        yield f"  skip {len(found.done)} done: {_names(found.done)}"
    if found.dead:
        yield f"  skip {len(found.dead)} dead: {_names(found.dead)}"


def _costs(estimate: Estimate | None) -> Iterator[str]:
    if estimate is None or not estimate.tasks:
        return
    tasks = f"{estimate.tasks} task{'s' if estimate.tasks > 1 else ''}"
    mean = f"{tasks} at {estimate.each:.4f} USD, the mean of the {estimate.known} so far"
    yield f"  may cost {estimate.cost:.4f} USD: {mean}"
    if estimate.budget and estimate.spent + estimate.cost > estimate.budget:
        yield f"  over budget: {estimate.spent:.4f} of {estimate.budget:.4f} USD are spent"


def _names(tasks: Sequence[str]) -> str:
    return ", ".join(tasks[:_MOST]) + (" ..." if len(tasks) > _MOST else "")


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"  and {len(lines) - _MOST} more"
