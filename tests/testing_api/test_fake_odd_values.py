"""Whatever stands in a request, the fake answers or refuses it; it never breaks."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

from orchestrator.testing import RefusalError, Reply, Script, Thinking, ToolUse
from orchestrator.testing.checks import check
from orchestrator.testing.message import compose
from orchestrator.testing.signing import Seal
from orchestrator.testing.usage import Cache

SEAL = Seal("key")
ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "x", [], {}, [None], ["x"], [[]], [{}], {"type": "x"}, {"type": []})
SCRIPT = Script(otherwise=Reply([Thinking("x"), "y", ToolUse("read")]))


def rich() -> dict[str, Any]:
    """A request with a bit of everything."""
    first = {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        "metadata": {"user_id": "me"},
        "output_config": {
            "effort": "low",
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"a": {"anyOf": [{"type": "array", "items": {"type": "string"}}]}},
                    "required": ["a"],
                    "additionalProperties": False,
                    "$defs": {"b": {"type": "null"}},
                },
            },
        },
        "stop_sequences": ["END"],
        "stream": False,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "tool_choice": {"type": "auto"},
        "tools": [
            {"name": "read", "strict": True, "input_schema": {"type": "object", "additionalProperties": False}},
            {"type": "bash_20250124", "name": "bash"},
        ],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "briefly"},
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]},
        ],
    }
    said = answer(first)["content"]
    result = {"type": "tool_result", "tool_use_id": said[2]["id"], "content": [{"type": "text", "text": "x"}]}
    first["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    return first


def answer(body: Any) -> dict[str, Any]:
    request = check(body, SEAL)
    return compose(request, SCRIPT.reply(request), Cache().count(request), SEAL)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*way, key)
        yield from places(below, (*way, key))


def changed(body: Any, way: tuple[Any, ...], odd: Any) -> Any:
    made = copy.deepcopy(body)
    place = made
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = odd
    return made


def test_an_odd_value_anywhere_is_answered_or_refused() -> None:
    body = rich()
    assert answer(body)["stop_reason"] == "tool_use"
    ends: Counter[str] = Counter()
    for way in places(body):
        for odd in ODD:
            try:
                ends[answer(changed(body, way, odd))["type"]] += 1
            except RefusalError:
                ends["refused"] += 1
    assert ends["refused"] > ends["message"] > 0


def test_an_odd_body_is_refused() -> None:
    for odd in ODD:
        try:
            check(odd, SEAL)
        except RefusalError:
            continue
        raise AssertionError(odd)
