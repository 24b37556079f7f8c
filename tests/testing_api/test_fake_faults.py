"""Every fault, and what the real SDK makes of it: whole and streamed."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.testing import FakeAPI, Fault, Reply, Request, Rule, Script, ToolUse, Trouble

ASKED = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "x"}],
    "tools": [{"name": "read", "input_schema": {"type": "object"}}],
}
SCRIPT = Script(otherwise=Reply(["four", ToolUse("read")]))

# What comes of it, whole and streamed: what the SDK raises, or the message it hands over without a word.
WHOLE = "tool_use text+tool_use"
OUTCOMES = {
    Fault.RATE_LIMITED: ("anthropic.RateLimitError 429 rate_limit_error",) * 2,
    Fault.RATE_LIMITED_BARE: ("anthropic.RateLimitError 429 rate_limit_error",) * 2,
    Fault.RATE_LIMITED_MS: ("anthropic.RateLimitError 429 rate_limit_error",) * 2,
    Fault.OVERLOADED: ("anthropic.OverloadedError 529 overloaded_error",) * 2,
    Fault.SERVER_ERROR: ("anthropic.InternalServerError 500 api_error",) * 2,
    Fault.UNAVAILABLE: ("anthropic.ServiceUnavailableError 503 api_error",) * 2,
    Fault.UNAUTHENTICATED: ("anthropic.AuthenticationError 401 authentication_error",) * 2,
    Fault.FORBIDDEN: ("anthropic.PermissionDeniedError 403 permission_error",) * 2,
    Fault.UNPAID: ("anthropic.PaymentRequiredError 402 billing_error",) * 2,
    Fault.MODEL_GONE: ("anthropic.NotFoundError 404 not_found_error",) * 2,
    Fault.PROMPT_TOO_LONG: ("anthropic.BadRequestError 400 invalid_request_error",) * 2,
    Fault.TOO_LARGE: ("anthropic.ContentTooLargeError 413 request_too_large",) * 2,
    Fault.HANG: ("anthropic.APITimeoutError",) * 2,
    Fault.HANG_MIDWAY: ("anthropic.APITimeoutError", "httpx2.ReadTimeout"),
    Fault.DRIP: (WHOLE, WHOLE),
    Fault.RESET: ("anthropic.APIConnectionError",) * 2,
    Fault.RESET_MIDWAY: ("anthropic.APIConnectionError", "httpx2.ReadError"),
    Fault.CUT: ("anthropic.APIConnectionError", "httpx2.RemoteProtocolError"),
    Fault.ERROR_MIDWAY: (WHOLE, "anthropic.APIStatusError 200 overloaded_error"),
    Fault.TRUNCATED: (WHOLE, "None text"),
    Fault.DOUBLE_STOP: (WHOLE, WHOLE),
    Fault.HTML: ("a str", "builtins.AssertionError"),
    Fault.NOT_JSON: ("json.JSONDecodeError",) * 2,
    Fault.BAD_UTF8: ("builtins.UnicodeDecodeError",) * 2,
    Fault.WRONG_SHAPE: ("None None", "builtins.AssertionError"),
    Fault.NULL_CONTENT: ("tool_use None", "tool_use None"),
    Fault.UNKNOWN_BLOCK: ("tool_use hologram",) * 2,
    Fault.MAX_TOKENS: ("max_tokens text",) * 2,
    Fault.REFUSAL: ("refusal ",) * 2,
    Fault.EMPTY_CONTENT: ("end_turn ",) * 2,
    Fault.BROKEN_TOOL_INPUT: (WHOLE, "builtins.ValueError"),
    Fault.CUT_TOOL_INPUT: (WHOLE, WHOLE),
    Fault.UNKNOWN_TOOL: (WHOLE, WHOLE),
    Fault.DUPLICATE_TOOL_IDS: (f"{WHOLE}+tool_use",) * 2,
    Fault.NO_USAGE: (WHOLE, "builtins.AttributeError"),
}


def ask(client: Any, *, stream: bool = False, **more: Any) -> Any:
    if not stream:
        return client.messages.create(**ASKED, **more)
    with client.messages.stream(**ASKED, **more) as events:
        return events.get_final_message()


def outcome(client: Any, *, stream: bool, timeout: float = 60) -> str:
    try:
        message = ask(client, stream=stream, timeout=timeout)
    except Exception as error:  # noqa: BLE001 - what it is, is the point
        known = [str(getattr(error, name, "") or "") for name in ("status_code", "type")]
        return " ".join([f"{type(error).__module__.split('.')[0]}.{type(error).__name__}", *filter(None, known)])
    if isinstance(message, str):
        return "a str"
    kinds = None if message.content is None else "+".join(block.type for block in message.content)
    return f"{message.stop_reason} {kinds}"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_what_the_sdk_makes_of_it(fake: FakeAPI, connect: Callable[..., Any], fault: Fault, *, stream: bool) -> None:
    fake.script = SCRIPT
    fake.fail(fault, seconds=0.0001)
    client = connect(fake)
    patience = 0.3 if fault in {Fault.HANG, Fault.HANG_MIDWAY} else 60
    assert outcome(client, stream=stream, timeout=patience) == OUTCOMES[fault][stream]
    assert [request.fault for request in fake.requests] == [fault]
    assert outcome(client, stream=stream) == WHOLE
    assert [request.fault for request in fake.requests] == [fault, None]


def test_no_answer_has_no_status_and_costs_nothing(fake: FakeAPI, client: Any) -> None:
    for fault in (Fault.RESET, Fault.RESET_MIDWAY):
        fake.fail(fault)
        outcome(client, stream=True)
    first, second = fake.requests
    assert (first.status, first.usage) == (None, None)
    assert (second.status, second.usage) == (200, fake.usage() | dict(second.usage or {}))


def test_when_to_come_back_is_said(fake: FakeAPI, client: Any, sdk: Any) -> None:
    said = []
    for fault in (Fault.RATE_LIMITED, Fault.RATE_LIMITED_BARE, Fault.RATE_LIMITED_MS):
        fake.fail(fault, seconds=2.5)
        with pytest.raises(sdk.RateLimitError) as caught:
            ask(client)
        headers = caught.value.response.headers
        said.append((headers.get("retry-after"), headers.get("retry-after-ms")))
    assert said == [("3", None), (None, None), (None, "2500")]


def test_the_sdk_tries_again_and_gets_there(fake: FakeAPI, connect: Callable[..., Any]) -> None:
    fake.fail(Fault.RATE_LIMITED_MS, times=2, seconds=0.001)
    assert ask(connect(fake, max_retries=2)).stop_reason == "end_turn"
    assert [request.status for request in fake.requests] == [429, 429, 200]
    assert [request.headers["x-stainless-retry-count"] for request in fake.requests] == ["0", "1", "2"]


def test_a_script_fails_as_often_as_it_says_for_each_conversation(fake: FakeAPI, client: Any) -> None:
    reply = Reply("OK", trouble=Trouble(Fault.OVERLOADED, times=1))
    fake.script = Script([Rule("x", [reply])])
    outcomes = [outcome(client, stream=stream) for stream in (False, True, False)]
    assert outcomes == [OUTCOMES[Fault.OVERLOADED][0], "end_turn text", "end_turn text"]
    fake.script = Script([Rule("x", [Reply("OK", trouble=Trouble(Fault.OVERLOADED, times=None))])])
    assert {outcome(client, stream=False) for _ in range(4)} == {OUTCOMES[Fault.OVERLOADED][0]}


def test_only_what_is_meant_fails(fake: FakeAPI, client: Any, sdk: Any) -> None:
    def other(request: Request) -> bool:
        return request.model != ASKED["model"]

    fake.fail(Fault.OVERLOADED, times=None, when=other)
    fake.fail(Fault.OVERLOADED, times=None, when="elsewhere")
    assert ask(client).stop_reason == "end_turn"
    with pytest.raises(sdk.OverloadedError):
        client.messages.create(**{**ASKED, "model": "claude-opus-5"})
    fake.heal()
    assert client.messages.create(**{**ASKED, "model": "claude-opus-5"}).stop_reason == "end_turn"


def test_other_endpoints_fail_too(fake: FakeAPI, client: Any, sdk: Any) -> None:
    fake.fail(Fault.SERVER_ERROR, path="/v1/models*", times=2)
    fake.fail(Fault.RESET, path="/v1/messages/count_tokens")
    for call in (client.models.list, lambda: client.models.retrieve("claude-opus-5-5")):
        with pytest.raises(sdk.InternalServerError):
            call()
    with pytest.raises(sdk.APIConnectionError):
        client.messages.count_tokens(model=ASKED["model"], messages=ASKED["messages"])
    assert ask(client).stop_reason == "end_turn"


def test_an_illegal_request_uses_up_no_fault(fake: FakeAPI, client: Any, sdk: Any) -> None:
    fake.fail(Fault.OVERLOADED)
    with pytest.raises(sdk.BadRequestError):
        ask(client, stop_sequences=[""])
    assert outcome(client, stream=False) == OUTCOMES[Fault.OVERLOADED][0]


def test_input_that_stops_half_way_looks_whole_to_the_sdk(fake: FakeAPI, client: Any) -> None:
    fake.script = SCRIPT
    fake.fail(Fault.CUT_TOOL_INPUT, times=2)
    whole, streamed = (ask(client, stream=stream).content[-1].input for stream in (False, True))
    assert (whole, streamed) == ('{"path": "a.txt", "text": "unfinis', {"path": "a.txt"})


def test_a_refusal_says_why(fake: FakeAPI, client: Any) -> None:
    fake.fail(Fault.REFUSAL, times=2)
    for stream in (False, True):
        message = ask(client, stream=stream)
        assert (message.stop_details.category, message.stop_details.type) == ("cyber", "refusal")


def test_faults_have_a_line_each() -> None:
    assert {fault.value for fault in Fault if len(fault.value) < 10 or "\n" in fault.value} == set()
    assert len({fault.value for fault in Fault}) == len(OUTCOMES)


def test_a_drip_is_as_slow_as_it_says(fake: FakeAPI, client: Any) -> None:
    fake.fail(Fault.DRIP, seconds=0.001)
    began = time.monotonic()
    ask(client)
    assert time.monotonic() - began > 0.3
