"""The planner's questions: each made fresh from the files, none with more in it than its answer needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from orchestrator import render
from orchestrator.config import AgentConfig
from orchestrator.leader.planner.answers import OUTLINE, SPECS, Outline, PlannedTask
from orchestrator.leader.planner.papers import Known
from orchestrator.leader.planner.reading import Repository, Sight
from orchestrator.models.call import Call

TOGETHER = 10  # specs that one question asks for: what they have in common is said once
_EXCERPT = 450  # bytes of what a task's files define
_OUTLINE_MOST = 24_000  # tokens, thinking included
_SPECS_MOST = 8_000
_SPEC_MOST = 1_600  # further ones for each spec
_SHOWN = 300  # tasks of the plan so far


@dataclass(frozen=True)
class Matter:
    """What there is to plan.

    Attributes:
        goal: what a person wants.
        sight: what is shown of the repository.
        known: what is there, the plan so far among it.
        verify: the project's own check.
        refused: why the plan so far was refused; empty where it was not.
    """

    goal: str
    sight: Sight
    known: Known
    verify: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Again:
    """An answer that could not be taken, and what is wrong with it."""

    last: object
    wrong: Sequence[str] = field(default_factory=tuple)

    @property
    def words(self) -> str:
        """What is wrong, as a list."""
        return "\n".join(f"- {said}" for said in self.wrong)

    @property
    def shown(self) -> str:
        """The answer as JSON."""
        return json.dumps(asdict(self.last), ensure_ascii=False)  # type: ignore[call-overload]  # one of our records


def outline(agent: AgentConfig, matter: Matter, again: Again | None = None) -> Call:
    """Return the question for phases and tasks."""
    known = matter.known
    tasks = known.plan.tasks if known.plan else {}
    values = {
        "goal": matter.goal,
        "listing": matter.sight.listing,
        "excerpts": matter.sight.excerpts,
        "verify": matter.verify,
        "phases": known.phases,
        "landed": "\n".join(f"{name}: {tasks[name].title}" for name in list(tasks)[-_SHOWN:] if name in known.landed),
        "open": "\n".join(_open(known, name) for name in known.open[:_SHOWN]),
        "refused": matter.refused,
        "wrong": again.words if again else "",
        "last": again.shown if again else "",
    }
    return _call(agent, "prompts/planner-outline.md.j2", values, OUTLINE, _OUTLINE_MOST)


def _open(known: Known, name: str) -> str:
    if known.plan is None:
        return name
    task, spec = known.plan.tasks[name], known.plan.specs.get(name)
    after = f" (after {', '.join(task.after)})" if task.after else ""
    files = f" [{', '.join(file.path for file in spec.files)}]" if spec else " [no spec yet]"
    remark = f"; {known.remarks[name]}" if name in known.remarks else ""
    return f"{name}: {task.title}{after}{files}{remark}"


def specs(
    agent: AgentConfig,
    matter: Matter,
    repository: Repository,
    outline: Outline,
    tasks: Sequence[PlannedTask],
    again: Mapping[str, Again],
) -> Call:
    """Return the question for the specs of `tasks`; `again` has those that were answered and cannot be taken."""
    shown = [_task(repository, task, again.get(task.id)) for task in tasks]
    values = {"summary": outline.summary, "verify": matter.verify, "tasks": shown}
    return _call(agent, "prompts/planner-specs.md.j2", values, SPECS, _SPECS_MOST + _SPEC_MOST * len(tasks))


def _task(repository: Repository, task: PlannedTask, again: Again | None) -> dict[str, str]:
    after = f"\nafter: {', '.join(task.after)}" if task.after else ""
    files = ", ".join(f"{file.path}{' (new)' if file.new else ''}" for file in task.files)
    return {
        "id": task.id,
        "facts": f"{task.title}{after}\nfiles: {files}",
        "excerpt": repository.skeleton(task.paths, _EXCERPT),
        "wrong": again.words if again else "",
        "last": again.shown if again else "",
    }


def _call(
    agent: AgentConfig, template: str, values: Mapping[str, object], schema: Mapping[str, object], most: int
) -> Call:
    asked = {"role": "user", "content": render.text(template, values)}
    system = render.text("prompts/planner-system.md.j2", {})
    return Call(agent.model, system, [asked], schema=schema, effort=agent.effort, most=most)


def batches(tasks: Sequence[PlannedTask]) -> list[Sequence[PlannedTask]]:
    """Return the tasks as they are asked about: some together."""
    return [tasks[start : start + TOGETHER] for start in range(0, len(tasks), TOGETHER)]
