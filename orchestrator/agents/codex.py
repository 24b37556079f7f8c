"""Codex as an agent: `codex exec --json` in the worktree, in its own sandbox, with a configuration of its own."""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator import render
from orchestrator.agents.builtin.finish import SCHEMA
from orchestrator.agents.coding import Read, Session, carry_out, prompt
from orchestrator.agents.heard import Began, Heard, Over, Said, Told, Used
from orchestrator.agents.jsonline import count, parse, text
from orchestrator.agents.program import refuse_missing, surroundings
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.budget import Usage
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.models.classify import of_status
from orchestrator.process import environment

_KEY, _OTHER_KEY, _URL = "CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"
_HOME = "codex"  # its configuration, below the attempt's folder
_SCHEMA = "result-schema.json"
_TOOLS = {"command_execution", "file_change", "mcp_tool_call"}
_STATUS = re.compile(r"status:? (\d{3})\b")
_PASSING = re.compile(r"high demand|overloaded|stream disconnected|connection|timed? ?out|reconnect", re.IGNORECASE)
_LIMIT = 429


@dataclass(frozen=True)
class Codex:
    """Codex, by its command line.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        command: how it is started, usually `codex` alone.
        model: the model it is to use; empty for its own default.
        effort: how hard it is to try; empty for its own default.
        env_passed: names of variables it may see besides the usual ones and its key; a trailing `*` is a prefix.
        base_env: the environment to choose from, usually `os.environ`.
        root: the repository; a relative command is looked for here.
    """

    name: str
    command: tuple[str, ...] = ("codex",)
    model: str = ""
    effort: str = ""
    env_passed: tuple[str, ...] = ()
    base_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    root: Path = Path()

    @property
    def resumes(self) -> bool:
        """It goes on with its session, which stands in the attempt's folder."""
        return True

    @property
    def reports(self) -> bool:
        """Its last message is made to be a structured result."""
        return True

    @property
    def must_change(self) -> bool:
        """A claim without a change is none."""
        return True

    def check(self) -> None:
        """Look the command and a key up.

        Raises:
            OrchestratorError: there is no such command, or no key (`Exit.MISSING`).
        """
        refuse_missing(self.name, self.command[0], self.root, environment(self.base_env, self.env_passed, {}))
        if not self._key:
            raise OrchestratorError(
                f"agents.{self.name}: no key for {self.command[0]}: its own login is not used",
                hint=f"export {_KEY} or {_OTHER_KEY}",
                code=Exit.MISSING,
            )

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Carry one attempt out, in the session it was begun in if there is one.

        Raises:
            OrchestratorError: its log cannot be written, which is no fault of the agent.
        """
        return carry_out(self, assignment, cancel, transcript)

    def open(self, session: Session) -> tuple[Session, bool]:
        """Return the session; Codex names it, and says so in its first line."""
        return session, bool(session.name) and any((session.logs / _HOME).glob(f"sessions/**/*{session.name}.jsonl"))

    def argv(self, assignment: Assignment, session: Session, *, going_on: bool) -> Sequence[str]:
        """Return the command line."""
        settings = [word for setting in self._settings(assignment) for word in ("-c", setting)]
        how = ["--json", "--skip-git-repo-check", "--output-schema", str(assignment.logs / _SCHEMA), *settings]
        if model := assignment.model or self.model:
            how += ["--model", model]
        return [*self.command, "exec", *(["resume", *how, session.name] if going_on else how), "-"]

    def environment(self, assignment: Assignment) -> Mapping[str, str]:
        """Return an environment with a configuration of its own, in the attempt's folder."""
        home = assignment.logs / _HOME
        home.mkdir(parents=True, exist_ok=True)
        (home / "AGENTS.md").write_text(render.text("prompts/coding-system.md.j2", {}), encoding="utf-8")
        (assignment.logs / _SCHEMA).write_text(json.dumps(SCHEMA), encoding="utf-8")
        temporary = assignment.logs / "tmp"
        temporary.mkdir(exist_ok=True)
        own = {_KEY: self._key, "CODEX_HOME": str(home), "TMPDIR": str(temporary)}
        return surroundings(assignment, self.base_env, self.env_passed, own)

    def reader(self) -> Read:
        """Return a fresh reader of its events."""
        return CodexStream().read

    def prompt(self, assignment: Assignment, *, going_on: bool) -> str:
        """Return the spec, or that the work goes on."""
        return prompt(assignment, going_on=going_on)

    @property
    def _key(self) -> str:
        return self.base_env.get(_KEY) or self.base_env.get(_OTHER_KEY) or ""

    def _settings(self, assignment: Assignment) -> Iterator[str]:
        yield from ('approval_policy="never"', 'sandbox_mode="workspace-write"')
        yield "sandbox_workspace_write.exclude_slash_tmp=true"
        # Its commands get no key; the mark by which every process of the attempt is found is none.
        yield "shell_environment_policy.ignore_default_excludes=false"
        yield f"shell_environment_policy.set.ORCHESTRATOR_TOKEN={json.dumps(assignment.token)}"
        # No further agents, and nothing fetched beside the model's answers.
        yield from (f"features.{name}=false" for name in ("plugins", "apps", "remote_plugin", "multi_agent"))
        yield from ("check_for_update_on_startup=false", "analytics.enabled=false")
        if effort := assignment.effort or self.effort:
            yield f"model_reasoning_effort={json.dumps(effort)}"
        if url := self.base_env.get(_URL):
            yield 'model_provider="elsewhere"'
            facts = {"name": "elsewhere", "base_url": url, "env_key": _KEY, "wire_api": "responses"}
            yield from (f"model_providers.elsewhere.{key}={json.dumps(value)}" for key, value in facts.items())
            yield "model_providers.elsewhere.supports_websockets=false"


class CodexStream:
    """The output of one `codex exec --json`."""

    def __init__(self) -> None:
        self._said = ""

    def read(self, line: str) -> Iterator[Heard]:
        """Return what a line says."""
        found = parse(line)
        match text(found, "type"):
            case "thread.started":
                yield Began(text(found, "thread_id"))
            case "item.completed" if text(found, "item.type") in _TOOLS:
                yield Used(text(found, "item.type"))
            case "item.completed" if text(found, "item.type") == "agent_message":
                self._said = text(found, "item.text")
                yield Said(self._said)
            case "turn.completed":
                yield Told({"": _usage(found)})
                yield Over(None, self._said, parse(self._said) or None)
            case "turn.failed":
                said = text(found, "error.message")
                yield Over(_failure(said), said)


def _usage(found: Mapping[str, Any]) -> Usage:
    """Return the tokens of the session so far; what was read from the cache is counted in what went in."""
    read, cached, kept = (
        count(found, f"usage.{name}") for name in ("input_tokens", "cached_input_tokens", "cache_write_input_tokens")
    )
    output, thinking = count(found, "usage.output_tokens"), count(found, "usage.reasoning_output_tokens")
    return Usage(max(0, read - cached - kept), cached, kept, output, thinking)


def _failure(said: str) -> Failure:
    if status := _STATUS.search(said):
        return of_status(int(status[1]), "", said)
    if of_status(_LIMIT, "", said) is Failure.QUOTA:
        return Failure.QUOTA
    return Failure.TRANSIENT if _PASSING.search(said) else Failure.DETERMINISTIC
