"""A message as the events of a stream."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.testing.fault import MIDWAY, Fault
from orchestrator.testing.refusal import error
from orchestrator.testing.request import Json

_PIECES = 4  # a block comes in about as many
_LATER = ("output_tokens", "output_tokens_details")

Event = tuple[str, Json]


def events(message: Json) -> Iterator[Event]:
    """The events that a message comes as."""
    yield _start(message)
    yield "ping", {"type": "ping"}
    for index, block in enumerate(message["content"] or ()):
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        for delta in _deltas(block):
            yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    yield _end(message)
    yield "message_stop", {"type": "message_stop"}


def broken_off(whole: tuple[Event, ...], fault: Fault) -> tuple[Event, ...]:
    """The events that still come when a stream breaks off so; all of them, for faults of another kind."""
    if fault is Fault.DOUBLE_STOP:
        return (*whole, whole[-1])
    if fault is Fault.ERROR_MIDWAY:
        return (*_half(whole), ("error", {"type": "error", "error": error(529, "Overloaded")}))
    return _half(whole) if fault in {*MIDWAY, Fault.TRUNCATED} else whole


def encode(event: Event) -> bytes:
    """An event as it goes over the wire."""
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _half(whole: tuple[Event, ...]) -> tuple[Event, ...]:
    return whole[: max(len(whole) // 2, 2)]


def _start(message: Json) -> Event:
    begun = {
        **message,
        "content": None if message["content"] is None else [],
        "stop_reason": None,
        "stop_details": None,
    }
    if "usage" in message:
        begun["usage"] = {name: value for name, value in message["usage"].items() if name not in _LATER}
        begun["usage"]["output_tokens"] = 1
    return "message_start", {"type": "message_start", "message": begun}


def _end(message: Json) -> Event:
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    ended: Json = {"type": "message_delta", "delta": delta}
    if "usage" in message:
        kept = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", *_LATER)
        ended["usage"] = {name: message["usage"][name] for name in kept if name in message["usage"]}
    return "message_delta", ended


def _empty(block: Json) -> Json:
    blanks: Mapping[str, Mapping[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return {**block, **blanks.get(block["type"], {})}


def _deltas(block: Json) -> Iterator[Json]:
    kind = block["type"]
    if kind == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in _cut(block["text"]))
    elif kind == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif kind == "tool_use":
        # Input that is a string is JSON already: the one way to send some that does not parse.
        given = block["input"]
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *_cut(text)))


def _cut(text: str) -> Iterator[str]:
    step = max(-(-len(text) // _PIECES), 1)
    return (text[start : start + step] for start in range(0, len(text), step))
