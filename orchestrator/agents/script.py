"""The format of a script: a TOML file that says what the scripted agent does at each attempt.

[[attempt]]
task = "greet"                       # left out: any task
attempt = 1                          # left out: every attempt that has no entry of its own
sleep = 0.2                          # seconds, before anything else
write = {"src/a.py" = "text"}
append = {"README.md" = "a line"}
delete = ["old.py"]
echo = "notes/spec.md"               # the spec, as it arrived
result = "the result document"
say = "last words"
hang = true                          # until the attempt is cancelled or timed out
exit = "complete"                    # complete | transient | failed
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.errors import Exit, OrchestratorError

EXITS = ("complete", "transient", "failed")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "task": str,
    "attempt": int,
    "sleep": (int, float),
    "write": dict,
    "append": dict,
    "delete": list,
    "echo": str,
    "result": str,
    "say": str,
    "hang": bool,
    "exit": str,
}
_WORDS = {
    str: "text",
    int: "a whole number",
    dict: "a table of texts",
    list: "a list of texts",
    bool: "true or false",
}


@dataclass(frozen=True)
class Step:
    """What the agent does at one attempt; each field is a key of the format."""

    task: str = ""
    attempt: int = 0
    sleep: float = 0.0
    write: Mapping[str, str] = field(default_factory=dict)
    append: Mapping[str, str] = field(default_factory=dict)
    delete: tuple[str, ...] = ()
    echo: str = ""
    result: str = ""
    say: str = ""
    hang: bool = False
    exit: str = "complete"


@dataclass(frozen=True)
class Script:
    """All steps of a file, in its order."""

    steps: tuple[Step, ...]

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read a script file.

        Raises:
            OrchestratorError: it cannot be read (`Exit.MISSING`) or is not a script (`Exit.PRECONDITION`).
        """
        try:
            return cls.parse(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise OrchestratorError(
                f"cannot read the script: {said}", where=str(path), hint="correct the path", code=Exit.MISSING
            ) from error

    @classmethod
    def parse(cls, text: str, name: str) -> "Script":
        """Read a script from text; `name` is the file that errors name.

        Raises:
            OrchestratorError: the text is not a script; it names the file and the key.
        """
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _refusal(name, str(error), "see https://toml.io") from error
        _known(tables, ["attempt"], name, "")
        attempts = tables.get("attempt", [])
        if not isinstance(attempts, list) or not attempts:
            raise _refusal(name, "no attempt in it", 'start each with "[[attempt]]"')
        return cls(tuple(_step(table, name, f"attempt[{number}]") for number, table in enumerate(attempts, 1)))

    @cached_property
    def _by_task(self) -> Mapping[str, Sequence[Step]]:
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.task, []).append(step)
        return found

    def step(self, task: str, attempt: int) -> Step | None:
        """What to do at this attempt: the entry that names most of it, the first of equals."""
        named = (*self._by_task.get(task, ()), *self._by_task.get("", ()))
        fitting = [step for step in named if step.attempt in {0, attempt}]
        return max(fitting, key=lambda s: (bool(s.task), bool(s.attempt)), default=None)


def _step(table: Any, name: str, key: str) -> Step:  # whatever TOML holds
    if not isinstance(table, dict):
        raise _refusal(f"{name}: {key}", "not a table", 'write "[[attempt]]"')
    _known(table, [item.name for item in fields(Step)], name, f"{key}.")
    for inner, value in table.items():
        _check(inner, value, f"{name}: {key}.{inner}")
    return Step(**{**table, "delete": tuple(table.get("delete", ()))})


def _check(key: str, value: Any, where: str) -> None:
    kind = _TYPES[key]
    if not _fits(value, kind):
        word = "a number" if isinstance(kind, tuple) else _WORDS[kind]
        raise _refusal(where, f"{value!r} is not {word}", f"write {word}")
    if key == "exit" and value not in EXITS:
        raise _refusal(where, f"{value!r} is not an exit", f"one of: {', '.join(EXITS)}")
    if key in {"write", "append", "delete"} or (key == "echo" and value):
        for path in [value] if key == "echo" else value:
            _inside(path, where)


def _fits(value: Any, kind: type | tuple[type, ...]) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return isinstance(value, kind) and all(isinstance(item, str) for item in inner)
    # TOML's true is no number, whatever Python thinks.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _inside(path: str, where: str) -> None:
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise _refusal(where, f"{path!r} leaves the worktree", "write a relative path without `..`")


def _known(table: Mapping[str, Any], names: list[str], file: str, prefix: str) -> None:
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(names)}"
            raise _refusal(f"{file}: {prefix}{key}", "unknown key", hint)


def _refusal(where: str, message: str, hint: str) -> OrchestratorError:
    return OrchestratorError(message, where=where, hint=hint, code=Exit.PRECONDITION)
