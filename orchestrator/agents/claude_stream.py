"""Claude Code's `stream-json`, read: each line becomes events of ours, and what is not known is noise."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.agents.heard import Answered, Began, Denied, Heard, Over, Said, Told, Used
from orchestrator.agents.jsonline import count, objects, parse, pick, text
from orchestrator.budget import Usage
from orchestrator.failure import Failure
from orchestrator.models.classify import of_status

RESULT = "StructuredOutput"  # the tool that hands the structured result in: no work by itself
_LOGIN = re.compile(r"not logged in|invalid api key|please run /login", re.IGNORECASE)


class ClaudeStream:
    """The output of one `claude -p --output-format stream-json --include-partial-messages`."""

    def __init__(self) -> None:
        self._open: dict[str, Mapping[str, Any]] = {}  # the answer being given, by the tool use it is a part of

    def read(self, line: str) -> Iterator[Heard]:
        """Return what a line says."""
        found = parse(line)
        match text(found, "type"):
            case "system":
                yield from _system(found)
            case "stream_event":
                yield from self._answer(found)
            case "assistant":
                yield from _said(found)
            case "result":
                yield from _over(found)

    def _answer(self, found: Mapping[str, Any]) -> Iterator[Heard]:
        """Count one answer: what went in is known at its start, what came out at its end."""
        within = text(found, "parent_tool_use_id")
        match text(found, "event.type"):
            case "message_start":
                message = pick(found, "event.message")
                self._open[within] = message if isinstance(message, Mapping) else {}
                done = False
            case "message_delta":
                done = True
            case _:
                return
        message = self._open.get(within, {})
        if name := text(message, "id"):
            told = {**_dict(message, "usage"), **_dict(found, "event.usage")}
            yield Answered(name, text(message, "model"), _usage(told), done)


def _dict(found: object, path: str) -> dict[str, Any]:
    held = pick(found, path)
    return {name: value for name, value in held.items() if value is not None} if isinstance(held, Mapping) else {}


def _usage(told: Mapping[str, Any]) -> Usage:
    return Usage(
        count(told, "input_tokens"),
        count(told, "cache_read_input_tokens"),
        count(told, "cache_creation_input_tokens"),
        count(told, "output_tokens"),
        count(told, "output_tokens_details.thinking_tokens"),
    )


def _system(found: Mapping[str, Any]) -> Iterator[Heard]:
    match text(found, "subtype"):
        case "init":
            yield Began(text(found, "session_id"), text(found, "model"), text(found, "claude_code_version"))
        case "permission_denied":
            yield Denied(text(found, "tool_use_id"), text(found, "tool_name"), text(found, "decision_reason"))


def _said(found: Mapping[str, Any]) -> Iterator[Heard]:
    for block in objects(found, "message.content"):
        if words := text(block, "text"):
            yield Said(words)
        if (tool := text(block, "name")) and tool != RESULT:
            yield Used(tool)


def _over(found: Mapping[str, Any]) -> Iterator[Heard]:
    yield Told(_told(found))
    for denial in objects(found, "permission_denials"):
        tool = text(denial, "tool_name")
        what = text(denial, "tool_input.command") or text(denial, "tool_input.file_path")
        yield Denied(text(denial, "tool_use_id"), tool, what)
    errors = pick(found, "errors")
    said = text(found, "result") or "; ".join(map(str, errors if isinstance(errors, list) else ()))
    # Of every failure of the API the subtype is `success`.
    failed = found.get("is_error") is not False or text(found, "subtype") != "success"
    result = pick(found, "structured_output")
    yield Over(_failure(found, said) if failed else None, said, result if isinstance(result, Mapping) else None)


def _told(found: Mapping[str, Any]) -> Mapping[str, Usage]:
    """Return the tokens of this run: `modelUsage` counts on from what a resumed session took before."""
    since = pick(found, "model_usage_since_last_result")
    if not isinstance(since, Mapping):
        return {"": _usage(_dict(found, "usage"))}
    return {str(model): _by_model(told) for model, told in since.items()}


def _by_model(told: object) -> Usage:
    names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens", "thinkingTokens")
    return Usage(*(count(told, name) for name in names))


def _failure(found: Mapping[str, Any], said: str) -> Failure:
    if text(found, "stop_reason") == "refusal":
        return Failure.DETERMINISTIC
    if text(found, "subtype") == "error_max_budget_usd":
        return Failure.QUOTA
    if status := count(found, "api_error_status"):
        return of_status(status, "", said)
    if _LOGIN.match(said):
        return Failure.FATAL
    # The connection failed, or what came back was no answer, more often than it tries again.
    passing = {text(found, "terminal_reason"), text(found, "subtype")} & {"api_error", "error_during_execution"}
    return Failure.TRANSIENT if passing else Failure.DETERMINISTIC
