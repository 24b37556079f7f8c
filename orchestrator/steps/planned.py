"""A plan becomes one commit: TODO.md, specs, state and a checkpoint that waits for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.budget import Usage, tokens_said, usd
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.plaintext import listed, one_line
from orchestrator.plan import Plan
from orchestrator.repo.commits import CANDIDATE, Draft, build
from orchestrator.repo.history import APPROVED, WAITS, ledger
from orchestrator.repo.trees import blobs, entries
from orchestrator.steps.chapter import Happened, write
from orchestrator.steps.land import page_changes
from orchestrator.steps.message import Facts, message
from orchestrator.steps.opening import open_chapter
from orchestrator.steps.project import Project
from orchestrator.steps.standing import STATE, TODO, Library, Situation, situation, spec_path

_SUBJECT = 80
_LISTED = 40


@dataclass(frozen=True)
class Decision:
    """A plan to be written down.

    Attributes:
        title: the goal, in one line.
        goal: what identifies the goal.
        summary: what the plan does.
        todo: TODO.md with it.
        plan: the whole plan with it.
        contracts: the new specs' bytes, by task.
        dropped: the tasks that are not to be done any more.
        decisions: what was decided, one sentence each.
        waits: whether nothing may start before a person has approved it.
        sandbox: the level at which the acceptance commands were tried.
        models: who planned.
        usage: what that took, in tokens.
        micros: what it cost, in micro-dollars.
    """

    title: str
    goal: str
    summary: str
    todo: Todo
    plan: Plan
    contracts: Mapping[str, bytes]
    dropped: Sequence[str]
    decisions: Sequence[str]
    waits: bool
    sandbox: str
    models: Sequence[str]
    usage: Usage
    micros: int


def write_plan(project: Project, base: str, decision: Decision, running: Sequence[str] = ()) -> str:
    """Commit the plan on top of `base` while the tasks `running` are being worked at, and return the commit.

    Raises:
        BranchMovedError: the branch is not at `base` any more.
        InTheWayError: an uncommitted change stands where it must write.
    """
    chapter = open_chapter(project, _with(project, base, decision), running)
    happened = Happened(
        slug="plan",
        title=f"the plan: {one_line(decision.title, _SUBJECT)}",
        why="a plan that waits for approval" if decision.waits else "a plan",
        decisions=decision.decisions,
        files=[f"`{spec_path(task)}`: {decision.plan.tasks[task].title}" for task in decision.contracts],
    )
    chapter, page = write(chapter, happened)
    facts = Facts(chapter.workflow, page.phase, page.checkpoint, project.lock.epoch)
    subject = f"plan: {one_line(decision.title, _SUBJECT)}"
    text = message(subject, _body(decision), _pairs(decision, page.checkpoint or 0), facts)
    files = {TODO: decision.todo.render()} | {spec_path(task): data for task, data in decision.contracts.items()}
    draft = Draft(text, page_changes(page, files), chapter.now, parent=base)
    commit = build(project.git, project.checkout.objects, CANDIDATE, [draft])[0]
    project.lock.check()
    project.checkout.advance(base, commit, subject)
    project.say("checkpointed", commit=commit, number=page.checkpoint)
    return commit


def _with(project: Project, base: str, decision: Decision) -> Situation:
    """Return where things stand at `base`, as if the plan were there already."""
    found = entries(project.git, base, [TODO, STATE])
    if TODO in found:
        before = situation(project.git, base, Library(), project.config.phases)
        return replace(before, todo=decision.todo, plan=decision.plan)
    data = blobs(project.git, [found[STATE].blob])[found[STATE].blob] if STATE in found else None
    state = State.parse(data, STATE) if data is not None else None
    return Situation(base, decision.todo, state, decision.plan, ledger(project.git, base), {}, {})


def _body(decision: Decision) -> list[str]:
    tasks = [f"{task}: {decision.plan.tasks[task].title}" for task in decision.contracts]
    dropped = [f"Dropped: {listed(decision.dropped, _LISTED, ', ')}"] if decision.dropped else []
    return [decision.summary, listed(tasks, _LISTED), *dropped]


def _pairs(decision: Decision, number: int) -> list[tuple[str, str]]:
    return [
        ("Gate", f"{number:04d} {WAITS if decision.waits else APPROVED}"),
        ("Goal-Sha", decision.goal),
        ("Planned-by", ", ".join(decision.models)),
        ("Sandbox", decision.sandbox),
        ("Tokens", tokens_said(decision.usage)),
        ("Cost-Usd", usd(decision.micros) if decision.micros else ""),
    ]
