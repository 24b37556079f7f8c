"""Everything the fake refuses, as the real SDK meets it; and the neighbours of each, which it takes."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.testing import FakeAPI, Reply, Rule, Script, Thinking, ToolUse

USER = {"role": "user", "content": "hello"}
BODY = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": [USER]}
TOOL = {"name": "read", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
ANSWER = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text"}
CACHED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FABLE, SONNET, OPUS_5, SONNET_46, HAIKU_45 = (
    "claude-fable-5-1",
    "claude-sonnet-5-5",
    "claude-opus-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
)


def talk(*contents: Any) -> dict[str, Any]:
    """Messages whose roles alternate, the user's first."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[place % 2], "content": said} for place, said in enumerate(contents)]}


def schema(**changes: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": {**CLOSED, **changes}}}}


def send(client: Any, body: Any) -> Any:
    return client.post("/v1/messages", body=body, cast_to=object)


REFUSED = {
    "no model": ({"model": None}, "model: Input should be a valid string"),
    "no such field": ({"prompt": "x"}, "prompt: Extra inputs are not permitted"),
    "a server thread": ({"thread": {"type": "create"}}, "thread: Extra inputs"),
    "max_tokens is text": ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    "max_tokens is true": ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    "max_tokens below zero": ({"max_tokens": -1}, "max_tokens: Input should be greater"),
    "max_tokens too large": ({"max_tokens": 128_001}, "max_tokens: 128001 > 128000, which is the maximum"),
    "max_tokens of an older model": ({"model": HAIKU_45, "max_tokens": 64_001}, "64001 > 64000"),
    "stream is text": ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    "metadata": ({"metadata": {"user": "me"}}, "metadata.user: Extra inputs"),
    "stop sequences": ({"stop_sequences": [" "]}, "stop sequence must contain"),
    "service tier": ({"service_tier": "best"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    "empty system": ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks must be non-empty"),
    "temperature": ({"temperature": 0.5}, "temperature: sampling parameters"),
    "top_p": ({"model": OPUS_5, "top_p": 0.5}, "top_p: sampling parameters"),
    "top_k": ({"model": SONNET, "top_k": 5}, "top_k: sampling parameters"),
    "thinking off": ({"thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported for this model'),
    "thinking off on fable": ({"model": FABLE, "thinking": {"type": "disabled"}}, "thinking.type.disabled"),
    "a budget": ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.type.enabled"),
    "between tools": ({"thinking": {"type": "between_tools"}}, "thinking.type.between_tools"),
    "thinking off on sonnet": ({"model": SONNET, "thinking": {"type": "disabled"}}, "thinking.type.disabled"),
    "no way to think": ({"thinking": {"type": "hard"}}, "thinking: Input tag 'hard'"),
    "adaptive with a budget": ({"thinking": {"type": "adaptive", "budget_tokens": 1}}, "thinking.budget_tokens: Extra"),
    "adaptive on an old model": ({"model": HAIKU_45, "thinking": {"type": "adaptive"}}, "thinking.type.adaptive"),
    "a small budget": (
        {"model": HAIKU_45, "thinking": {"type": "enabled", "budget_tokens": 1000}},
        "thinking.budget_tokens: Input should be greater than or equal to 1024",
    ),
    "a budget without room": (
        {"model": HAIKU_45, "max_tokens": 1024, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "any tool": ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use is not supported"),
    "one tool": ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "read"}}, "forced tool use"),
    "any tool on fable": ({"model": FABLE, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
    "any tool on sonnet": ({"model": SONNET, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
    "forced while it thinks": (
        {"model": OPUS_5, "tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
        "Thinking may not be enabled when tool_choice forces tool use",
    ),
    "a tool that is not there": (
        {"model": OPUS_5, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "rite"}},
        "tool 'rite' not found",
    ),
    "a choice without tools": ({"tool_choice": {"type": "auto"}}, "only be specified while providing tools"),
    "no such choice": ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice: Input tag 'some'"),
    "effort": ({"output_config": {"effort": "huge"}}, "output_config.effort: Input should be 'low' or"),
    "effort on an old model": ({"model": HAIKU_45, "output_config": {"effort": "low"}}, "'low' is not supported"),
    "effort without thinking": (
        {"model": OPUS_5, "output_config": {"effort": "max"}, "thinking": {"type": "disabled"}},
        "'max' is not supported with thinking turned off",
    ),
    "prefill": (talk("hello", "It is"), "does not support assistant message prefill"),
    "prefill on 4.6": ({"model": SONNET_46, **talk("hello", "It is")}, "assistant message prefill"),
    "no messages": ({"messages": []}, "at least one message is required"),
    "messages are text": ({"messages": "hello"}, "messages: Input should be a valid list"),
    "assistant first": ({"messages": [{"role": "assistant", "content": "hi"}, USER]}, 'must use the "user" role'),
    "no such role": ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be"),
    "no content": ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    "a field of a message": ({"messages": [{**USER, "name": "me"}]}, "messages.0.name: Extra inputs"),
    "empty content": (talk([]), "messages.0: all messages must have non-empty content"),
    "empty string": (talk(""), "text content blocks must be non-empty"),
    "empty text": (talk([{"type": "text", "text": ""}]), "text content blocks must be non-empty"),
    "blank text": (talk([{"type": "text", "text": " \n"}]), "must contain non-whitespace text"),
    "text without text": (talk([{"type": "text"}]), "messages.0.content.0.text.text: Field required"),
    "no such block": (talk([{"type": "input_text", "text": "x"}]), "Input tag 'input_text' found using 'type'"),
    "a field of a block": (talk([{"type": "text", "text": "x", "id": 1}]), "messages.0.content.0.id: Extra inputs"),
    "the user calls": (talk([CALL]), "`tool_use` blocks cannot be in `user` messages"),
    "the user thinks": (talk([{"type": "thinking", "thinking": "x", "signature": "y"}]), "cannot be in `user`"),
    "the assistant answers": (talk("x", [ANSWER], "y"), "`tool_result` blocks cannot be in `assistant` messages"),
    "input is text": (talk("x", [{**CALL, "input": "{}"}], [ANSWER]), "input: Input should be a valid dictionary"),
    "a tool's name": ({"tools": [{**TOOL, "name": "read file"}]}, "tools.0.name: String should match pattern"),
    "a long name": ({"tools": [{**TOOL, "name": "r" * 65}]}, "tools.0.name: String should match pattern"),
    "two of a name": ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
    "a tool without schema": ({"tools": [{"name": "a"}]}, "tools.0.input_schema: Field required"),
    "a tool of text": ({"tools": [{"name": "a", "input_schema": {"type": "string"}}]}, "Input should be 'object'"),
    "a field of a tool": ({"tools": [{**TOOL, "function": {}}]}, "tools.0.function: Extra inputs"),
    "no such tool type": ({"tools": [{"type": "function", "name": "a"}]}, "Input tag 'function' found using 'type'"),
    "an open strict tool": ({"tools": [{**TOOL, "strict": True}]}, "must be explicitly set to false"),
    "five breakpoints": (talk([CACHED] * 5), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    "four and one for all": ({"cache_control": {"type": "ephemeral"}, **talk([CACHED] * 4)}, "Found 5."),
    "a breakpoint's type": (talk([{**CACHED, "cache_control": {"type": "forever"}}]), "Input should be 'ephemeral'"),
    "a breakpoint's life": (
        talk([{**CACHED, "cache_control": {"type": "ephemeral", "ttl": "1d"}}]),
        "cache_control.ttl",
    ),
    "an open schema": (schema(additionalProperties=True), "'additionalProperties' must be explicitly set to false"),
    "a schema that may lack": (schema(required=[]), "'required' must name each of 'properties', and nothing else: a"),
    "an open object inside": (schema(properties={"a": {"type": "object"}}), "schema.properties.a: For 'object' type"),
    "an open object in a list": (
        schema(properties={"a": {"type": "array", "items": {"type": "object"}}}),
        "schema.properties.a.items",
    ),
    "an open definition": (schema(**{"$defs": {"b": {"type": "object"}}}), "schema.$defs.b"),
    "no schema": ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field"),
    "another format": ({"output_config": {"format": {"type": "json_object"}}}, "Input should be 'json_schema'"),
    "a call without answer": (talk("x", [CALL], "y"), "`tool_use` ids were found without `tool_result` blocks"),
    "a call at the end": ({"model": HAIKU_45, **talk("x", [CALL])}, "without `tool_result` blocks"),
    "an answer to nothing": (talk([ANSWER]), "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
    "a late answer": (talk("x", [CALL], [ANSWER], "y", [ANSWER]), "messages.4.content.0: unexpected"),
    "two answers": (talk("x", [CALL], [ANSWER, ANSWER]), "each tool_use must have a single result"),
    "one answer of two": (talk("x", [CALL, {**CALL, "id": "toolu_2"}], [ANSWER]), "immediately after: toolu_2"),
    "an answer after words": (
        talk("x", [CALL], [{"type": "text", "text": "here"}, ANSWER]),
        "blocks must come first",
    ),
    "calls with one id": (talk("x", [CALL, CALL], [ANSWER]), "`tool_use` ids must be unique"),
    "thoughts of nobody": (
        talk("x", [{"type": "thinking", "thinking": "x", "signature": "c2ln"}, {"type": "text", "text": "y"}], "z"),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "empty text in a result": (
        talk("x", [CALL], [{**ANSWER, "content": [{"type": "text", "text": ""}]}]),
        "text content blocks must be non-empty",
    ),
    "too long": ({"model": HAIKU_45, **talk("x" * 600_003)}, "prompt is too long: 200001 tokens > 200000 maximum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(fake: FakeAPI, client: Any, sdk: Any, name: str) -> None:
    changes, said = REFUSED[name]
    with pytest.raises(sdk.BadRequestError) as caught:
        send(client, {**BODY, **changes})
    assert said in caught.value.api_message
    assert caught.value.type == "invalid_request_error"
    (request,) = fake.requests
    assert (request.status, request.error) == (400, caught.value.api_message)
    assert caught.value.request_id == caught.value.body["request_id"] == request.request_id


TAKEN = {
    "as it stands": {},
    "all that is there": {
        "metadata": {"user_id": "me"},
        "service_tier": "auto",
        "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "x"}],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "tools": [TOOL, {"type": "bash_20250124", "name": "bash"}, {"type": "computer_toolset_20260801"}],
        "output_config": {"effort": "max", **schema()["output_config"]},
    },
    "sampling where there is": {"model": SONNET_46, "temperature": 0.5},
    "thinking off where it can be": {"model": OPUS_5, "thinking": {"type": "disabled"}},
    "forced where it can be": {"model": OPUS_5, "tools": [TOOL], "tool_choice": {"type": "any"}},
    "prefill where it can be": {"model": HAIKU_45, **talk("hello", "It is")},
    "a system message on the way": {"messages": [USER, {"role": "system", "content": "x"}, USER]},
    "four breakpoints": talk([CACHED] * 4),
    "answers over two messages": {
        "messages": [
            USER,
            {"role": "assistant", "content": [CALL, {**CALL, "id": "toolu_2"}]},
            {"role": "user", "content": [ANSWER]},
            {"role": "user", "content": [{**ANSWER, "tool_use_id": "toolu_2"}, {"type": "text", "text": "there"}]},
        ]
    },
    "properties that are called as keywords": schema(
        properties={"properties": {"type": "string"}}, required=["properties"]
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_it_is_taken(client: Any, name: str) -> None:
    assert send(client, {**BODY, **TAKEN[name]})["type"] == "message"


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_what_is_needed(client: Any, sdk: Any, field: str) -> None:
    with pytest.raises(sdk.BadRequestError, match=f"{field}: Field required"):
        send(client, {name: value for name, value in BODY.items() if name != field})


def test_counting_takes_no_max_tokens(client: Any, sdk: Any) -> None:
    with pytest.raises(sdk.BadRequestError, match="max_tokens: Extra inputs"):
        client.post("/v1/messages/count_tokens", body=BODY, cast_to=object)


def test_an_unknown_model_is_not_found(client: Any, sdk: Any) -> None:
    with pytest.raises(sdk.NotFoundError, match="model: claude-9"):
        send(client, {**BODY, "model": "claude-9"})


def test_an_unknown_path_is_not_found(client: Any, sdk: Any) -> None:
    with pytest.raises(sdk.NotFoundError, match="Not found: POST /v1/complete"):
        client.post("/v1/complete", body=BODY, cast_to=object)


def test_a_wrong_key_is_refused(fake: FakeAPI, connect: Callable[..., Any], sdk: Any) -> None:
    for options in ({"api_key": "other"}, {"api_key": None, "auth_token": "other"}):
        with pytest.raises(sdk.AuthenticationError, match="invalid x-api-key"):
            send(connect(fake, **options), BODY)


def test_a_large_request_is_refused(connect: Callable[..., Any], sdk: Any) -> None:
    with FakeAPI(largest=10_000) as small:
        client = connect(small)
        with pytest.raises(sdk.ContentTooLargeError) as caught:
            send(client, {**BODY, **talk("x" * 5_000_000)})
        assert send(client, BODY)["type"] == "message"
    assert caught.value.type == "request_too_large"


def raw(fake: FakeAPI, data: bytes, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"))
    try:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/v1/messages", data, shown)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]["message"], answer.headers["request-id"]
    finally:
        connection.close()


def test_headers_are_needed(fake: FakeAPI) -> None:
    data, version = json.dumps(BODY).encode(), "2023-06-01"
    assert raw(fake, data, anthropic_version=version)[:2] == (401, "x-api-key header is required")
    assert raw(fake, data, x_api_key=fake.key)[:2] == (400, "anthropic-version: header is required")
    status, said, request_id = raw(fake, data, x_api_key=fake.key, anthropic_version="2024-01-01")
    assert (status, said) == (400, "anthropic-version: '2024-01-01' is not a valid version")
    assert request_id == fake.requests[-1].request_id


def test_a_body_that_is_no_json_is_refused(fake: FakeAPI) -> None:
    shown = {"x_api_key": fake.key, "anthropic_version": "2023-06-01"}
    assert raw(fake, b"{", **shown)[1].startswith("The request body is not valid JSON")
    assert raw(fake, b"\xff", **shown)[1].startswith("The request body is not valid JSON")
    assert raw(fake, b"[]", **shown)[:2] == (400, "Input should be a valid dictionary")


THINKER = Script([Rule("go", [Reply([Thinking("First."), ToolUse("read")]), Reply([Thinking("Then."), "Done."])])])


def loop(fake: FakeAPI, client: Any, model: str = "claude-opus-5-5") -> dict[str, Any]:
    """The request that goes on after a tool call with thoughts."""
    fake.script = THINKER
    body = {**BODY, "model": model, "tools": [TOOL], "system": "s", **talk("go")}
    body["thinking"] = {"type": "adaptive", "display": "summarized"}
    said = send(client, body)["content"]
    answer = {**ANSWER, "tool_use_id": said[1]["id"]}
    return {**body, **talk("go", said, [answer])}


def test_thoughts_come_back_unchanged(fake: FakeAPI, client: Any) -> None:
    body = loop(fake, client)
    last = send(client, body)["content"]
    later = [*body["messages"], {"role": "assistant", "content": last}, USER]
    fake.script = Script(otherwise=Reply("OK"))
    assert send(client, {**body, "messages": later})["content"][0]["text"] == "OK"


def test_moving_a_breakpoint_changes_no_thoughts(fake: FakeAPI, client: Any) -> None:
    body = loop(fake, client)
    body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    assert send(client, body)["stop_reason"] == "end_turn"


def test_another_server_with_the_key_knows_its_signatures(
    fake: FakeAPI, client: Any, connect: Callable[..., Any], sdk: Any
) -> None:
    body = loop(fake, client)
    with FakeAPI(THINKER) as same, FakeAPI(THINKER, key="other") as other:
        assert send(connect(same), body)["stop_reason"] == "end_turn"
        with pytest.raises(sdk.BadRequestError, match="Invalid `signature`"):
            send(connect(other), body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda said: said.pop(0), "Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        (lambda said: said[0].update(thinking="Second."), "cannot be modified"),
        (lambda said: said[0].update(signature=said[0]["signature"][:-8] + "AAAAAAA="), "Invalid `signature`"),
        (lambda said: said[0].update(signature=""), "Invalid `signature`"),
    ],
)
@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-opus-5", SONNET_46])
def test_changed_thoughts_are_refused(fake: FakeAPI, client: Any, sdk: Any, change: Any, said: str, model: str) -> None:
    body = loop(fake, client, model)
    change(body["messages"][1]["content"])
    with pytest.raises(sdk.BadRequestError) as caught:
        send(client, body)
    assert said in caught.value.api_message


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(system="t"),
        lambda body: body.update(tools=[{**TOOL, "description": "Reads."}]),
        lambda body: body["messages"][0].update(content="go on"),
    ],
)
def test_thoughts_are_bound_to_what_stood_before_them(fake: FakeAPI, client: Any, sdk: Any, change: Any) -> None:
    for model, bound in (("claude-opus-5-5", True), ("claude-opus-5", False)):
        body = loop(fake, client, model)
        change(body)
        if bound:
            with pytest.raises(sdk.BadRequestError, match="bound to a different conversation"):
                send(client, body)
        else:
            assert send(client, body)["stop_reason"] == "end_turn"


def test_who_thinks_no_more_needs_no_thoughts(fake: FakeAPI, client: Any) -> None:
    body = loop(fake, client, OPUS_5)
    del body["messages"][1]["content"][0]
    assert send(client, {**body, "thinking": {"type": "disabled"}})["stop_reason"] == "end_turn"


def test_thoughts_between_calls_keep_their_order(fake: FakeAPI, client: Any, sdk: Any) -> None:
    fake.script = Script([Rule("go", [Reply([Thinking("1"), "a", Thinking("2"), ToolUse("read")]), Reply("Done.")])])
    body = {**BODY, "tools": [TOOL], **talk("go")}
    said = send(client, body)["content"]
    answer = {**ANSWER, "tool_use_id": said[3]["id"]}
    assert send(client, {**body, **talk("go", said, [answer])})["stop_reason"] == "end_turn"
    for place, found in ((0, "Expected `thinking`"), (2, "Expected `thinking`")):
        less = [block for number, block in enumerate(said) if number != place]
        with pytest.raises(sdk.BadRequestError, match=found):
            send(client, {**body, **talk("go", less, [answer])})
    swapped = [said[2], said[1], said[0], said[3]]
    with pytest.raises(sdk.BadRequestError, match="bound to a different conversation"):
        send(client, {**body, **talk("go", swapped, [answer])})


def test_thoughts_of_turns_that_are_over_may_go(fake: FakeAPI, client: Any) -> None:
    body = loop(fake, client)
    last = send(client, body)["content"]
    del body["messages"][1]["content"][0]
    later = [*body["messages"], {"role": "assistant", "content": last[1:]}, USER]
    fake.script = Script(otherwise=Reply("OK"))
    assert send(client, {**body, "messages": later})["content"][0]["text"] == "OK"
