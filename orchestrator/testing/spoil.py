"""Messages and bodies that arrive whole and are of no use."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.testing.fault import Fault
from orchestrator.testing.message import call
from orchestrator.testing.request import Json, Request, is_thinking
from orchestrator.testing.signing import Seal

_EVENT = b"event: message_start\ndata: %s\n\n"
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>\n"
_OTHER = {"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}
_INPUTS = {Fault.BROKEN_TOOL_INPUT: '{"path": a.txt}', Fault.CUT_TOOL_INPUT: '{"path": "a.txt", "text": "unfinis'}
_CALLS = {*_INPUTS, Fault.UNKNOWN_TOOL, Fault.DUPLICATE_TOOL_IDS}


@dataclass(frozen=True)
class Spoiled:
    """A body that is sent as it is."""

    type: str
    data: bytes


def body(fault: Fault, *, stream: bool) -> Spoiled | None:
    """What is sent instead of a message, for the faults that need none."""
    if fault is Fault.HTML:
        return Spoiled("text/html; charset=utf-8", _PAGE)
    data = {
        Fault.NOT_JSON: b'{"id": "msg_01", "type": "mess',
        Fault.BAD_UTF8: b'{"id": "msg_01", "type": "message", "role": "assistant\xff\xfe"}',
        Fault.WRONG_SHAPE: json.dumps(_OTHER).encode(),
    }.get(fault)
    if data is None:
        return None
    return Spoiled("text/event-stream", _EVENT % data) if stream else Spoiled("application/json", data)


def spoil(fault: Fault, message: Json, request: Request, seal: Seal) -> Json:
    """The message with something wrong in it; as it was, for faults of another kind."""
    if fault in _PLAIN:
        return _PLAIN[fault](message)
    if fault in _CALLS:
        return _with_calls(fault, message, request, seal)
    return message


def _cut_short(message: Json) -> Json:
    content = [block for block in message["content"] if block["type"] != "tool_use"]
    if content and content[-1]["type"] == "text":
        text = content[-1]["text"]
        content[-1] = {**content[-1], "text": text[: -(-len(text) // 2)]}
    return {**message, "content": content, "stop_reason": "max_tokens"}


def _refused(message: Json) -> Json:
    details = {"type": "refusal", "category": "cyber", "explanation": "This request was declined."}
    return {**message, "content": [], "stop_reason": "refusal", "stop_details": details}


def _with_calls(fault: Fault, message: Json, request: Request, seal: Seal) -> Json:
    """The message with at least one call of a tool, and what is wrong with it."""
    content = [block for block in message["content"] if block["type"] != "tool_use"]
    calls = [block for block in message["content"] if block["type"] == "tool_use"]
    if not calls:
        name = request.tools[0] if request.tools else "bash"
        thoughts = [block for block in content if is_thinking(block)]
        calls = [call(request, name, {}, len(content), thoughts, seal)]
    if fault in _INPUTS:
        calls[-1] = {**calls[-1], "input": _INPUTS[fault]}
    elif fault is Fault.UNKNOWN_TOOL:
        calls[-1] = {**calls[-1], "name": "no_such_tool"}
    else:
        calls = [*calls, calls[-1]]
    return {**message, "content": [*content, *calls], "stop_reason": "tool_use"}


_PLAIN: Mapping[Fault, Callable[[Json], Json]] = {
    Fault.NULL_CONTENT: lambda message: {**message, "content": None},
    Fault.UNKNOWN_BLOCK: lambda message: {**message, "content": [{"type": "hologram", "depth": 3}]},
    Fault.MAX_TOKENS: _cut_short,
    Fault.REFUSAL: _refused,
    Fault.EMPTY_CONTENT: lambda message: {**message, "content": [], "stop_reason": "end_turn"},
    Fault.NO_USAGE: lambda message: {name: value for name, value in message.items() if name != "usage"},
}
