"""One call of the planner from start to end: what is there, what is asked, what is written; again after a kill."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from orchestrator.agents.roster import planner
from orchestrator.config import AgentConfig
from orchestrator.leader.planner import memory, papers
from orchestrator.leader.planner.asking import Matter
from orchestrator.leader.planner.memory import Memory
from orchestrator.leader.planner.papers import Known
from orchestrator.leader.planner.planning import Drafted, NoPlanError, Planning
from orchestrator.leader.planner.reading import Repository, repository
from orchestrator.leader.recovery import recover
from orchestrator.plaintext import one_line
from orchestrator.repo.history import REJECTED, WAITS, Gate, walk
from orchestrator.repo.trees import entries, tree_of
from orchestrator.sandbox import Policy
from orchestrator.steps.claim import claims
from orchestrator.steps.planned import Decision, write_plan
from orchestrator.steps.project import Project
from orchestrator.steps.standing import TODO, Library, Situation, situation
from orchestrator.steps.take_in import adopt_ticks, take_in
from orchestrator.steps.trial import trial


@dataclass(frozen=True)
class Made:
    """The commit that carries the plan; `changed` is False where it was there before."""

    commit: str
    changed: bool


def make(project: Project, goal: str, cancel: threading.Event, *, gate: bool = True) -> Made:
    """Plan for `goal` and commit the plan; with a `gate` nothing starts before a person has approved it.

    Raises:
        OrchestratorError: no model plans, it has no answer that can be taken, or a document is in the way.
    """
    agent = planner(project.config)
    recover(project)
    take_in(project)
    base = project.checkout.tip()
    now = _now(project, base)
    if now is not None and adopt_ticks(project, now):
        base = project.checkout.tip()
        now = _now(project, base)
    waiting = now.ledger.gate if now else None
    name = memory.digest(goal)
    if waiting and waiting.verdict == WAITS and _goal(project, waiting) == name:
        memory.forget(project.folders)
        return Made(waiting.commit, changed=False)
    draft, matter, level = _draft(project, agent, base, now, goal, cancel)
    commit = write_plan(project, base, replace(_decision(matter, draft, level, name), waits=gate))
    memory.forget(project.folders)
    return Made(commit, changed=True)


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
) -> tuple[Drafted, Matter, str]:
    there = repository(project.git, entries(project.git, base))
    matter = _matter(project, there, now, goal)
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
            return planning.draft(), matter, str(tried.confined.chosen.level)
        except NoPlanError:
            memory.forget(project.folders)
            raise


def _telling(project: Project) -> Callable[[str], None]:
    return lambda step: project.say("plan.asking", step=step)


def _matter(project: Project, there: Repository, now: Situation | None, goal: str) -> Matter:
    config = project.config
    gate = now.ledger.gate if now else None
    return Matter(
        goal=goal,
        sight=there.look(goal, config.reading),
        known=_known(project, there, now),
        verify=config.verify,
        refused=gate.why if gate and gate.verdict == REJECTED else "",
    )


def _known(project: Project, there: Repository, now: Situation | None) -> Known:
    files, phases = frozenset(there.paths()), project.config.phases
    if now is None:
        return Known(files, phases)
    fixed = now.plan.phases if now.plan.tasks or now.state else phases
    dead = dict.fromkeys(now.standing().dead, "a dead letter: its attempts are spent")
    taken = {task: f"claimed by {claim.who}" for task, claim in claims(project.git).items()}
    return Known(
        files=files,
        phases=fixed,
        plan=now.plan,
        todo=now.todo,
        landed=frozenset(now.landed),
        open=tuple(now.standing().unsettled(now.plan.tasks)),
        remarks={**dead, **taken},
    )


def _decision(matter: Matter, draft: Drafted, level: str, goal: str) -> Decision:
    todo, plan = papers.whole(matter.known, draft.outline, draft.contracts)
    return Decision(
        title=one_line(matter.goal),
        goal=goal,
        summary=draft.outline.summary,
        todo=todo,
        plan=plan,
        contracts=draft.contracts,
        dropped=draft.outline.drop,
        decisions=draft.outline.decisions,
        waits=True,
        sandbox=level,
        models=draft.spent.models,
        usage=draft.spent.usage,
        micros=draft.spent.micros,
    )
