"""One `[[attempt]]` of a script: what each key may hold, and its refusal with `file:line`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

from orchestrator.config.keys import shown
from orchestrator.config.places import places, statements
from orchestrator.config.tables import refusal
from orchestrator.errors import OrchestratorError

EXITS = ("complete", "transient", "failed")
_TYPES: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "attempt": (int,),
    "sleep": (int, float),
    "write": (dict,),
    "append": (dict,),
    "delete": (list,),
    "echo": (str,),
    "result": (str,),
    "say": (str,),
    "hang": (bool,),
    "tokens": (int,),
    "usd": (int, float),
    "exit": (str,),
}
_WORDS: dict[tuple[type, ...], str] = {
    (str,): "text",
    (int,): "a whole number",
    (int, float): "a number",
    (dict,): "a table of texts",
    (list,): "a list of texts",
    (bool,): "true or false",
}
_LONGEST = 1e9  # seconds: no system waits much longer
_DEAREST = 1e6  # US dollars
_HEADER = re.compile(r"""\s*\[\[\s*(?:attempt|"attempt"|'attempt')\s*\]\]""")


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
    tokens: int = 0
    usd: float = 0.0
    exit: str = "complete"


@dataclass(frozen=True)
class Entry:
    """The `number`-th attempt of the script `text`, as TOML holds it; errors name the file `name`."""

    number: int
    table: Any
    text: str
    name: str

    def step(self) -> Step:
        """Return what is to be done.

        Raises:
            OrchestratorError: a key or its value cannot be taken; with `file:line`.
        """
        if not isinstance(self.table, dict):
            raise self._refusal("", "not a table", 'write "[[attempt]]"')
        for key, value in self.table.items():
            if key not in _TYPES:
                raise self._refusal(key, "unknown key", meant(key, [item.name for item in fields(Step)]))
            self._check(key, value)
        return Step(**{**self.table, "delete": tuple(self.table.get("delete", ()))})

    def _check(self, key: str, value: Any) -> None:
        if not _fits(value, _TYPES[key]):
            word = _WORDS[_TYPES[key]]
            raise self._refusal(key, f"{shown(value)} is not {word}", f"write {word}")
        if key == "sleep" and not 0 <= value <= _LONGEST:
            raise self._refusal(key, f"{shown(value)} is no time to sleep", "write seconds; `hang = true` never ends")
        if (key == "tokens" and value < 0) or (key == "usd" and not 0 <= value <= _DEAREST):
            raise self._refusal(key, f"{shown(value)} is no amount", "write how many tokens, or US dollars, it took")
        if key == "exit" and value not in EXITS:
            raise self._refusal(key, f"{shown(value)} is not an exit", f"one of: {', '.join(EXITS)}")
        if key in {"write", "append", "delete"} or (key == "echo" and value):
            for path in [value] if key == "echo" else value:
                if not _is_inside(path):
                    hint = "write a relative path without `..`"
                    raise self._refusal(key, f"{shown(path)} leaves the worktree", hint)

    def _refusal(self, key: str, message: str, hint: str) -> OrchestratorError:
        what = f"attempt[{self.number}]" + (f".{key}" if key else "")
        return refusal(f"{self.name}:{self._line(key)}", f"{what}: {message}", hint)

    def _line(self, key: str) -> int:
        """Return where the key stands: each `[[attempt]]` and what follows it is a TOML text of its own."""
        starts = [line for line, statement in statements(self.text) if _HEADER.match(statement)]
        if len(starts) < self.number:
            return places(self.text).get(("attempt",), 1)
        first, *rest = starts[self.number - 1 :]
        own = "\n".join(self.text.split("\n")[first - 1 : rest[0] - 1 if rest else None])
        return first - 1 + places(own).get(("attempt", key), 1)


def meant(key: str, known: Collection[str]) -> str:
    """Return the hint about an unknown key."""
    import difflib  # noqa: PLC0415 - 4 ms that only a mistyped name pays

    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return isinstance(value, kinds) and all(isinstance(item, str) for item in inner)
    # TOML's true is no number, whatever Python thinks.
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts and "\0" not in path
