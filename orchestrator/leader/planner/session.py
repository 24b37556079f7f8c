"""A planning from start to end: what is there, what is asked, what is written; again after a kill, or what lands."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from orchestrator.agents.roster import planner
from orchestrator.config import AgentConfig
from orchestrator.errors import OrchestratorError
from orchestrator.leader.planner import checks, memory, papers
from orchestrator.leader.planner.asking import Matter
from orchestrator.leader.planner.memory import Memory
from orchestrator.leader.planner.papers import Known
from orchestrator.leader.planner.planning import Drafted, NoPlanError, Planning
from orchestrator.leader.planner.reading import Repository, repository
from orchestrator.leader.recovery import recover
from orchestrator.plaintext import one_line
from orchestrator.repo.checkout import BranchMovedError
from orchestrator.repo.history import REJECTED, WAITS, Gate, walk
from orchestrator.repo.trees import Entry, entries, tree_of, upwards
from orchestrator.sandbox import Policy
from orchestrator.steps.claim import claims
from orchestrator.steps.planned import Decision, write_plan
from orchestrator.steps.project import Project
from orchestrator.steps.standing import SPECS, TODO, Library, Situation, situation
from orchestrator.steps.take_in import adopt_ticks, take_in
from orchestrator.steps.trial import trial

_TRIES = 5  # on a branch that somebody else moves
DRAWN = 3  # plans made for one goal while what lands makes each of them impossible


@dataclass(frozen=True)
class Made:
    """The commit that carries the plan; `changed` is False where it was there before."""

    commit: str
    changed: bool


@dataclass(frozen=True)
class Drawn:
    """A plan that is not written down yet.

    Attributes:
        matter: what it was made for.
        draft: the plan.
        level: the sandbox in which its acceptance commands were tried.
    """

    matter: Matter
    draft: Drafted
    level: str


def make(project: Project, goal: str, cancel: threading.Event, *, gate: bool = True) -> Made:
    """Plan for `goal` and commit the plan; with a `gate` nothing starts before a person has approved it.

    Raises:
        OrchestratorError: no model plans, it has no answer that can be taken, or a document is in the way.
    """
    planner(project.config)
    recover(project)
    take_in(project)
    now = _now(project, project.checkout.tip())
    if now is not None:
        adopt_ticks(project, now)
    made = waiting(project, goal)
    for _ in range(DRAWN):
        made = made or put_down(project, draw(project, goal, cancel), gate=gate)
    if made is None:
        raise overtaken()
    return made


def overtaken() -> OrchestratorError:
    """Return the error of a goal whose plans were each made impossible by what landed meanwhile."""
    return OrchestratorError(
        f"no plan: what landed meanwhile contradicted each of {DRAWN}",
        hint='orchestrator plan "GOAL"   # again, once less is going on',
    )


def waiting(project: Project, goal: str) -> Made | None:
    """Return the plan for `goal` that waits for a person already, if there is one."""
    now = _now(project, project.checkout.tip())
    gate = now.ledger.gate if now else None
    if gate is None or gate.verdict != WAITS or _goal(project, gate) != memory.digest(goal):
        return None
    memory.forget(project.folders)
    return Made(gate.commit, changed=False)


def draw(project: Project, goal: str, cancel: threading.Event) -> Drawn:
    """Plan for `goal` from what the branch has now; nothing is written to it. Work may go on beside.

    Raises:
        OrchestratorError: no model plans, or it has no answer that can be taken.
    """
    base = project.checkout.tip()
    return _draft(project, planner(project.config), base, _now(project, base), goal, cancel)


def put_down(project: Project, drawn: Drawn, *, gate: bool, running: Sequence[str] = ()) -> Made | None:
    """Commit a plan on top of what the branch has by now; what landed meanwhile stays as it is, `running` goes on.

    Returns None where that contradicts the plan: another one must be drawn.

    Raises:
        OrchestratorError: a document is in the way, or the branch does not keep still.
    """
    for more in reversed(range(_TRIES)):
        base = project.checkout.tip()
        fitted = _fitted(project, base, drawn)
        if fitted is None:
            return None
        try:
            commit = write_plan(project, base, replace(_decision(fitted), waits=gate), running)
        except BranchMovedError:
            if not more:
                raise
        else:
            memory.forget(project.folders)
            return Made(commit, changed=True)
    return None


def _fitted(project: Project, base: str, drawn: Drawn) -> Drawn | None:
    """Return the plan for what is known at `base`, without the tasks it drops that are not open any more."""
    tree = entries(project.git, base)
    known = _known(project, tree, _now(project, base))
    if known == drawn.matter.known:
        return drawn
    outline, specs = drawn.draft.outline, drawn.draft.specs
    outline = replace(outline, drop=tuple(task for task in outline.drop if task in known.open))
    if not checks.fits(known, outline, specs):
        return None
    return replace(drawn, matter=replace(drawn.matter, known=known), draft=replace(drawn.draft, outline=outline))


def _now(project: Project, base: str) -> Situation | None:
    if TODO not in entries(project.git, base, [TODO]):
        return None
    return situation(project.git, base, Library(), project.config.phases)


def _goal(project: Project, gate: Gate) -> str:
    return next(walk(project.git, gate.commit, "-1")).get("Goal-Sha")


def _draft(
    project: Project,
    agent: AgentConfig,
    base: str,
    now: Situation | None,
    goal: str,
    cancel: threading.Event,
) -> Drawn:
    tree = entries(project.git, base)
    there = repository(project.git, tree)
    matter = _matter(project, there, _known(project, tree, now), now, goal)
    facts = (tree_of(project.git, base), asdict(agent), project.config.verify, project.config.reading, matter.refused)
    kept = Memory.of(project.folders, goal, *facts)
    with trial(project, base, Policy(agent.sandbox), cancel) as tried:
        planning = Planning(
            agent=agent,
            models=project.models,
            memory=kept,
            matter=matter,
            repository=there,
            trial=tried,
            cancel=cancel,
            told=_telling(project),
        )
        try:
            return Drawn(matter, planning.draft(), str(tried.confined.chosen.level))
        except NoPlanError:
            memory.forget(project.folders)
            raise


def _telling(project: Project) -> Callable[[str], None]:
    return lambda step: project.say("plan.asking", step=step)


def _matter(project: Project, there: Repository, known: Known, now: Situation | None, goal: str) -> Matter:
    config = project.config
    gate = now.ledger.gate if now else None
    return Matter(
        goal=goal,
        sight=there.look(goal, config.reading),
        known=known,
        verify=config.verify,
        refused=gate.why if gate and gate.verdict == REJECTED else "",
    )


def _known(project: Project, tree: dict[str, Entry], now: Situation | None) -> Known:
    files, phases = frozenset(repository(project.git, tree).files), project.config.phases
    specs = frozenset(up for path in tree if path.startswith(SPECS) for up in upwards(path))
    if now is None:
        return Known(files, phases, specs=specs)
    fixed = now.plan.phases if now.plan.tasks or now.state else phases
    dead = dict.fromkeys(now.standing().dead, "a dead letter: its attempts are spent")
    taken = {task: f"claimed by {claim.who}" for task, claim in claims(project.git).items()}
    return Known(
        files=files,
        phases=fixed,
        plan=now.plan,
        todo=now.todo,
        landed=frozenset(now.landed),
        open=tuple(now.unsettled),
        remarks={**dead, **taken},
        ever=now.ledger.landed,
        specs=specs,
    )


def _decision(drawn: Drawn) -> Decision:
    matter, draft = drawn.matter, drawn.draft
    todo, plan = papers.whole(matter.known, draft.outline, draft.contracts)
    return Decision(
        title=one_line(matter.goal),
        goal=memory.digest(matter.goal),
        summary=draft.outline.summary,
        todo=todo,
        plan=plan,
        contracts=draft.contracts,
        dropped=draft.outline.drop,
        decisions=draft.outline.decisions,
        waits=True,
        sandbox=drawn.level,
        models=draft.spent.models,
        usage=draft.spent.usage,
        micros=draft.spent.micros,
    )
