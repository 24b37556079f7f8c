"""The agents a configuration names, made and checked before anything is spent; and who has which role.

A kind of agent is loaded where one is configured: all of them take a fifth of a run's start.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from orchestrator.agents.protocol import Agent
from orchestrator.clock import SystemClock
from orchestrator.config import AgentConfig, Config
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.call import Call, CallError, Reply
from orchestrator.models.models import Models, door_of
from orchestrator.sandbox import Policy

if TYPE_CHECKING:
    from orchestrator.agents.builtin.agent import BuiltinAgent

MODEL = "anthropic"  # the kind of agent that is a model, and can be asked a question


class _Known(TypedDict):
    """What every agent that is a program is given."""

    env_passed: tuple[str, ...]
    base_env: Mapping[str, str]
    root: Path


@dataclass(frozen=True)
class _Nobody:
    """Answers no question: for who only wants to know whether an agent could start."""

    def ask(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Reply:
        """Refuse."""
        del purpose, cancel
        raise CallError(Failure.FATAL, f"nobody is here to ask {call.model}")


def roster(
    config: Config, root: Path, env: Mapping[str, str], git_dir: Path, models: Models | None = None
) -> dict[str, Agent]:
    """Return every configured agent by name.

    Args:
        config: names them.
        root: the repository.
        env: the caller's environment.
        git_dir: the git directory all worktrees share.
        models: answers the built-in agents' questions; None for agents that are only checked.
    """

    def made(agent: AgentConfig) -> Agent:
        if agent.kind == "scripted":
            from orchestrator.agents.scripted import ScriptedAgent  # noqa: PLC0415 - loaded where it is configured

            return ScriptedAgent(agent.name, root / agent.script)
        if agent.kind == MODEL:
            linked = tuple(root / name for name in config.link)
            return replace(_builtin(agent, env, git_dir, models), readable=linked)
        return _program(agent, config.verify, root, env, models)

    return {name: made(agent) for name, agent in config.agents.items()}


def _program(agent: AgentConfig, verify: str, root: Path, env: Mapping[str, str], models: Models | None) -> Agent:
    known: _Known = {"env_passed": agent.env, "base_env": env, "root": root}
    if agent.kind == "claude_code":
        from orchestrator.agents.claude_code import ClaudeCode  # noqa: PLC0415 - loaded where it is configured

        allow = (*agent.allow, *([f"Bash({verify})"] if verify else ()))
        made = ClaudeCode(
            agent.name, agent.command or ("claude",), agent.model, agent.effort, agent.turns, allow, **known
        )
        return replace(made, left=models.purse.left) if models else made
    if agent.kind == "codex":
        from orchestrator.agents.codex import Codex  # noqa: PLC0415 - loaded where it is configured

        return Codex(agent.name, agent.command or ("codex",), agent.model, agent.effort, **known)
    if agent.format:
        from orchestrator.agents.formatted import FormattedAgent  # noqa: PLC0415 - loaded where it is configured

        return FormattedAgent(agent.name, agent.format, agent.command, agent.model, **known)
    from orchestrator.agents.command import CommandAgent  # noqa: PLC0415 - loaded where it is configured

    return CommandAgent(agent.name, agent.command, **known)


def _builtin(agent: AgentConfig, env: Mapping[str, str], git_dir: Path, models: Models | None) -> "BuiltinAgent":
    from orchestrator.agents.builtin.agent import CONTEXT, BuiltinAgent  # noqa: PLC0415 - loaded where it is configured

    def room(model: str, cancel: threading.Event) -> int:
        """Return what the model takes, but never more than is paid for gladly with each further turn."""
        try:
            return min(CONTEXT, models.abilities(model, cancel).context) if models else CONTEXT
        except CallError as error:
            if error.failure in {Failure.FATAL, Failure.DETERMINISTIC}:
                return CONTEXT  # a proxy that knows messages alone; a model that is not there says so when it is asked
            raise

    return BuiltinAgent(
        agent.name,
        agent.model,
        models or _Nobody(),
        git_dir,
        effort=agent.effort,
        turns=agent.turns,
        policy=Policy(agent.sandbox),
        env_passed=agent.env,
        base_env=env,
        ready=lambda: _look_for_key(env),
        room=room,
    )


def _look_for_key(env: Mapping[str, str]) -> None:
    door_of(env, SystemClock())


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
            hint='add to orchestrator.toml, under [agents.worker]: command = ["your-agent", "{files}"]',
            code=Exit.PRECONDITION,
        )
    known = ", ".join(sorted(agents))
    said = f"there is no agent {name!r}" if name else "which agent is the worker is not said"
    hint = f'known agents: {known}; set in orchestrator.toml, under [roles]: worker = "{next(iter(agents))}"'
    if wanted:
        hint = f"known agents: {known}; correct that line, or add [agents.{wanted}] to orchestrator.toml"
    raise OrchestratorError(said, where=where if wanted else "", hint=hint, code=Exit.PRECONDITION)


def planner(config: Config) -> AgentConfig:
    """Return the model that plans: the one with the role, or the only one there is.

    Raises:
        OrchestratorError: there is none, or it is not said which; with how to say it.
    """
    models = [agent for agent in config.agents.values() if agent.kind == MODEL]
    chosen = [agent for agent in models if config.planner in {"", agent.name}]
    if len(chosen) == 1:
        return chosen[0]
    example = f'add to orchestrator.toml, under [agents.claude]: kind = "{MODEL}" and model = "claude-opus-5-5"'
    if not models:
        raise OrchestratorError("no model is configured that could plan", hint=example, code=Exit.PRECONDITION)
    said = f"roles.planner names {config.planner!r}, which is no model" if config.planner else "which model plans?"
    names = ", ".join(agent.name for agent in models)
    hint = f'models: {names}; in orchestrator.toml, under [roles]: planner = "{models[0].name}"'
    raise OrchestratorError(said, hint=hint, code=Exit.PRECONDITION)


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
    example = f'under [agents.{role}]: kind = "{MODEL}" and model = "claude-opus-5-5"'
    raise OrchestratorError(
        f"roles.{role} names {name!r}, which is no agent of kind {MODEL}",
        hint=f"one of: {', '.join(models)}" if models else f"add to orchestrator.toml, {example}",
        code=Exit.PRECONDITION,
    )
