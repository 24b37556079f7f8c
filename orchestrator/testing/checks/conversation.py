"""The messages: who speaks, what a block may be, and that every tool call has its one answer."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from orchestrator.testing.checks.kinds import a_list, a_string, an_object, only, tag
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Json, Request, Turn

_MOST = 100_000
_ROLES = ("user", "assistant", "system")
_FIELDS: Mapping[str, set[str]] = {
    "text": {"text", "citations"},
    "image": {"source", "transformations"},
    "document": {"source", "title", "context", "citations"},
    "search_result": {"source", "title", "content", "citations"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
    "tool_use": {"id", "name", "input", "caller", "toolset_name"},
    "tool_result": {"tool_use_id", "content", "is_error", "toolset_name"},
}
_NEEDED: Mapping[str, Mapping[str, type]] = {
    "text": {"text": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
}
_WHO: Mapping[str, set[str]] = {
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "system": {"text"},
}
_IN_RESULTS = ("text", "image", "document", "search_result", "tool_reference")
_UNCACHED = {"thinking", "redacted_thinking"}


def check_messages(body: Mapping[str, Any]) -> None:
    """Refuse messages that are not in order, each by itself."""
    messages = a_list(body["messages"], "messages")
    if not messages:
        raise RefusalError("messages: at least one message is required")
    if len(messages) > _MOST:
        raise RefusalError(f"messages: there can be at most {_MOST} messages")
    for number, message in enumerate(messages):
        _check_message(message, f"messages.{number}")
    if messages[0]["role"] != "user":
        raise RefusalError('messages: first message must use the "user" role')


def check_results(request: Request) -> None:
    """Refuse tool calls without their answers, and answers without their calls."""
    ids = Counter(block["id"] for turn in request.turns for block in turn.of("tool_use"))
    if any(count > 1 for count in ids.values()):
        raise RefusalError("messages: `tool_use` ids must be unique")
    before = Turn("", 0, ())
    for turn in request.turns:
        _check_answered(before, turn)
        before = turn
    if before.of("tool_use"):
        raise _unanswered(before, [block["id"] for block in before.of("tool_use")])


def _check_message(message: Any, where: str) -> None:
    only(an_object(message, where), {"role", "content"}, where)
    if message.get("role") not in _ROLES:
        raise RefusalError(f"{where}.role: Input should be 'user', 'assistant' or 'system'")
    if "content" not in message:
        raise RefusalError(f"{where}.content: Field required")
    content = message["content"]
    if isinstance(content, str):
        return _check_text(content)
    if not a_list(content, f"{where}.content"):
        raise RefusalError(f"{where}: all messages must have non-empty content")
    for number, block in enumerate(content):
        _check_block(an_object(block, f"{where}.content.{number}"), message["role"], f"{where}.content.{number}")
    return None


def _check_block(block: Json, role: str, where: str) -> None:
    kind = tag(block, where, _FIELDS)
    if kind not in _WHO[role]:
        raise RefusalError(f"{where}: `{kind}` blocks cannot be in `{role}` messages")
    only(block, {"type", *_FIELDS[kind], *(() if kind in _UNCACHED else ("cache_control",))}, where)
    for name, wanted in _NEEDED.get(kind, {}).items():
        if name not in block:
            raise RefusalError(f"{where}.{kind}.{name}: Field required")
        if not isinstance(block[name], wanted):
            noun = "dictionary" if wanted is dict else "string"
            raise RefusalError(f"{where}.{kind}.{name}: Input should be a valid {noun}")
    if kind == "text":
        _check_text(block["text"])
    if kind == "tool_result":
        _check_result(block.get("content"), where)


def _check_result(content: Any, where: str) -> None:
    if content is None or isinstance(content, str):
        return
    for number, block in enumerate(a_list(content, f"{where}.content")):
        place = f"{where}.content.{number}"
        if tag(an_object(block, place), place, _IN_RESULTS) == "text":
            _check_text(a_string(block.get("text"), f"{place}.text"))


def _check_text(text: str) -> None:
    if not text:
        raise RefusalError("messages: text content blocks must be non-empty")
    if not text.strip():
        raise RefusalError("messages: text content blocks must contain non-whitespace text")


def _check_answered(before: Turn, turn: Turn) -> None:
    calls = [block["id"] for block in before.of("tool_use")]
    answers = [block["tool_use_id"] for block in turn.of("tool_result")]
    for number, block in enumerate(turn.of("tool_result")):
        if block["tool_use_id"] not in calls:
            raise RefusalError(
                f"messages.{turn.at}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
    if missing := [call for call in calls if call not in answers]:
        raise _unanswered(before, missing)
    if twice := [name for name, count in Counter(answers).items() if count > 1]:
        raise RefusalError(
            f"messages.{turn.at}: each tool_use must have a single result. "
            f"Found multiple `tool_result` blocks with id: {', '.join(twice)}"
        )
    if any(block["type"] != "tool_result" for block in turn.blocks[: len(answers)]):
        raise RefusalError(f"messages.{turn.at}: `tool_result` blocks must come first in the content of their message")


def _unanswered(turn: Turn, ids: list[str]) -> RefusalError:
    return RefusalError(
        f"messages.{turn.at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
