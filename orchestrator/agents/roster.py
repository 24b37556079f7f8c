"""The agents a configuration names, made and checked before anything is spent."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.agents.command import CommandAgent
from orchestrator.agents.protocol import Agent
from orchestrator.agents.scripted import ScriptedAgent
from orchestrator.config import AgentConfig, Config
from orchestrator.errors import Exit, OrchestratorError


def roster(config: Config, root: Path, env: Mapping[str, str]) -> dict[str, Agent]:
    """Return every configured agent by name."""
    return {name: _agent(agent, root, env) for name, agent in config.agents.items()}


def _agent(agent: AgentConfig, root: Path, env: Mapping[str, str]) -> Agent:
    if agent.kind == "scripted":
        return ScriptedAgent(agent.name, root / agent.script)
    return CommandAgent(agent.name, agent.command, env_passed=agent.env, base_env=env, root=root)


def pick(agents: Mapping[str, Agent], config: Config, wanted: str, where: str) -> Agent:
    """Return the agent a spec asks for, or the worker.

    Raises:
        OrchestratorError: there is no such agent, or none at all; with how to add one.
    """
    name = wanted or config.worker
    if name in agents:
        return agents[name]
    if not agents:
        raise OrchestratorError(
            "no agent is configured",
            hint='add to orchestrator.toml:  [agents.worker]  command = ["your-agent", "{files}"]',
            code=Exit.PRECONDITION,
        )
    known = ", ".join(sorted(agents))
    said = f"there is no agent {name!r}" if name else "which agent is the worker is not said"
    hint = f'known agents: {known}; or set [roles] worker = "{next(iter(agents))}" in orchestrator.toml'
    raise OrchestratorError(said, where=where if wanted else "", hint=hint, code=Exit.PRECONDITION)
