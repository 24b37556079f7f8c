"""One run from start to end: heal, take the plan in, look before leaping, then the loop."""

import gc
import threading
from collections.abc import Mapping

from orchestrator import plan as planning
from orchestrator import render
from orchestrator.agents.protocol import Agent
from orchestrator.agents.roster import pick
from orchestrator.errors import Exit, OrchestratorError, of_disk
from orchestrator.leader.docket import docket
from orchestrator.leader.loop import Leader
from orchestrator.leader.orders import asked
from orchestrator.leader.recovery import recover, sift
from orchestrator.leader.report import Report
from orchestrator.process import become_subreaper, give_memory_back
from orchestrator.steps import publish, stopped
from orchestrator.steps.ignored import refuse_ignored
from orchestrator.steps.looking import Look
from orchestrator.steps.project import Project
from orchestrator.steps.review import check_roles
from orchestrator.steps.standing import Library, Situation, situation, spec_path
from orchestrator.steps.take_in import adopt_ticks, take_in
from orchestrator.steps.verify import check_base


def prepare(project: Project, library: Library, looked: Look) -> Situation:
    """Bring the project to where work can start: healed, edits taken in, the plan a checkpoint.

    `looked` says what git saw of the documents; which of them differ holds as long as nothing has to be healed.

    Raises:
        OrchestratorError: there is no plan, git ignores a part of it, or a document contradicts what is landed.
    """
    seen = looked()
    found = recover(project, seen)
    take_in(project, None if seen is None or found.notes else seen.documents)
    now = situation(project.git, project.checkout.tip(), library, project.config.phases)
    if not now.plan.tasks:
        raise OrchestratorError("TODO.md has no tasks", hint='orchestrator task add ID "TITLE"', code=Exit.PRECONDITION)
    refuse_ignored(project.git, [spec_path(task) for task in now.unsettled if task not in now.plan.specs])
    if adopt_ticks(project, now):
        now = situation(project.git, project.checkout.tip(), library, project.config.phases)
    if now.state is None or now.ledger.checkpoint == 0:
        publish.checkpoint(project, library, [], "the plan", "the plan")
        now = situation(project.git, project.checkout.tip(), library, project.config.phases)
    sift(project, found.kept, docket(project.register, now))
    standing = now.standing()
    todo = [task for task in now.unsettled if task not in standing.dead]
    project.say("skipping", done=[*now.landed], dead=sorted(standing.dead), todo=todo)
    return now


def preflight(project: Project, now: Situation, agents: Mapping[str, Agent], cancel: threading.Event) -> None:
    """Find out what cannot work before anything is spent: agents that cannot start, a base that is red.

    `cancel` ends it early, without a finding.

    Raises:
        OrchestratorError: with the key or command to mend.
    """
    standing = now.standing()
    todo = [task for task in now.plan.specs if task in now.plan.tasks and not standing.settled(task)]
    todo = [task for task in todo if task not in now.plan.by_hand and task not in now.plan.drafts]
    wanted = {now.plan.specs[task].agent: task for task in reversed(todo)}
    check_roles(project.config, now.plan)
    for name, task in wanted.items():
        pick(agents, project.config, name, asked(task, now.plan.specs[task])).check()
    if not todo:
        return
    known = docket(project.register, now)
    if not planning.ready(now.plan, standing, now.phase, 1, among=now.unsettled) and not known.waiting():
        return  # nothing of this run will be spent
    render.load_beside("checkpoint.md.j2", "result.md.j2")
    verdict = check_base(project, now.commit, cancel)
    if not verdict.green and not cancel.is_set():
        raise OrchestratorError(
            f"verify is red before any work: `{project.config.verify}` fails on the branch as it is\n{verdict.output}",
            hint="mend the branch, or verify.command in orchestrator.toml (verify.setup prepares its worktree)",
            code=Exit.PRECONDITION,
        )


def _check_until(until: str, now: Situation) -> None:
    """Raise OrchestratorError when `until` names no phase, before anything starts."""
    if until and planning.match_phase(until, now.plan.phases) is None:
        hint = f"one of: {', '.join(now.plan.phases)}"
        raise OrchestratorError(f"{until!r} is no phase", hint=hint, code=Exit.USAGE)


def run(leader: Leader, looked: Look) -> Report:
    """Carry the plan on from wherever it stands, and say how it ended.

    `looked` says what git saw of the documents, where it was asked already.
    """
    give_memory_back()
    become_subreaper()
    project = leader.project
    stopped.forget(project.folders)
    try:
        report = _run(leader, looked)
    except OrchestratorError as error:
        stopped.note(project.folders, error, project.clock.now())
        raise
    except OSError as error:
        stopped.note(project.folders, of_disk(error), project.clock.now())
        raise
    if report.unable:
        stopped.note(project.folders, report.unable, project.clock.now())
    return report


def _run(leader: Leader, looked: Look) -> Report:
    now = prepare(leader.project, leader.library, looked)
    leader.looked = leader.project.clock.monotonic()
    _check_until(leader.until, now)
    gate = now.ledger.gate
    if gate is not None and gate.shut:
        leader.report.gate = gate.name
        leader.report.conclude(now, {}, {})
        return leader.report
    preflight(leader.project, now, leader.agents, leader.asked)
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return leader.run()
