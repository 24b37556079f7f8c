"""From sources to the configuration in force: unknown keys refused, the strongest value of each key checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.config.keys import AGENT_KEYS, KEYS, SECTIONS, Key, KeyPath, dotted, shown
from orchestrator.config.records import AgentConfig, Config, Setting
from orchestrator.config.sources import Source, sources
from orchestrator.errors import OrchestratorError

# What an agent of each kind cannot do without, with an example.
_NEEDED: Mapping[str, tuple[str, str]] = {
    "command": ("command", '["your-agent", "{files}"]'),
    "scripted": ("script", '"script.toml"'),
    "anthropic": ("model", '"claude-opus-5-5"'),
}


def load(root: Path, env: Mapping[str, str], flags: Mapping[str, object] | None = None) -> tuple[Config, list[Setting]]:
    """Resolve every key for the repository at `root`.

    Args:
        root: the checkout's top.
        env: the environment; `ORCHESTRATOR_LIMITS_JOBS=2` sets `limits.jobs`.
        flags: dotted keys given on the command line.

    Raises:
        OrchestratorError: a file is no TOML, or a key is unknown or has a wrong value; with `file:line`.
    """
    known = sources(root, env, flags or {})
    for source in known:
        _refuse_unknown(source)
    settings = [_resolved(key, known) for key in KEYS]
    agents: dict[str, AgentConfig] = {}
    origins: dict[str, list[Setting]] = {}
    for source in reversed(known):
        for path, table in source.values.items():
            if path[0] == "agents":
                agents[path[1]] = agent = _agent(source, path, table)
                origins[path[1]] = _agent_settings(source, path, table, agent)
    return _config(settings, agents), [*settings, *(setting for found in origins.values() for setting in found)]


def _refuse_unknown(source: Source) -> None:
    for path, value in source.values.items():
        if len(path) == 1 and path[0] in SECTIONS:
            raise _no_table(source, path)
        if path[0] != "agents":
            if dotted(path) not in KEYS:
                raise _unknown(source, path, {key: key for key in KEYS})
        elif not isinstance(value, Mapping):
            raise _no_table(source, path)
        else:
            _refuse_unknown_agent_key(source, path, value)


def _no_table(source: Source, path: KeyPath) -> OrchestratorError:
    header = "agents.NAME" if path == ("agents",) else dotted(path)
    return source.error(path, f"{dotted(path)} must be a table", f"write [{header}] on a line of its own")


def _refuse_unknown_agent_key(source: Source, path: KeyPath, table: Mapping[str, Any]) -> None:
    for name in table:
        if name not in AGENT_KEYS:
            raise _unknown(source, (*path, name), {key: dotted((*path, key)) for key in AGENT_KEYS})


def _unknown(source: Source, path: KeyPath, known: Mapping[str, str]) -> OrchestratorError:
    """Return the refusal; `known` says for each name a person may have meant which key that is."""
    import difflib  # noqa: PLC0415 - 4 ms that only a mistyped name pays

    tried = dotted(path) if path[0] != "agents" else path[-1]
    near = difflib.get_close_matches(tried, known, 1, 0.5)
    listed = f"it takes {', '.join(known)}" if path[0] == "agents" else "orchestrator config show lists every key"
    return source.error(path, f"unknown key {dotted(path)}", f"did you mean {known[near[0]]}?" if near else listed)


def _resolved(key: str, known: Sequence[Source]) -> Setting:
    path = tuple(key.split("."))
    for source in known:
        if path in source.values:
            return Setting(key, _checked(source, path, KEYS[key], source.values[path]), source.where(path))
    return Setting(key, KEYS[key].default, "default")


def _checked(source: Source, path: KeyPath, key: Key, value: object) -> Any:
    if not key.takes(value):
        raise source.error(path, f"{dotted(path)} cannot be {shown(value)}", key.wanted)
    return key.kind.kept(value)


def _agent(source: Source, path: KeyPath, table: Mapping[str, Any]) -> AgentConfig:
    given = {name: _checked(source, (*path, name), AGENT_KEYS[name], value) for name, value in table.items()}
    agent = AgentConfig(path[1], **given)
    needed, example = _NEEDED.get(agent.kind, ("", ""))
    named = agent.kind == "command" and agent.format  # which says what is started
    if needed and not named and not getattr(agent, needed):
        raise source.error(path, f"{dotted(path)} has no {needed}", f"add: {needed} = {example}")
    return agent


def _agent_settings(source: Source, path: KeyPath, table: Mapping[str, Any], agent: AgentConfig) -> list[Setting]:
    def origin(name: str) -> str:
        return source.where((*path, name)) if name in table else "default"

    return [Setting(dotted((*path, name)), getattr(agent, name), origin(name)) for name in AGENT_KEYS]


def _config(settings: Sequence[Setting], agents: Mapping[str, AgentConfig]) -> Config:
    fields: dict[str, Any] = {KEYS[setting.key].field: setting.value for setting in settings}
    fields["worker"] = fields["worker"] or (next(iter(agents)) if len(agents) == 1 else "")
    return Config(agents=agents, **fields)
