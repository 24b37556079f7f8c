"""Messages through the real SDK: whole and streamed, with tools, thinking, structured output, and what they cost."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.testing import FakeAPI, Reply, Request, Rule, Script, Structured, Thinking, ToolUse

OPUS, SONNET, OLD = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5"
WRITE = {"name": "write", "description": "Write a file.", "input_schema": {"type": "object"}}
LOOP = Script(
    [
        Rule(
            "greet",
            [
                Reply([Thinking("A file first."), "Let me see.", ToolUse("write", {"path": "grüße.txt"})]),
                Reply([Thinking("And another."), ToolUse("write", {"path": "b"}), ToolUse("write", {"path": "c"})]),
                Reply("Done."),
            ],
        )
    ]
)


def ask(client: Any, messages: Any = "hello", *, stream: bool = False, **more: Any) -> Any:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    wanted = {"model": OPUS, "max_tokens": 1000, "messages": messages, **more}
    if not stream:
        return client.messages.create(**wanted)
    with client.messages.stream(**wanted) as events:
        return events.get_final_message()


def results(message: Any) -> dict[str, Any]:
    calls = [block for block in message.content if block.type == "tool_use"]
    done = [{"type": "tool_result", "tool_use_id": call.id, "content": f"wrote {call.input['path']}"} for call in calls]
    return {"role": "user", "content": done}


@pytest.mark.parametrize("stream", [False, True])
def test_without_a_script_everything_is_ok(client: Any, *, stream: bool) -> None:
    message = ask(client, stream=stream)
    assert [(block.type, block.text) for block in message.content] == [("text", "OK")]
    assert (message.stop_reason, message.model, message.role) == ("end_turn", OPUS, "assistant")


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_goes_round(fake: FakeAPI, client: Any, *, stream: bool) -> None:
    fake.script = LOOP
    said: list[Any] = [{"role": "user", "content": "please greet"}]
    kinds = []
    for _ in range(3):
        message = ask(client, said, stream=stream, tools=[WRITE])
        kinds.append([block.type for block in message.content])
        said.append({"role": "assistant", "content": message.content})
        if message.stop_reason == "tool_use":
            said.append(results(message))
    assert kinds == [["thinking", "text", "tool_use"], ["thinking", "tool_use", "tool_use"], ["text"]]
    assert message.stop_reason == "end_turn"
    assert said[1]["content"][2].input == {"path": "grüße.txt"}


def test_whole_and_streamed_are_one_message(fake: FakeAPI, client: Any) -> None:
    fake.script = LOOP
    whole, streamed = (ask(client, "greet", stream=stream, tools=[WRITE]) for stream in (False, True))
    assert streamed.to_dict() == whole.to_dict()


def test_a_request_that_is_sent_again_gets_the_same_message(fake: FakeAPI, client: Any) -> None:
    fake.script = LOOP
    first, second, other = (ask(client, text, tools=[WRITE]) for text in ("greet", "greet", "greet me"))
    assert first.to_dict() == second.to_dict()
    assert len({first.id, other.id}) == len({first.content[2].id, other.content[2].id}) == 2


def test_a_stream_has_its_events_in_order(fake: FakeAPI, client: Any) -> None:
    fake.script = Script(otherwise=Reply("one two three four"))
    kinds = [
        event.type
        for event in client.messages.create(
            model=OPUS, max_tokens=10, messages=[{"role": "user", "content": "x"}], stream=True
        )
    ]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 4,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.parametrize(
    ("model", "thinking", "text"),
    [
        (OPUS, None, ""),
        (OPUS, {"type": "adaptive", "display": "summarized"}, "Hm."),
        (SONNET, {"type": "adaptive"}, ""),
        (SONNET, {"type": "between_tools"}, None),
        (OLD, None, None),
        (OLD, {"type": "enabled", "budget_tokens": 1024}, "Hm."),
        (OLD, {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}, ""),
    ],
)
def test_thinking_shows_as_the_model_and_the_request_have_it(
    fake: FakeAPI, client: Any, model: str, thinking: Any, text: str | None
) -> None:
    fake.script = Script(otherwise=Reply([Thinking("Hm."), "Yes."]))
    more = {"thinking": thinking} if thinking else {}
    message = ask(client, model=model, max_tokens=2000, **more)
    assert [block.thinking for block in message.content if block.type == "thinking"] == ([] if text is None else [text])
    assert message.usage.output_tokens_details.thinking_tokens == (0 if text is None else 1)


def test_structured_output_is_parsed(fake: FakeAPI, client: Any) -> None:
    pydantic = pytest.importorskip("pydantic")
    answer = pydantic.create_model("Answer", name=(str, ...), count=(int, ...))
    fake.script = Script(otherwise=Reply(Structured({"name": "ü", "count": 2})))
    asked = {"model": OPUS, "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]}
    message = client.messages.parse(**asked, output_format=answer)
    assert message.parsed_output == answer(name="ü", count=2)


@pytest.mark.parametrize("stream", [False, True])
def test_the_tool_runner_comes_to_its_end(fake: FakeAPI, client: Any, sdk: Any, *, stream: bool) -> None:
    @sdk.beta_tool
    def write(path: str) -> str:
        """Write a file.

        Args:
            path: where.
        """
        return f"wrote {path}"

    fake.script = LOOP
    asked = {"model": OPUS, "max_tokens": 1000, "messages": [{"role": "user", "content": "greet"}], "tools": [write]}
    runner = client.beta.messages.tool_runner(**asked, stream=stream, thread=False)
    said = [turn.get_final_message() if stream else turn for turn in runner]
    assert [turn.stop_reason for turn in said] == ["tool_use", "tool_use", "end_turn"]
    results = [block["content"] for block in fake.requests[-1].body["messages"][-1]["content"]]
    assert [result[0]["text"] if isinstance(result, list) else result for result in results] == ["wrote b", "wrote c"]


def test_a_thread_on_the_server_is_not_to_be_had(fake: FakeAPI, client: Any, sdk: Any) -> None:
    runner = client.beta.messages.tool_runner(
        model=OPUS, max_tokens=10, messages=[{"role": "user", "content": "x"}], tools=[]
    )
    with pytest.raises(sdk.BadRequestError, match="thread: Extra inputs"):
        runner.until_done()
    assert fake.usage() == {}


def test_a_reply_can_be_made_from_the_request(fake: FakeAPI, client: Any) -> None:
    def echo(request: Request) -> Reply:
        return Reply(f"you said {request.newest}, {request.system}", stop_reason="stop_sequence")

    fake.script = Script(otherwise=echo)
    message = ask(client, "this", system="briefly")
    assert (message.content[0].text, message.stop_reason) == ("you said this, briefly", "stop_sequence")


def test_tokens_are_counted_as_they_are_charged(client: Any) -> None:
    messages = [{"role": "user", "content": "ä" * 30}]
    counted = client.messages.count_tokens(model=OPUS, messages=messages, system="four")
    assert counted.input_tokens == ask(client, messages, system="four").usage.input_tokens == 20 + 2


def test_what_is_too_long_can_be_counted(client: Any) -> None:
    messages = [{"role": "user", "content": "x" * 900_000}]
    assert client.messages.count_tokens(model=OLD, messages=messages).input_tokens == 300_000


def test_what_was_cached_is_read(fake: FakeAPI, client: Any) -> None:
    system = [{"type": "text", "text": "s" * 300, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    asked = {"type": "text", "text": "q" * 30}
    first = ask(client, [{"role": "user", "content": [asked]}], system=system).usage
    marked = [{"role": "user", "content": [{**asked, "cache_control": {"type": "ephemeral"}}]}]
    second = ask(client, marked, system=system).usage
    third = ask(client, [*marked, {"role": "assistant", "content": "OK"}, {"role": "user", "content": "and"}]).usage
    other = ask(client, marked, system=system, model=SONNET).usage

    def figures(usage: Any) -> tuple[int, ...]:
        split = usage.cache_creation
        return (
            usage.input_tokens,
            usage.cache_read_input_tokens,
            split.ephemeral_5m_input_tokens,
            split.ephemeral_1h_input_tokens,
        )

    assert figures(first) == (10, 0, 0, 100)
    assert figures(second) == (0, 100, 10, 0)
    assert figures(third) == (2, 0, 10, 0)  # without its system prompt, it is another prefix
    assert figures(other) == (0, 0, 10, 100)
    assert first.cache_creation_input_tokens == 100
    assert fake.usage()["cache_creation_input_tokens"] == 100 + 10 + 10 + 110


def test_usage_can_be_anything(fake: FakeAPI, client: Any) -> None:
    fake.script = Script(otherwise=Reply("x", usage={"output_tokens": 90_000}))
    assert [ask(client, stream=stream).usage.output_tokens for stream in (False, True)] == [90_000] * 2
    assert fake.usage()["output_tokens"] == 180_000


def test_a_request_without_room_for_output_only_fills_the_cache(client: Any) -> None:
    message = ask(client, max_tokens=0)
    assert message.content == []


def test_the_journal_has_requests_without_secrets(fake: FakeAPI, client: Any, connect: Callable[..., Any]) -> None:
    ask(client, stream=True)
    ask(connect(fake, api_key=None, auth_token=fake.key))
    first, second = fake.requests
    assert (first.method, first.path, first.status, first.fault) == ("POST", "/v1/messages", 200, None)
    assert first.body["messages"] == [{"role": "user", "content": "hello"}]
    assert first.usage is not None
    assert first.usage["output_tokens"] == 1
    assert fake.key not in str([first, second])
    assert first.headers["anthropic-version"]
    assert first.at <= second.at


def test_a_bug_in_a_script_is_raised_at_the_end(sdk: Any, connect: Callable[..., Any]) -> None:
    def breaks(request: Request) -> bool:
        raise KeyError(request.model)

    fake = FakeAPI(Script([Rule(breaks, [])]))
    with pytest.raises(sdk.APIConnectionError):
        ask(connect(fake))
    with pytest.raises(KeyError, match=OPUS):
        fake.close()
