"""The tools as a model sees them, and what it asks of them: checked, carried out, answered in words."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.agents.builtin import files, search
from orchestrator.agents.builtin.finish import RESULT, SCHEMA
from orchestrator.agents.builtin.folder import Folder, RefusedError
from orchestrator.agents.builtin.shell import LONGEST, SECONDS, Shell

_KINDS: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool}
_PATH = {"type": "string", "description": "relative to the worktree's top, such as src/module.py"}
_PATTERN = "a file, a folder with / at its end, or a pattern such as src/**/*.py; * stays within one folder"


@dataclass(frozen=True)
class Said:
    """What a tool answers."""

    text: str
    error: bool = False


@dataclass(frozen=True)
class Workshop:
    """What the tools work with."""

    folder: Folder
    shell: Shell
    cancel: threading.Event


Values = Mapping[str, Any]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: what the model calls it.
        what: what it does, for the model.
        takes: its parameters, as JSON schema has them.
        needed: those that cannot be left out.
        run: carries it out.
        again: whether carrying it out a second time, with nothing between, does no harm.
    """

    name: str
    what: str
    takes: Mapping[str, Mapping[str, object]]
    needed: tuple[str, ...]
    run: Callable[[Workshop, Values], str]
    again: bool = True

    def check(self, values: Mapping[str, object]) -> str:
        """Return what is wrong with the parameters, or an empty string."""
        for name, value in values.items():
            if name not in self.takes:
                return f"{self.name} takes no {name!r:.80}; it takes {', '.join(self.takes)}"
            kind = _KINDS[str(self.takes[name]["type"])]
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                return f"{name} must be of type {self.takes[name]['type']}"
        missing = [name for name in self.needed if name not in values]
        return f"{self.name} needs {', '.join(missing)}" if missing else ""

    def offer(self) -> dict[str, object]:
        """Return it as the API has it."""
        schema = {
            "type": "object",
            "properties": self.takes,
            "required": list(self.needed),
            "additionalProperties": False,
        }
        return {"name": self.name, "description": self.what, "input_schema": schema}


def _bash(shop: Workshop, given: Values) -> str:
    return shop.shell.run(given["command"], shop.cancel, min(given.get("seconds", SECONDS), LONGEST))


def _edit(shop: Workshop, given: Values) -> str:
    path = given["path"]
    shop.folder.write(path, planned(shop.folder, given))
    return f"changed {path}"


def planned(folder: Folder, given: Values) -> bytes:
    """Return what a file will hold after an edit.

    Raises:
        RefusedError: the edit cannot be made.
    """
    return files.edited(folder, given["path"], given["old"], given["new"], every=given.get("every", False))


def _grep(shop: Workshop, given: Values) -> str:
    where, fold = given.get("where", "**"), given.get("fold", False)
    return search.grep(shop.folder, given["pattern"], shop.shell.token, shop.cancel, where=where, fold=fold)


BASH = Tool(
    "bash",
    "Run a shell command in the worktree and see its exit status and the end of its output. No network, no other "
    "folder to write to, nothing is left running afterwards. Do not use git to commit: the leader takes the files.",
    {
        "command": {"type": "string"},
        "seconds": {"type": "integer", "description": f"time limit; {SECONDS:g} when left out, at most {LONGEST:g}"},
    },
    ("command",),
    _bash,
    again=False,
)
EDIT = Tool(
    "edit",
    "Replace text in a file. `old` must stand there letter for letter, and only once unless `every` is set.",
    {"path": _PATH, "old": {"type": "string"}, "new": {"type": "string"}, "every": {"type": "boolean"}},
    ("path", "old", "new"),
    _edit,
)
_READ = Tool(
    "read",
    f"Read a text file, with line numbers; at most {files.LINES:,} lines at a time.",
    {
        "path": _PATH,
        "start": {"type": "integer", "description": "first line, counted from 1"},
        "lines": {"type": "integer", "description": "how many"},
    },
    ("path",),
    lambda shop, given: files.read(shop.folder, **given),
)
_WRITE = Tool(
    "write",
    "Write a whole file; it replaces what was there, and folders are made as needed.",
    {"path": _PATH, "content": {"type": "string"}},
    ("path", "content"),
    lambda shop, given: files.write(shop.folder, **given),
)
_GLOB = Tool(
    "glob",
    "List files.",
    {"pattern": {"type": "string", "description": _PATTERN}},
    ("pattern",),
    lambda shop, given: search.glob(shop.folder, **given),
)
_GREP = Tool(
    "grep",
    "Find lines by a regular expression in Python's syntax.",
    {
        "pattern": {"type": "string"},
        "where": {"type": "string", "description": _PATTERN},
        "fold": {"type": "boolean", "description": "capitals and small letters are the same"},
    },
    ("pattern",),
    _grep,
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (_READ, _WRITE, EDIT, _GLOB, _GREP, BASH)}

OFFER: tuple[Mapping[str, object], ...] = (
    *(tool.offer() for tool in TOOLS.values()),
    {
        "name": RESULT,
        "description": "Say how the work ended. This ends it, so call it alone, once, as the last thing.",
        "input_schema": SCHEMA,
        "strict": True,
    },
)


def use(shop: Workshop, name: str, given: Values) -> Said:
    """Carry one use of a tool out; whatever goes wrong with it is an answer for the model.

    Raises:
        OrchestratorError: this machine, not the model, is at fault.
    """
    if wrong := problem(name, given):
        return Said(wrong, error=True)
    try:
        said = TOOLS[name].run(shop, given)
    except RefusedError as error:
        return Said(_fit(str(error)), error=True)
    return Said(_fit(said))


def problem(name: str, given: Values) -> str:
    """Return what keeps a use of a tool from being carried out, or an empty string."""
    if name not in TOOLS:
        return f"there is no tool {name!r:.80}; there are {', '.join((*TOOLS, RESULT))}"
    return TOOLS[name].check(given)


def _fit(text: str) -> str:
    """Return text that the API takes: with something in it, and without half a character."""
    return text.encode("utf-8", "replace").decode() if text.strip() else "(nothing)"
