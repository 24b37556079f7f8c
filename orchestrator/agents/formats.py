"""The table of further coding agents: how each is started, goes on, and what its output says; one row for each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.agents.coding import Read
from orchestrator.agents.heard import Answered, Began, Heard, Over, Said, Told, Used
from orchestrator.agents.jsonline import count, parse, pick, text
from orchestrator.budget import MICROS, Usage
from orchestrator.failure import Failure
from orchestrator.models.classify import of_status

_TOKENS = ("input", "cached", "kept", "output", "thinking")
_STATUS = re.compile(r"\b(?:status|code|error)\W{1,4}(4\d\d|5\d\d)\b", re.IGNORECASE)
_PASSING = re.compile(r"overloaded|connection|network|timed? ?out|ECONN|high demand|unavailable", re.IGNORECASE)
_LIMIT = 429
_DEAREST = 1e6  # US dollars: more is no price of anything


class Costs(StrEnum):
    """Which span the tokens that an event tells are of."""

    STEP = "one answer"
    RUN = "the whole run"


@dataclass(frozen=True)
class Format:
    """One coding agent.

    In `argv`, `model` and `resume`, `{model}` and `{session}` are filled in, and what a command agent's may hold; in
    `own`, `{home}` is a folder in the attempt's own, made for it.

    Attributes:
        argv: the command line; it gets the spec on standard input.
        model: added where a model is asked for.
        resume: added in a session that goes on; empty where it cannot.
        passed: variables it may see besides the usual ones: its keys and addresses.
        own: variables of its own.
        events: by the `type` of a JSON line, what stands where in it: session, name, model, text, tool, cost, error,
            and the kinds of tokens; empty for an agent that writes prose.
        costs: what the tokens of an event are of.
        complaints: patterns in a line of prose that mean a failure, for an agent whose exit status does not say so.
    """

    argv: tuple[str, ...]
    model: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    costs: Costs = Costs.RUN
    complaints: Mapping[str, Failure] = field(default_factory=dict)

    def reader(self) -> Read:
        """Return a reader of its output."""
        return self._prose if not self.events else self._line

    def _line(self, line: str) -> Iterator[Heard]:
        found = parse(line)
        paths = self.events.get(text(found, "type"), {})
        said = {name: text(found, path) for name, path in paths.items()}
        if said.get("session"):
            yield Began(said["session"], said.get("model", ""))
        if said.get("text"):
            yield Said(said["text"])
        if said.get("tool"):
            yield Used(said["tool"])
        if any(name in paths for name in _TOKENS):
            yield self._spent(found, paths, said)
        if "error" in paths and (wrong := pick(found, paths["error"])):
            words = wrong if isinstance(wrong, str) else str(wrong)
            yield Over(_failure(words), words)

    def _spent(self, found: object, paths: Mapping[str, str], said: Mapping[str, str]) -> Heard:
        usage = Usage(*(count(found, paths[name]) if name in paths else 0 for name in _TOKENS))
        micros = _micros(pick(found, paths["cost"])) if "cost" in paths else None
        if self.costs is Costs.STEP:
            return Answered(said.get("name", ""), "", usage, micros=micros)
        return Told({"": usage}, micros)

    def _prose(self, line: str) -> Iterator[Heard]:
        for pattern, failure in self.complaints.items():
            if re.search(pattern, line):
                yield Over(failure, line.strip())
                return
        if line.strip():
            yield Said(line)


def _micros(dollars: object) -> int | None:
    known = isinstance(dollars, int | float) and not isinstance(dollars, bool) and 0 <= dollars < _DEAREST
    return round(dollars * MICROS) if known and isinstance(dollars, int | float) else None


def _failure(said: str) -> Failure:
    if status := _STATUS.search(said):
        return of_status(int(status[1]), "", said)
    if of_status(_LIMIT, "", said) is Failure.QUOTA:
        return Failure.QUOTA
    return Failure.TRANSIENT if _PASSING.search(said) else Failure.DETERMINISTIC


_PROVIDERS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")

FORMATS: Mapping[str, Format] = {
    "gemini": Format(
        argv=("gemini", "--output-format", "stream-json", "--approval-mode", "yolo"),
        model=("--model", "{model}"),
        resume=("--resume", "{session}"),
        passed=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_*", "GOOGLE_CLOUD_*"),
        own={"GEMINI_CLI_HOME": "{home}", "GEMINI_TELEMETRY_ENABLED": "false"},
        events={
            "init": {"session": "session_id", "model": "model"},
            "message": {"text": "content"},
            "tool_use": {"tool": "tool_name"},
            "error": {"text": "message"},
            "result": {
                "input": "stats.input",
                "cached": "stats.cached",
                "output": "stats.output_tokens",
                "error": "error.message",
            },
        },
    ),
    "opencode": Format(
        argv=("opencode", "run", "--format", "json"),
        model=("--model", "{model}"),
        resume=("--session", "{session}"),
        passed=(*_PROVIDERS, "OPENCODE_CONFIG_CONTENT"),
        own={
            "XDG_DATA_HOME": "{home}/data",
            "XDG_CONFIG_HOME": "{home}/config",
            "XDG_STATE_HOME": "{home}/state",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
        },
        events={
            "step_start": {"session": "sessionID"},
            "text": {"text": "part.text"},
            "tool_use": {"tool": "part.tool"},
            "step_finish": {
                "name": "part.id",
                "input": "part.tokens.input",
                "cached": "part.tokens.cache.read",
                "kept": "part.tokens.cache.write",
                "output": "part.tokens.output",
                "thinking": "part.tokens.reasoning",
                "cost": "part.cost",
            },
            "error": {"error": "error.data.message"},
        },
        costs=Costs.STEP,
    ),
    "aider": Format(
        argv=(
            "aider",
            "--yes-always",
            "--no-pretty",
            "--no-stream",
            "--no-auto-commits",
            "--no-gitignore",
            "--no-check-update",
            "--analytics-disable",
            "--map-tokens",
            "0",  # its map of the repository is kept in a file beside the code
            "--message-file",
            "{spec}",
            "{files}",
        ),
        model=("--model", "{model}"),
        passed=(*_PROVIDERS, "ANTHROPIC_API_BASE", "OPENAI_API_BASE"),
        own={
            "AIDER_CHAT_HISTORY_FILE": "{home}/chat.md",
            "AIDER_INPUT_HISTORY_FILE": "{home}/input",
            "AIDER_LLM_HISTORY_FILE": "{home}/llm",
        },
        # It ends with 0 whatever the API said.
        complaints={
            r"^litellm\.(AuthenticationError|NotFoundError|PermissionDeniedError): ": Failure.FATAL,
            r"litellm\.(RateLimitError|InternalServerError|ServiceUnavailableError|Timeout)": Failure.TRANSIENT,
            r"litellm\.(APIConnectionError|APIError)": Failure.TRANSIENT,
            r"litellm\.(BadRequestError|ContextWindowExceededError)": Failure.DETERMINISTIC,
        },
    ),
}
