"""What the planner is asked for: the schemas of its answers, and their reading into records. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.models.structured import UnfitError, items, only, words
from orchestrator.plaintext import one_line

MOST_TASKS = 200
_MOST_PHASES = 12
_MOST_ITEMS = 60  # of one list in an answer
_NAME = 100  # characters of an id or a phase
_PATH = 1_000
_LINE = 600  # characters of one sentence
_COMMAND = 500

_OUTLINE = ("summary", "phases", "drop", "tasks", "decisions")
_TASK = ("id", "title", "phase", "after", "files")
_FILE = ("path", "new")
_SPEC = ("task", "goal", "reads", "files", "requirements", "constraints", "check")
_CHANGE = ("path", "what")


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _list(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_TEXT = {"type": "string"}
OUTLINE = _object(
    summary=_TEXT,
    phases=_list(_TEXT),
    drop=_list(_TEXT),
    tasks=_list(
        _object(
            id=_TEXT,
            title=_TEXT,
            phase=_TEXT,
            after=_list(_TEXT),
            files=_list(_object(path=_TEXT, new={"type": "boolean"})),
        )
    ),
    decisions=_list(_TEXT),
)
SPECS = _object(
    specs=_list(
        _object(
            task=_TEXT,
            goal=_TEXT,
            reads=_list(_TEXT),
            files=_list(_object(path=_TEXT, what=_TEXT)),
            requirements=_list(_TEXT),
            constraints=_list(_TEXT),
            check=_TEXT,
        )
    )
)


@dataclass(frozen=True)
class PlannedFile:
    """A file that a task may change: a path, a folder ending in `/`, or a glob; `new` where it is still to be made."""

    path: str
    new: bool


@dataclass(frozen=True)
class PlannedTask:
    """One line of TODO.md to be, and the files it takes."""

    id: str
    title: str
    phase: str
    after: tuple[str, ...]
    files: tuple[PlannedFile, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files."""
        return tuple(file.path for file in self.files)


@dataclass(frozen=True)
class Outline:
    """The answer to the first question.

    Attributes:
        summary: what the plan does, in a few sentences.
        phases: the phases that have tasks, in order.
        drop: open tasks of the plan so far that are not to be done.
        tasks: new tasks, in order.
        decisions: what was decided, one sentence each.
    """

    summary: str
    phases: tuple[str, ...]
    drop: tuple[str, ...]
    tasks: tuple[PlannedTask, ...]
    decisions: tuple[str, ...]


@dataclass(frozen=True)
class PlannedSpec:
    """The contract of one task; `files` are paths with what changes there, `check` is a shell command."""

    task: str
    goal: str
    reads: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    check: str


def outline(found: object) -> Outline:
    """Return the outline that an answer holds.

    Raises:
        UnfitError: it holds none.
    """
    said = only(found, _OUTLINE, "the answer")
    return Outline(
        summary=one_line(words(said["summary"], "summary", 4_000), 1_000),
        phases=_lines(said["phases"], "phases", _NAME, _MOST_PHASES),
        drop=_lines(said["drop"], "drop", _NAME, MOST_TASKS),
        tasks=tuple(_task(each) for each in items(said["tasks"], "tasks", MOST_TASKS)),
        decisions=_lines(said["decisions"], "decisions", _LINE),
    )


def _task(found: object) -> PlannedTask:
    said = only(found, _TASK, "a task")
    name = _line(said["id"], "id", _NAME)
    return PlannedTask(
        id=name,
        title=_line(said["title"], f"title of {name}", _LINE),
        phase=_line(said["phase"], f"phase of {name}", _NAME),
        after=_lines(said["after"], f"after of {name}", _NAME),
        files=tuple(_file(each, name) for each in items(said["files"], f"files of {name}", _MOST_ITEMS)),
    )


def _file(found: object, task: str) -> PlannedFile:
    said = only(found, _FILE, f"a file of {task}")
    if not isinstance(said["new"], bool):
        raise UnfitError(f"new of a file of {task} must be true or false")
    return PlannedFile(words(said["path"], f"path of {task}", _PATH), said["new"])


def reader(wanted: Sequence[str]) -> Callable[[object], dict[str, PlannedSpec]]:
    """Return what reads the specs of an answer: one for each of the `wanted` tasks, and no other."""

    def read(found: object) -> dict[str, PlannedSpec]:
        said = only(found, ("specs",), "the answer")
        specs = [_spec(each) for each in items(said["specs"], "specs", MOST_TASKS)]
        if sorted(spec.task for spec in specs) != sorted(wanted):
            raise UnfitError(f"specs must have exactly one entry for each of: {', '.join(wanted)}")
        return {spec.task: spec for spec in specs}

    return read


def _spec(found: object) -> PlannedSpec:
    said = only(found, _SPEC, "a spec")
    task = _line(said["task"], "task", _NAME)
    return PlannedSpec(
        task=task,
        goal=_line(said["goal"], f"goal of {task}", _LINE),
        reads=tuple(words(path, f"reads of {task}", _PATH) for path in items(said["reads"], "reads", _MOST_ITEMS)),
        files=tuple(_change(each, task) for each in items(said["files"], f"files of {task}", _MOST_ITEMS)),
        requirements=_lines(said["requirements"], f"requirements of {task}", _LINE),
        constraints=_lines(said["constraints"], f"constraints of {task}", _LINE),
        check=words(said["check"], f"check of {task}", _COMMAND + 1),
    )


def _change(found: object, task: str) -> tuple[str, str]:
    said = only(found, _CHANGE, f"a file of {task}")
    return words(said["path"], f"path of {task}", _PATH), _line(said["what"], f"what of {task}", _LINE)


def _line(found: object, where: str, most: int) -> str:
    return one_line(words(found, where, 10 * most), most)


def _lines(found: object, where: str, most: int, many: int = _MOST_ITEMS) -> tuple[str, ...]:
    kept: Sequence[str] = [_line(each, where, most) for each in items(found, where, many)]
    return tuple(line for line in kept if line)
