"""What is printed: the product on stdout, as text or in the JSON envelope; the chatter on stderr."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import safe_text

# A coding agent that calls us wants no colour and no live view, whatever its pseudo-terminal says.
_AGENTS = (
    "CLAUDECODE",
    "CODEX_CI",
    "CODEX_SANDBOX",
    "GEMINI_CLI",
    "CURSOR_AGENT",
    "OPENCODE",
    "AIDER",
    "ORCHESTRATOR_TOKEN",  # one of ours
)

_GROUPS = {"config", "dlq", "spec", "task"}  # verbs of two words, each with a schema of its own


@dataclass(frozen=True)
class Next:
    """A command worth running next, and why."""

    cmd: str
    why: str


@dataclass(frozen=True)
class Output:
    """Where and how things are printed.

    Attributes:
        verb: names the envelope's schema.
        as_json: print the envelope instead of text.
        lively: stderr is a terminal where colour and a live view are welcome.
    """

    verb: str
    as_json: bool
    lively: bool
    notes: list[str] = field(default_factory=list)

    def product(self, text: str, data: object, *, following: Sequence[Next] = (), truncated: bool = False) -> None:
        """Print what the verb is for: `text`, or `data` (a dataclass or mapping) in the envelope."""
        if self.as_json:
            self._envelope(ok=True, data=data, following=following, truncated=truncated)
            return
        say(safe_text(text).rstrip("\n") + "\n" if text.strip() else "")
        for step in following:
            self.chatter(f"next: {step.cmd}   # {step.why}")

    def chatter(self, text: str) -> None:
        """Print a line about the work to stderr; in JSON it goes to the envelope's warnings instead."""
        if not self.as_json:
            say(safe_text(text).rstrip("\n") + "\n", sys.stderr)

    def warn(self, text: str) -> None:
        """Print a warning, and keep it for the envelope."""
        self.notes.append(safe_text(text))
        self.chatter(f"warning: {text}")

    def failed(self, error: OrchestratorError) -> int:
        """Show `error` and return its exit code."""
        if self.as_json:
            facts = {
                "message": error.message,
                "where": error.where,
                "hint": error.hint,
                "code": int(error.code),
            }
            with suppress(OSError):  # a full disk may be what is to be told
                self._envelope(ok=False, data={"error": facts}, following=(), truncated=False)
        else:
            hint = f"hint: {safe_text(error.hint)}\n" if error.hint else ""
            with suppress(OSError):
                say(f"error: {safe_text(str(error))}\n{hint}", sys.stderr)
        return int(error.code)

    def crashed(self, error: Exception, argv: Sequence[str], folder: Path) -> int:
        """Write a crash report in Markdown, ready to paste into an issue, and return our bug's exit code."""
        report = _report(error, argv)
        home = folder / ".orchestrator"
        where = "no report could be written"
        if home.is_dir():
            path = home / "crash.md"
            path.write_text(report, encoding="utf-8")
            where = f"report: {path}"
        else:
            say(report, sys.stderr)
        problem = OrchestratorError(
            f"a bug in orchestrator: {type(error).__name__}: {error}",
            hint=f"{where}; nothing was lost, `orchestrator run` goes on",
            code=Exit.BUG,
        )
        return self.failed(problem)

    def _envelope(self, *, ok: bool, data: object, following: Sequence[Next], truncated: bool) -> None:
        envelope = {
            "schema": f"orchestrator.{self.verb}/1",
            "ok": ok,
            "data": plain(data),
            "truncated": truncated,
            "warnings": self.notes,
            "next": [{"cmd": step.cmd, "why": step.why} for step in following],
        }
        say(json_line(envelope) + "\n")


def say(text: str, stream: TextIO | None = None) -> None:
    """Print `text`, on stdout unless another stream is named. Where nobody reads any more, it leads nowhere.

    Raises:
        OSError: the stream goes into a file, and its disk is full.
    """
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What is still to be written would fail once more at the end, and take the verb's own exit code away.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def json_line(value: object) -> str:
    """Return `value` in one line of JSON that stdout's encoding can hold."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not unicode)


def plain(value: Any) -> Any:
    """Return `value` as what JSON knows: dataclasses as objects, moments as ISO text, outside text made safe."""
    if isinstance(value, str):  # most are, and of a landing of thousands each tells one line
        return safe_text(str(value))
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _report(error: Exception, argv: Sequence[str]) -> str:
    import platform  # noqa: PLC0415 - both take 5 ms that only a crash pays
    import traceback  # noqa: PLC0415

    trace = "".join(traceback.format_exception(error))
    return (
        f"# Crash report\n\n- command: `orchestrator {' '.join(argv)}`\n- python: {platform.python_version()}\n"
        f"- system: {platform.platform()}\n\n```text\n{safe_text(trace)}\n```\n"
    )


def calling_agent(env: Mapping[str, str]) -> str:
    """Return the variable that says that a coding agent is calling, empty where none does."""
    return next((name for name in _AGENTS if name in env), "")


def from_environment(argv: Sequence[str], env: Mapping[str, str]) -> Output:
    """Return how to print for this call: decided once, before any verb runs."""
    words = [word for word in argv if not word.startswith("-")]
    terminal = sys.stderr.isatty() and env.get("TERM", "dumb") != "dumb"
    lively = (terminal and not calling_agent(env) and not env.get("NO_COLOR")) or bool(env.get("FORCE_COLOR"))
    # A stream of events is JSON too: its last line is the envelope, also when that is an error.
    as_json = any(word in {"--json", "--events"} or word.startswith("--events=") for word in argv)
    depth = 2 if words and words[0] in _GROUPS else 1
    return Output(".".join(words[:depth]) or "status", as_json, lively)
