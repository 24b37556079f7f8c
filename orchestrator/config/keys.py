"""The table of keys, and what values each of them takes."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.documents.spec_limits import EFFORTS
from orchestrator.plaintext import one_line

PRESETS = ("auto", "session", "task", "phase")
KINDS = ("command", "scripted", "anthropic", "claude_code", "codex")
FORMATS = ("gemini", "opencode", "aider")
SANDBOXES = ("best", "required", "off")

KeyPath = tuple[str, ...]  # `("limits", "jobs")`: a name may hold dots, so a dotted string would not do

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_UNFIT = re.compile("[\0\ud800-\udfff]")  # no program's argument, no UTF-8
_MINUTES = range(1, 24 * 60 + 1)
_LONGEST = 1e9  # seconds, thirty years: the system's own clocks and waits take no more than some hundred


@dataclass(frozen=True)
class Kind:
    """What a value can be: its name, whether a TOML value is one, what is kept of it, how the environment says it."""

    name: str
    fits: Callable[[Any], bool]
    kept: Callable[[Any], object]
    read: Callable[[str], object]


@dataclass(frozen=True)
class Key:
    """One key: the field it fills, what it takes (numbers within `span`), and what it is for."""

    field: str
    kind: Kind
    default: object
    span: tuple[float, float] | None = None
    what: str = ""

    def takes(self, value: Any) -> bool:
        """Whether `value`, as TOML has it, can be this key's."""
        return self.kind.fits(value) and (self.span is None or self.span[0] <= value <= self.span[1])

    @property
    def wanted(self) -> str:
        """A sentence with what it takes."""
        span = f" from {self.span[0]:.12g} to {self.span[1]:.12g}" if self.span else ""
        return f"it takes {self.kind.name}{span}" + (f": {self.what}" if self.what else "")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _UNFIT.search(value)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_frequency(value: object) -> bool:
    kept = _frequency(value)
    return kept in PRESETS or (_is_whole(kept) and kept in _MINUTES)


def _frequency(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,4}", value) else value


def _listed(text: str) -> list[str]:
    return [part for part in text.split(os.pathsep) if part]


def _number(text: str) -> object:
    """Return the number, or the text itself when it is none: it is refused with what was written."""
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text):
        return text
    return float(text) if "." in text else int(text)


_TEXT = Kind("a string", _is_text, str, str)
_LIST = Kind("a list of strings", _is_list, tuple, _listed)
_WHOLE = Kind("a whole number", _is_whole, int, _number)
_NUMBER = Kind("a number", _is_number, float, _number)
_FREQUENCY = Kind("task | phase | session | auto | minutes as a number", _is_frequency, _frequency, str)
_AGENT = Kind(f"one of: {', '.join(KINDS)}", lambda value: value in KINDS, str, str)

_EFFORT = Kind(f"one of: {', '.join(EFFORTS)}", lambda value: value in EFFORTS, str, str)
_FORMAT = Kind(f"one of: {', '.join(FORMATS)}", lambda value: value in FORMATS, str, str)
_SANDBOX = Kind(f"one of: {', '.join(SANDBOXES)}", lambda value: value in SANDBOXES, str, str)

_TIME = (0, _LONGEST)
_MONEY = (0, 1e6)

KEYS: dict[str, Key] = {
    "workflow.name": Key("name", _TEXT, "", what="the workflow's name in trailers; default: the folder's"),
    "workflow.phases": Key("phases", _LIST, (), what="own phases in order; default: the state file's table"),
    "roles.worker": Key("worker", _TEXT, "", what="the agent that carries out specs; default: the only one there is"),
    "roles.planner": Key("planner", _TEXT, "", what="the agent of kind anthropic that plans; default: the only one"),
    "plan.reading": Key("reading", _WHOLE, 4000, (500, 200_000), "tokens of the repository that the planner reads"),
    "roles.reviewer": Key("reviewer", _TEXT, "", what="an agent of kind anthropic that judges changes; default: none"),
    "roles.resolver": Key("resolver", _TEXT, "", what="an agent of kind anthropic that merges; default: none"),
    "review.phases": Key("review_phases", _LIST, (), what="phases whose changes the reviewer judges; default: all"),
    "verify.command": Key("verify", _TEXT, "", what="run by `sh -c` in a clean worktree on each candidate; 0 is green"),
    "verify.setup": Key("setup", _TEXT, "", what="run once per worktree, before anything else"),
    "verify.copy": Key("copy", _LIST, (), what="ignored files to copy into each worktree"),
    "verify.link": Key("link", _LIST, (), what="ignored files or folders to symlink into each worktree"),
    "verify.timeout": Key("verify_timeout", _NUMBER, 1800.0, (0.1, _LONGEST), "seconds"),
    "verify.sandbox": Key("verify_sandbox", _SANDBOX, "off", what="how verify.command is confined"),
    "verify.env": Key("verify_env", _LIST, (), what="environment variables verify may see"),
    "limits.jobs": Key("jobs", _WHOLE, 4, (1, 256), "attempts at once"),
    "limits.attempts": Key("attempts", _WHOLE, 3, (1, 20), "attempts that may fail before a task is a dead letter"),
    "limits.retries": Key("retries", _WHOLE, 5, (0, 100), "transient failures of one task that are waited out"),
    "limits.timeout": Key("timeout", _NUMBER, 3600.0, _TIME, "seconds one attempt may take; 0 for no limit"),
    "limits.idle": Key("idle", _NUMBER, 0.0, _TIME, "seconds one attempt may be silent; 0 for no limit"),
    "limits.backoff": Key("backoff", _NUMBER, 2.0, (0, 3600), "seconds before the first retry; doubles, with jitter"),
    "limits.budget": Key("budget", _NUMBER, 0.0, _MONEY, "US dollars the whole workflow may cost; 0 for no limit"),
    "limits.task_budget": Key("task_budget", _NUMBER, 0.0, _MONEY, "US dollars one task may cost; 0 for no limit"),
    "limits.call_budget": Key("call_budget", _NUMBER, 0.0, _MONEY, "US dollars one call may cost; 0 for no limit"),
    "limits.reserve": Key("reserve", _NUMBER, 0.0, _MONEY, "US dollars of the budget kept to write down what is known"),
    "limits.drain": Key("drain", _NUMBER, 60.0, _TIME, "seconds running attempts get after Ctrl-C"),
    "limits.logs": Key("logs", _WHOLE, 1000, (1, 1_000_000), "tasks whose logs stay in .orchestrator/attempts"),
    "checkpoint.every": Key("every", _FREQUENCY, "task"),
    "checkpoint.keep": Key("keep", _WHOLE, 20, (1, 1000), "checkpoint files in the tree; older ones live in history"),
}
AGENT_KEYS: dict[str, Key] = {
    "kind": Key("kind", _AGENT, "command"),
    "command": Key("command", _LIST, ()),
    "script": Key("script", _TEXT, ""),
    "timeout": Key("timeout", _NUMBER, None, _TIME, "seconds; 0 for no limit"),
    "idle": Key("idle", _NUMBER, None, _TIME, "seconds; 0 for no limit"),
    "env": Key("env", _LIST, ()),
    "model": Key("model", _TEXT, "", what='the model\'s id, such as "claude-opus-5-5"'),
    "effort": Key("effort", _EFFORT, "", what="how hard the model tries; default: its own"),
    "format": Key("format", _FORMAT, "", what="the coding agent that a command is; default: none"),
    "allow": Key("allow", _LIST, (), what="rules of what Claude Code may do besides editing: `Bash(make test)`"),
    "turns": Key("turns", _WHOLE, 200, (1, 10_000), "answers of the model that one attempt may take"),
    "sandbox": Key("sandbox", _SANDBOX, "best", what="how commands of the built-in agent are confined"),
}
SECTIONS = ("agents", *dict.fromkeys(key.partition(".")[0] for key in KEYS))


def dotted(path: KeyPath) -> str:
    """Return the key as TOML has it: `agents."my agent".kind`."""
    return ".".join(name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in path)


def shown(value: object) -> str:
    """Return a refused value as TOML has it, in a few words."""
    if isinstance(value, Mapping):
        return "a table"
    try:
        return one_line(json.dumps(value, ensure_ascii=False, default=str), 80)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists a thousand deep
        return "this"
