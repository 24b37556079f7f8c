"""Claude Code as an agent: `claude -p` in the worktree, with a configuration and a session of its own."""

import json
import re
import shlex
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import render
from orchestrator.agents.builtin.finish import SCHEMA
from orchestrator.agents.claude_stream import ClaudeStream
from orchestrator.agents.coding import Read, Session, carry_out, prompt
from orchestrator.agents.program import refuse_missing, surroundings
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.budget import MICROS
from orchestrator.documents.spec import Spec
from orchestrator.errors import DocumentError, Exit, OrchestratorError
from orchestrator.process import Limits, environment, find, run

OLDEST = (2, 1, 197)  # measured; older ones let a repository's own settings run commands
_TOOLS = "Bash,Edit,Glob,Grep,Read,Write"  # none that starts further agents, or reaches the web
_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
_PASSED = (*_KEYS, "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS")
_CLOUD = "CLAUDE_CODE_USE_"  # other providers, with keys of their own
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
_HOME = "claude"  # its configuration, below the attempt's folder: sessions, nothing of the user's
_SHELL = "claude-shell"
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})")
_SPAN = re.compile(r"`([^`\n]+)`")
_LOOK = 30.0  # seconds for `--version`


@dataclass(frozen=True)
class ClaudeCode:
    """Claude Code, by its command line.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        command: how it is started, usually `claude` alone.
        model: the model it is to use; empty for its own default.
        effort: how hard it is to try; empty for its own default.
        turns: steps that one run of it may take.
        allow: what it may do besides editing in the worktree, as it writes rules: `Bash(make test)`.
        left: the micros that may still be spent on a task; None where there is no limit.
        env_passed: names of variables it may see besides the usual ones and its keys; a trailing `*` is a prefix.
        base_env: the environment to choose from, usually `os.environ`.
        root: the repository; a relative command is looked for here.
    """

    name: str
    command: tuple[str, ...] = ("claude",)
    model: str = ""
    effort: str = ""
    turns: int = 200
    allow: tuple[str, ...] = ()
    left: Callable[[str], int | None] = lambda _task: None
    env_passed: tuple[str, ...] = ()
    base_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    root: Path = Path()

    @property
    def resumes(self) -> bool:
        """It goes on with its session, which stands in the attempt's folder."""
        return True

    @property
    def must_change(self) -> bool:
        """A claim without a change is none."""
        return True

    def check(self) -> None:
        """Look the command, its version and a key up.

        Raises:
            OrchestratorError: there is no such command, it is too old, or there is no key (`Exit.MISSING`).
        """
        env = environment(self.base_env, self._passed, {})
        refuse_missing(self.name, self.command[0], self.root, env)
        self._refuse_old(env)
        if not any(env.get(key) for key in _KEYS) and not any(key.startswith(_CLOUD) for key in env):
            raise OrchestratorError(
                f"agents.{self.name}: no key for {self.command[0]}: its own login is not used",
                hint=f"export {_KEYS[0]}, or {_KEYS[2]} from `claude setup-token`",
                code=Exit.MISSING,
            )

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Carry one attempt out, in the session it was begun in if there is one.

        Raises:
            OrchestratorError: its log cannot be written, which is no fault of the agent.
        """
        return carry_out(self, assignment, cancel, transcript)

    @property
    def reports(self) -> bool:
        """It is made to hand a structured result in."""
        return True

    def open(self, session: Session) -> tuple[Session, bool]:
        """Return the session, whose id is chosen and written down before anything is spent in it."""
        if not session.name:
            return session.begin(str(uuid.uuid4())), False
        # It was written down, and Claude Code may have been killed before it made its own file.
        return session, any((session.logs / _HOME).glob(f"projects/*/{session.name}.jsonl"))

    def argv(self, assignment: Assignment, session: Session, *, going_on: bool) -> Sequence[str]:
        """Return the command line."""
        return [*self.command, *self._arguments(assignment, session, going_on=going_on)]

    def environment(self, assignment: Assignment) -> Mapping[str, str]:
        """Return an environment with a configuration of its own, in the attempt's folder."""
        return surroundings(assignment, self.base_env, self._passed, _own(assignment.logs))

    def reader(self) -> Read:
        """Return a fresh reader of its stream."""
        return ClaudeStream().read

    def prompt(self, assignment: Assignment, *, going_on: bool) -> str:
        """Return the spec, or that the work goes on."""
        return prompt(assignment, going_on=going_on)

    @property
    def _passed(self) -> tuple[str, ...]:
        return (*_PASSED, *self.env_passed)

    def _refuse_old(self, env: Mapping[str, str]) -> None:
        token = f"orchestrator check {uuid.uuid4()}"
        argv = [*self.command, "--version"]
        said = run(argv, cwd=self.root, env=env, limits=Limits(_LOOK, None), token=token, cancel=threading.Event())
        found = _VERSION.search(said.stdout)
        if not found or tuple(map(int, found.groups())) < OLDEST:
            known = f"version {found[0]}" if found else "of no known version"
            raise OrchestratorError(
                f"agents.{self.name}.command: {self.command[0]} is {known}",
                hint=f"it takes Claude Code {'.'.join(map(str, OLDEST))} or newer: claude update",
                code=Exit.MISSING,
            )

    def _arguments(self, assignment: Assignment, session: Session, *, going_on: bool) -> Iterator[str]:
        yield from ("-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages")
        yield from ("--resume" if going_on else "--session-id", session.name)
        yield from ("--max-turns", str(self.turns), "--permission-mode", "acceptEdits", "--tools", _TOOLS)
        # What the repository brings (hooks, MCP servers, commands) is not for this machine to run.
        yield from ("--setting-sources", "user", "--strict-mcp-config", "--disable-slash-commands")
        rules = [*self.allow, *commands_in(assignment.spec, assignment.worktree, self.base_env)]
        yield from ("--settings", json.dumps({"permissions": {"allow": rules}}))
        yield from ("--json-schema", json.dumps(SCHEMA))
        yield from ("--append-system-prompt", render.text("prompts/coding-system.md.j2", {}))
        if (left := self.left(assignment.task)) is not None:
            yield from ("--max-budget-usd", f"{max(1, left) / MICROS:f}")
        if model := assignment.model or self.model:
            yield from ("--model", model)
        if effort := assignment.effort or self.effort:
            yield from ("--effort", effort)


def _own(logs: Path) -> dict[str, str]:
    """Return the variables for a configuration, a temporary folder and a shell of its own."""
    temporary = logs / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    shell = logs / _SHELL
    # What it runs need not see the key; whoever may run anything can still find it out.
    shell.write_text(f'#!/bin/sh\nunset {" ".join(_KEYS)}\nexec bash -c "$1"\n', encoding="utf-8")
    shell.chmod(0o755)
    return {
        **_QUIET,
        "CLAUDE_CONFIG_DIR": str(logs / _HOME),
        "CLAUDE_CODE_TMPDIR": str(temporary),
        "CLAUDE_CODE_SHELL_PREFIX": str(shell),
    }


def commands_in(spec: str, worktree: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Return a rule for each command of the spec: what it is accepted by, and what its requirements quote."""
    try:
        read = Spec.parse(spec.encode(), "spec.md")
    except DocumentError:
        return
    quoted = [span for line in read.requirements for span in _SPAN.findall(line)]
    for command in dict.fromkeys(words.strip() for words in (read.acceptance, *quoted)):
        first = _first_of_several(command)
        if first and find(first, cwd=worktree, env=env):
            yield f"Bash({command})"


def _first_of_several(command: str) -> str:
    """Return the program that a command starts with; empty for a word alone, which mostly is a name of something."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return words[0] if len(words) > 1 else ""
