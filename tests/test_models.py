"""The model door, held against the fake: every fault is classed, no call outlives its deadline, nothing is sent twice."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

import pytest
from model_faults import CLASSES, STOPS

from orchestrator.failure import Failure, Next, what_next
from orchestrator.models.call import Call, CallError, Reply, Stop, Usage
from orchestrator.models.checked import BrokenReplyError, Order, reply
from orchestrator.models.door import Door
from orchestrator.testing import FakeAPI, Fault, Rule, Script, Structured, Thinking, ToolUse
from orchestrator.testing import Reply as Said

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}},
    "required": ["verdict"],
    "additionalProperties": False,
}
TOOL = {"name": "read", "input_schema": {"type": "object"}}
SCRIPT = Script(
    [
        Rule("greet", [Said("Hello.")]),
        Rule("judge", [Said(Structured({"verdict": "good"}))]),
        Rule("look", [Said([Thinking("A file first."), ToolUse("read", {"path": "a.txt"})]), Said("It says a.")]),
    ]
)
CALL = Call("claude-opus-5-5", "You are brief.", [{"role": "user", "content": "greet"}], most=1000, deadline=30.0)
HURRIED = 1.5  # seconds: the deadline of a call that is to miss it
NEVER = threading.Event()
_BUSY = 5.0  # seconds that a machine may lose on the way when all of its cores are taken


@pytest.fixture(scope="module", autouse=True)
def _sdk() -> None:
    import_module("anthropic")  # seconds, which no deadline counts


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI(SCRIPT) as made:
        yield made


def door(fake: FakeAPI) -> Door:
    return Door(key=fake.key, url=fake.url)


def asking(text: str, **more: object) -> Call:
    return replace(CALL, messages=[{"role": "user", "content": text}], **more)


def refused(fake: FakeAPI, call: Call, cancel: threading.Event = NEVER) -> CallError:
    with pytest.raises(CallError) as caught:
        door(fake).send(call, cancel)
    return caught.value


def test_an_answer_comes_back_with_its_figures(fake: FakeAPI) -> None:
    said = door(fake).send(CALL, NEVER)
    assert (said.text, said.stop, said.model) == ("Hello.", Stop.END, "claude-opus-5-5")
    assert said.usage is not None
    assert said.usage.output > 0
    assert said.request.startswith("req_")


def test_the_stable_prefix_is_read_from_the_cache_the_second_time(fake: FakeAPI) -> None:
    first, second = (door(fake).send(CALL, NEVER).usage for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.cached, first.kept > 0) == (0, True)
    assert (second.cached, second.kept) == (first.kept, 0)


def test_an_answer_in_a_schema(fake: FakeAPI) -> None:
    assert door(fake).send(asking("judge", schema=SCHEMA, effort="low"), NEVER).text == '{"verdict": "good"}'
    sent = fake.requests[-1].body
    assert sent["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_thinking_goes_back_unchanged_in_a_loop_of_tools(fake: FakeAPI) -> None:
    call = asking("look", tools=[TOOL])
    first = door(fake).send(call, NEVER)
    assert [block["type"] for block in first.blocks] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": first.uses[0]["id"], "content": "a"}
    more = [{"role": "assistant", "content": list(first.blocks)}, {"role": "user", "content": [result]}]
    assert door(fake).send(replace(call, messages=[*call.messages, *more]), NEVER).text == "It says a."


def test_every_fault_is_looked_at() -> None:
    assert {*CLASSES, *STOPS} == {*Fault}


@pytest.mark.parametrize("fault", CLASSES, ids=lambda fault: fault.name)
def test_a_fault_is_classed_and_not_tried_again_here(fake: FakeAPI, fault: Fault) -> None:
    failure, said = CLASSES[fault]
    fake.fail(fault)
    call = asking("look", tools=[TOOL], deadline=HURRIED if said == "no answer within" else 30.0)
    began = time.monotonic()
    error = refused(fake, call)
    assert (error.failure, said in error.said) == (failure, True), error.said
    assert len(fake.requests) == 1
    assert time.monotonic() - began < call.deadline + _BUSY


@pytest.mark.parametrize("fault", STOPS, ids=lambda fault: fault.name)
def test_what_is_no_answer_in_substance_says_so_by_its_stop(fake: FakeAPI, fault: Fault) -> None:
    fake.fail(fault)
    assert door(fake).send(asking("look", tools=[TOOL]), NEVER).stop is STOPS[fault]


def test_half_an_input_is_not_believed(fake: FakeAPI) -> None:
    fake.fail(Fault.CUT_TOOL_INPUT)
    said = door(fake).send(asking("look", tools=[TOOL]), NEVER)
    assert said.garbled == {use["id"] for use in said.uses}


@pytest.mark.parametrize(("fault", "wait"), [(Fault.RATE_LIMITED, 7.0), (Fault.RATE_LIMITED_MS, 7.0)])
def test_how_long_to_wait_is_handed_on_and_not_slept(fake: FakeAPI, fault: Fault, wait: float) -> None:
    fake.fail(fault, seconds=wait)
    began = time.monotonic()
    assert refused(fake, CALL).wait == wait
    assert time.monotonic() - began < wait


def test_an_hour_is_read_as_an_hour_and_a_year_as_a_day(fake: FakeAPI) -> None:
    fake.fail(Fault.RATE_LIMITED, seconds=3600)
    fake.fail(Fault.RATE_LIMITED, seconds=365 * 86_400)
    assert [refused(fake, CALL).wait for _ in range(2)] == [3600.0, 86_400.0]


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.HANG_MIDWAY, Fault.DRIP], ids=lambda fault: fault.name)
def test_who_is_told_to_stop_hangs_up(fake: FakeAPI, fault: Fault) -> None:
    fake.fail(fault, times=None)
    cancel = threading.Event()
    waiting = threading.Thread(target=lambda: (fake.wait(1), cancel.set()))
    waiting.start()
    began = time.monotonic()
    assert refused(fake, CALL, cancel).failure is Failure.INTERRUPTED
    waiting.join()
    assert time.monotonic() - began < 10


def test_a_server_that_is_not_there_is_waited_for() -> None:
    with FakeAPI(SCRIPT) as gone:
        pass
    error = refused(gone, replace(CALL, deadline=5.0))
    assert (error.failure, error.facts["broken"]) == (Failure.TRANSIENT, False)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "message", "role": "user", "stop_reason": "end_turn", "content": []},
        {"type": "message", "role": "assistant", "stop_reason": None, "content": []},
        {"type": "message", "role": "assistant", "stop_reason": "bored", "content": []},
        {"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": "text"},
        {"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": 3}]},
        {
            "type": "message",
            "role": "assistant",
            "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": "a"}],
        },
    ],
)
def test_what_is_no_message_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(BrokenReplyError):
        reply(message, "")


@pytest.mark.parametrize("usage", [None, 3, {}, {"input_tokens": -1, "output_tokens": 1}, {"input_tokens": 1}])
def test_figures_that_are_none_are_not_made_up(usage: object) -> None:
    message = {"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": [], "usage": usage}
    assert reply(message, "") == Reply("", [], Stop.END, None)


def test_tokens_add_up() -> None:
    assert Usage(1, 2, 3, 4, 1) + Usage(10, 20, 30, 40, 2) == Usage(11, 22, 33, 44, 3)
    assert Usage(1, 2, 3, 4, 1).total == 10


@pytest.mark.parametrize(
    "events",
    [
        [("content_block_start", 0)],
        [("message_start", None), ("message_start", None)],
        [("message_start", None), ("content_block_start", 1)],
        [("message_start", None), ("content_block_start", 0), ("content_block_start", 1)],
        [("message_start", None), ("content_block_delta", 0)],
        [("message_start", None), ("content_block_start", 0), ("content_block_stop", 1)],
        [("message_start", None), ("content_block_start", 0), ("message_stop", None)],
        [("message_start", None), ("message_stop", None), ("ping", None)],
    ],
)
def test_events_out_of_order_are_refused(events: list[tuple[str, int | None]]) -> None:
    order, (*before, last) = Order(), events
    for event in before:
        order.take(*event)
    with pytest.raises(BrokenReplyError):
        order.take(*last)


def test_a_limit_of_the_account_is_waited_out_and_held_against_nobody() -> None:
    assert what_next([Failure.QUOTA] * 9, 1, 0, repeated=False) == (Next.LATER, "a limit of the account is reached")
    assert not Failure.QUOTA.spends
