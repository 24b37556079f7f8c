"""The agents a configuration names, made and checked before anything is spent; and who has which role."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.agents.command import CommandAgent
from orchestrator.agents.protocol import Agent
from orchestrator.agents.scripted import ScriptedAgent
from orchestrator.config import AgentConfig, Config
from orchestrator.errors import Exit, OrchestratorError

MODEL = "anthropic"  # the kind of agent that is a model, and can be asked a question


def roster(config: Config, root: Path, env: Mapping[str, str]) -> dict[str, Agent]:
    """Return every configured agent that can carry out specs, by name."""
    return {name: _agent(agent, root, env) for name, agent in config.agents.items() if agent.kind != MODEL}


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


def judge(config: Config, role: str, name: str) -> AgentConfig | None:
    """Return the model that has a role (`reviewer`, `resolver`); None where nobody has it.

    Raises:
        OrchestratorError: `name` is no model's.
    """
    if not name:
        return None
    agent = config.agents.get(name)
    if agent is not None and agent.kind == MODEL:
        return agent
    models = [known.name for known in config.agents.values() if known.kind == MODEL]
    example = f'[agents.{role}]  kind = "{MODEL}"  model = "claude-opus-5-5"'
    raise OrchestratorError(
        f"roles.{role} names {name!r}, which is no agent of kind {MODEL}",
        hint=f"one of: {', '.join(models)}" if models else f"add to orchestrator.toml:  {example}",
        code=Exit.PRECONDITION,
    )
