"""The plan as documents: TODO.md and specs made of an answer, each parsed again before it is believed. Pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator import plan as planning
from orchestrator import render
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError
from orchestrator.leader.planner.answers import Outline, PlannedSpec, PlannedTask
from orchestrator.plan import DEFAULT_PHASES, Plan
from orchestrator.steps.authoring import entry, heading
from orchestrator.steps.standing import TODO, spec_path

_HEADINGS = ("Goal", "Files to Read", "Files to Modify", "Requirements", "Constraints", "Deliverable", "Acceptance")


@dataclass(frozen=True)
class Known:
    """What is there before the planner says anything.

    Attributes:
        files: every path of the repository.
        phases: the phases the workflow has; empty where the planner may name them.
        plan: the plan so far; None where there is none.
        todo: TODO.md as it stands; None where there is none.
        landed: the tasks that have landed: they stay as they are.
        open: the tasks that are neither landed nor dropped, in order.
        remarks: what else is to be known of some of these.
        ever: every task that has landed, those that have left the plan included.
        specs: what stands in the folder of specs, a person's own documents and folders included.
    """

    files: frozenset[str]
    phases: tuple[str, ...] = ()
    plan: Plan | None = None
    todo: Todo | None = None
    landed: frozenset[str] = field(default_factory=frozenset)
    open: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)
    ever: Container[str] = field(default=(), compare=False)
    specs: frozenset[str] = frozenset()

    def phases_with(self, named: Sequence[str]) -> tuple[str, ...]:
        """Return the phases of a plan whose tasks belong to the `named` ones."""
        if self.phases:
            return self.phases
        usual = all(planning.match_phase(name, DEFAULT_PHASES) for name in named)
        return DEFAULT_PHASES if usual else tuple(dict.fromkeys(name.upper() for name in named))


def todo_with(known: Known, outline: Outline, phases: Sequence[str]) -> Todo:
    """Return TODO.md with the new tasks, and with those that it drops marked so; no other byte changes.

    Raises:
        DocumentError: a task cannot be written down.
    """
    todo = known.todo or Todo.parse(render.document("TODO.md.j2", {"phases": phases}), TODO)
    todo = todo.drop(outline.drop)
    for task in outline.tasks:
        phase = planning.match_phase(task.phase, phases) or task.phase
        todo = todo.add(task.id, task.title, heading(todo, phases, phase), task.after)
    return todo


def spec_document(task: PlannedTask, spec: PlannedSpec) -> bytes:
    """Return the spec of `task` as a file's bytes."""
    values = {
        "title": task.title,
        "goal": spec.goal,
        "reads": [entry(path) for path in spec.reads],
        "files": [(entry(path), what) for path, what in spec.files],
        "requirements": spec.requirements,
        "constraints": spec.constraints,
        "check": spec.check,
    }
    return render.document("planned-spec.md.j2", values)


def contracts(outline: Outline, specs: Mapping[str, PlannedSpec]) -> dict[str, bytes]:
    """Return the specs of a plan as files' bytes, by task."""
    return {task.id: spec_document(task, specs[task.id]) for task in outline.tasks}


def misread(task: PlannedTask, spec: PlannedSpec) -> str:
    """Return why the spec would be read as something else than what was meant, empty where it would not."""
    try:
        read = Spec.parse(spec_document(task, spec), spec_path(task.id))
    except DocumentError as error:
        return error.message
    meant = (
        _HEADINGS,
        spec.reads,
        [(path, False) for path, _ in spec.files],
        len(spec.requirements),
        len(spec.constraints) or 1,
    )
    found = (
        tuple(found.text for found in read.text.scan.headings[1:]),
        tuple(entry.path for entry in read.reads),
        [(entry.path, entry.shared) for entry in read.files],
        len(read.requirements),
        len(read.constraints),
    )
    return "" if meant == found else "something in it would be read as a heading, a list or another word of the format"


def whole(known: Known, outline: Outline, contracts: Mapping[str, bytes]) -> tuple[Todo, Plan]:
    """Return TODO.md and the plan that the new documents make, as a leader will read them.

    Raises:
        DocumentError: they contradict each other; with `file:line`.
    """
    phases = known.phases_with(outline.phases)
    todo = todo_with(known, outline, phases)
    specs = dict(known.plan.specs) if known.plan else {}
    specs |= {task: Spec.parse(data, spec_path(task)) for task, data in contracts.items()}
    return todo, planning.build(todo, specs, phases, TODO)


def territory(known: Known, tasks: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the files of those of `tasks` that have a spec in the plan so far."""
    specs = known.plan.specs if known.plan else {}
    return {task: tuple(file.path for file in specs[task].files) for task in tasks if task in specs}
