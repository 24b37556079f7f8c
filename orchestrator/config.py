"""The configuration door: flags, `ORCHESTRATOR_*`, `orchestrator.toml`, the user's file, defaults, in that order."""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Exit, OrchestratorError

FILE = "orchestrator.toml"
PRESETS = ("auto", "session", "task", "phase")


@dataclass(frozen=True)
class AgentConfig:
    """One `[agents.NAME]` table; times in seconds, 0 or less means no limit."""

    name: str
    kind: str
    command: tuple[str, ...] = ()
    script: str = ""
    timeout: float | None = None
    idle: float | None = None
    env: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Everything that can be configured; every value has a default. Times are in seconds."""

    name: str
    phases: tuple[str, ...]
    worker: str
    agents: Mapping[str, AgentConfig]
    verify: str
    setup: str
    copy: tuple[str, ...]
    link: tuple[str, ...]
    verify_timeout: float
    verify_env: tuple[str, ...]
    jobs: int
    attempts: int
    retries: int
    timeout: float
    idle: float
    backoff: float
    drain: float
    every: str | int
    keep: int


@dataclass(frozen=True)
class Setting:
    """One resolved key: its value, and where it came from."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True)
class _Key:
    kind: type
    default: Any
    least: float | None = None
    most: float | None = None
    what: str = ""


def _every(value: object) -> bool:
    return value in PRESETS or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 24 * 60)


_KEYS: dict[str, _Key] = {
    "workflow.name": _Key(str, "", what="the workflow's name in trailers; default: the folder's"),
    "workflow.phases": _Key(list, (), what="own phases in order; default: the state file's table"),
    "roles.worker": _Key(str, "", what="the agent that carries out specs; default: the only one there is"),
    "verify.command": _Key(str, "", what="run by `sh -c` in a clean worktree on each candidate; exit 0 is green"),
    "verify.setup": _Key(str, "", what="run once per worktree, before anything else"),
    "verify.copy": _Key(list, (), what="ignored files to copy into each worktree"),
    "verify.link": _Key(list, (), what="ignored files or folders to symlink into each worktree"),
    "verify.timeout": _Key(float, 1800.0, 0.1, what="seconds"),
    "verify.env": _Key(list, (), what="environment variables verify may see"),
    "limits.jobs": _Key(int, 4, 1, 256, "attempts at once"),
    "limits.attempts": _Key(int, 3, 1, 20, "attempts that may fail before a task is a dead letter"),
    "limits.retries": _Key(int, 5, 0, 100, "transient failures of one task that are waited out"),
    "limits.timeout": _Key(float, 3600.0, 0, what="seconds one attempt may take; 0 for no limit"),
    "limits.idle": _Key(float, 0.0, 0, what="seconds one attempt may be silent; 0 for no limit"),
    "limits.backoff": _Key(float, 2.0, 0, 3600, "seconds before the first retry; doubles, with jitter"),
    "limits.drain": _Key(float, 60.0, 0, what="seconds running attempts get after Ctrl-C"),
    "checkpoint.every": _Key(object, "task", what="task | phase | session | auto | minutes as a number"),
    "checkpoint.keep": _Key(int, 20, 1, 1000, "checkpoint files that stay in the tree; older ones live in history"),
}
_AGENT_KEYS: dict[str, _Key] = {
    "kind": _Key(str, "command"),
    "command": _Key(list, ()),
    "script": _Key(str, ""),
    "timeout": _Key(float, None, 0),
    "idle": _Key(float, None, 0),
    "env": _Key(list, ()),
}
KINDS = ("command", "scripted")


@dataclass(frozen=True)
class _Source:
    """One file or table of values, and how to say where a key stands in it."""

    name: str
    text: str
    values: Mapping[str, Any]

    def where(self, key: str) -> str:
        if not self.text:
            return self.name
        *tables, last = key.split(".")
        lines = self.text.split("\n")
        start = 0
        for number, line in enumerate(lines):
            if re.match(rf"\s*\[\s*(tool\.orchestrator\.)?{re.escape('.'.join(tables))}\s*\]", line):
                start = number
        for number in range(start, len(lines)):
            if re.match(rf"\s*(\[.*\b)?[\"']?{re.escape(last)}[\"']?\s*(=|\])", lines[number]):
                return f"{self.name}:{number + 1}"
        return f"{self.name}:{start + 1}"

    def error(self, key: str, message: str, hint: str) -> OrchestratorError:
        return OrchestratorError(message, where=self.where(key), hint=hint, code=Exit.PRECONDITION)


def load(root: Path, env: Mapping[str, str], flags: Mapping[str, object] | None = None) -> tuple[Config, list[Setting]]:
    """Resolve every key for the repository at `root`.

    Args:
        root: the checkout's top.
        env: the environment; `ORCHESTRATOR_LIMITS_JOBS=2` sets `limits.jobs`.
        flags: dotted keys given on the command line.

    Raises:
        OrchestratorError: a file is no TOML, or a key is unknown or has a wrong value; with `file:line`.
    """
    sources = [
        _Source("flag", "", {key: value for key, value in (flags or {}).items() if value is not None}),
        _from_environment(env),
        _project(root),
        _from_file(_user_file(env), str(_user_file(env))),
    ]
    for source in sources:
        _refuse_unknown(source)
    settings = {key: _resolve(key, spec, sources) for key, spec in _KEYS.items()}
    agents = {name: agent for source in reversed(sources) for name, agent in _agents(source).items()}
    return _config(settings, agents), [*settings.values(), *_agent_settings(agents, sources)]


def _from_environment(env: Mapping[str, str]) -> _Source:
    names = {"ORCHESTRATOR_" + key.replace(".", "_").upper(): key for key in _KEYS}
    found = {key: _typed(_KEYS[key], env[name]) for name, key in names.items() if name in env}
    return _Source("environment", "", found)


def _typed(spec: _Key, text: str) -> object:
    if spec.kind is list:
        return [part for part in text.split(":") if part]
    if spec.kind is str or not re.fullmatch(r"\d+(\.\d+)?", text):
        return text
    return float(text) if "." in text or spec.kind is float else int(text)


def _user_file(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME", "/")) / ".config")
    return Path(base) / "orchestrator" / "config.toml"


def _project(root: Path) -> _Source:
    own = _from_file(root / FILE, FILE)
    if own.text:
        return own
    pyproject = root / "pyproject.toml"
    shared = _parse(pyproject, "pyproject.toml") if pyproject.is_file() else {}
    table = shared.get("tool", {}).get("orchestrator", {})
    return _Source("pyproject.toml", pyproject.read_text(encoding="utf-8"), _flat(table)) if table else own


def _from_file(path: Path, name: str) -> _Source:
    if not path.is_file():
        return _Source(name, "", {})
    return _Source(name, path.read_text(encoding="utf-8", errors="replace") or "\n", _flat(_parse(path, name)))


def _parse(path: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        where = f"{name}:1"
        raise OrchestratorError("not UTF-8", where=where, hint="save it as UTF-8", code=Exit.PRECONDITION) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise OrchestratorError(
            f"not valid TOML: {error}",
            where=f"{name}:{line[1] if line else 1}",
            hint="strings need quotes; see https://toml.io",
            code=Exit.PRECONDITION,
        ) from error


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys; `agents.NAME` stays a table of its own."""
    flat: dict[str, Any] = {}
    for section, values in table.items():
        if isinstance(values, Mapping):
            flat |= {f"{section}.{key}": value for key, value in values.items()}
        else:
            flat[section] = values
    return flat


def _refuse_unknown(source: _Source) -> None:
    for key, value in source.values.items():
        if key.startswith("agents.") and isinstance(value, Mapping):
            for inner in value:
                if inner not in _AGENT_KEYS:
                    raise _unknown(source, f"{key}.{inner}", [f"{key}.{name}" for name in _AGENT_KEYS])
        elif key not in _KEYS:
            raise _unknown(source, key, list(_KEYS))


def _unknown(source: _Source, key: str, known: list[str]) -> OrchestratorError:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "orchestrator config show lists every key"
    return source.error(key, f"unknown key {key}", hint)


def _resolve(key: str, spec: _Key, sources: list[_Source]) -> Setting:
    for source in sources:
        if key in source.values:
            value = _checked(source, key, spec, source.values[key])
            return Setting(key, value, source.name if source.name == "flag" else source.where(key))
    return Setting(key, spec.default, "default")


def _checked(source: _Source, key: str, spec: _Key, value: Any) -> object:
    if key == "checkpoint.every":
        value = int(value) if isinstance(value, str) and value.isdecimal() else value
        good: Callable[[Any], bool] = _every
    else:
        good = _VALID[spec.kind]
    if not good(value):
        raise source.error(key, f"{key} cannot be {value!r}", _wanted(key, spec))
    if spec.least is not None and not spec.least <= value <= (spec.most or float("inf")):
        raise source.error(key, f"{key} cannot be {value!r}", _wanted(key, spec))
    if spec.kind is list:
        return tuple(value)
    return float(value) if spec.kind is float else value


def _wanted(key: str, spec: _Key) -> str:
    if key == "checkpoint.every":
        return spec.what
    names = {str: "a string", list: "a list of strings", float: "a number", int: "a whole number"}
    span = f" from {spec.least:g}" + (f" to {spec.most:g}" if spec.most else "") if spec.least is not None else ""
    return f"it takes {names[spec.kind]}{span}"


_VALID: dict[type, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    list: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}


def _agents(source: _Source) -> dict[str, AgentConfig]:
    tables = {key.removeprefix("agents."): value for key, value in source.values.items() if key.startswith("agents.")}
    return {name: _agent(source, name, table) for name, table in tables.items()}


def _agent(source: _Source, name: str, table: Mapping[str, Any]) -> AgentConfig:
    key = f"agents.{name}"
    if not isinstance(table, Mapping):
        raise source.error(key, f"{key} must be a table", f"[{key}] on a line of its own")
    values = {inner: _checked(source, f"{key}.{inner}", _AGENT_KEYS[inner], value) for inner, value in table.items()}
    agent = AgentConfig(name, **{"kind": "command", **values})  # type: ignore[arg-type]  # each checked above
    if agent.kind not in KINDS:
        raise source.error(f"{key}.kind", f"unknown agent kind {agent.kind!r}", f"one of: {', '.join(KINDS)}")
    needed = "command" if agent.kind == "command" else "script"
    if not getattr(agent, needed):
        example = '["your-agent", "{files}"]' if needed == "command" else '"script.toml"'
        raise source.error(key, f"{key} has no {needed}", f"add: {needed} = {example}")
    return agent


def _agent_settings(agents: Mapping[str, AgentConfig], sources: list[_Source]) -> list[Setting]:
    found = []
    for name, agent in agents.items():
        source = next(source for source in sources if f"agents.{name}" in source.values)
        places = {key: source.where(f"agents.{name}.{key}") for key in _AGENT_KEYS}
        found += [Setting(f"agents.{name}.{key}", getattr(agent, key), place) for key, place in places.items()]
    return found


def _config(settings: Mapping[str, Setting], agents: Mapping[str, AgentConfig]) -> Config:
    def value(key: str) -> Any:
        return settings[key].value

    return Config(
        name=value("workflow.name"),
        phases=value("workflow.phases"),
        worker=value("roles.worker") or (next(iter(agents)) if len(agents) == 1 else ""),
        agents=agents,
        verify=value("verify.command"),
        setup=value("verify.setup"),
        copy=value("verify.copy"),
        link=value("verify.link"),
        verify_timeout=value("verify.timeout"),
        verify_env=value("verify.env"),
        jobs=value("limits.jobs"),
        attempts=value("limits.attempts"),
        retries=value("limits.retries"),
        timeout=value("limits.timeout"),
        idle=value("limits.idle"),
        backoff=value("limits.backoff"),
        drain=value("limits.drain"),
        every=value("checkpoint.every"),
        keep=value("checkpoint.keep"),
    )
