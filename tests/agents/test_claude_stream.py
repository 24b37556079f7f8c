"""Claude Code's stream, from lines it once wrote (cut down to what counts): what each says, and what is noise."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.agents.claude_stream import ClaudeStream
from orchestrator.agents.heard import Account, Answered, Began, Denied, Heard, Over, Said, Told, Used
from orchestrator.budget import Usage
from orchestrator.failure import Failure
from orchestrator.models.prices import prices

MODEL = "claude-opus-5-5"
COUNTED = {"input_tokens": 3, "cache_creation_input_tokens": 179, "cache_read_input_tokens": 16074}


def heard(*events: object) -> list[Heard]:
    stream = ClaudeStream()
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return [found for line in lines for found in stream.read(line)]


def begun(name: str, within: str | None = None, model: str = MODEL) -> dict[str, Any]:
    message = {"id": name, "model": model, "usage": {**COUNTED, "output_tokens": 1}}
    return {
        "type": "stream_event",
        "event": {"type": "message_start", "message": message},
        "parent_tool_use_id": within,
    }


def finished(output: int, within: str | None = None) -> dict[str, Any]:
    usage = {**COUNTED, "output_tokens": output, "output_tokens_details": {"thinking_tokens": 2}}
    return {"type": "stream_event", "event": {"type": "message_delta", "usage": usage}, "parent_tool_use_id": within}


def result(**more: Any) -> dict[str, Any]:
    said = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Done.",
        "terminal_reason": "completed",
    }
    return {**said, **more}


def over(**more: Any) -> Over:
    (found,) = [event for event in heard(result(**more)) if isinstance(event, Over)]
    return found


def test_the_session() -> None:
    event = {"type": "system", "subtype": "init", "session_id": "s", "model": MODEL, "claude_code_version": "2.1.329"}
    assert heard(event) == [Began("s", MODEL, "2.1.329")]


def test_an_answer_is_counted_at_its_start_and_at_its_end() -> None:
    assert heard(begun("m1"), finished(34)) == [
        Answered("m1", MODEL, Usage(3, 16074, 179, 1), done=False),
        Answered("m1", MODEL, Usage(3, 16074, 179, 34, 2), done=True),
    ]


def test_answers_within_answers_are_kept_apart() -> None:
    found = heard(begun("m1"), begun("m2", "toolu_1"), finished(5, "toolu_1"), finished(7))
    done = [(event.name, event.usage.output) for event in found if isinstance(event, Answered) and event.done]
    assert done == [("m2", 5), ("m1", 7)]


def test_words_and_tools() -> None:
    blocks = [
        {"type": "thinking", "thinking": "", "signature": "x"},
        {"type": "text", "text": "A file."},
        {"type": "tool_use", "id": "t", "name": "Write", "input": {}},
        {"type": "tool_use", "id": "u", "name": "StructuredOutput", "input": {}},
    ]
    assert heard({"type": "assistant", "message": {"content": blocks}}) == [Said("A file."), Used("Write")]


def test_denials_as_they_come_and_with_their_command_at_the_end() -> None:
    live = {"type": "system", "subtype": "permission_denied", "tool_name": "Bash", "tool_use_id": "t"}
    denial = {"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "make all"}}
    assert heard({**live, "decision_reason": "needs approval"}) == [Denied("t", "Bash", "needs approval")]
    assert Denied("t", "Bash", "make all") in heard(result(permission_denials=[denial]))


def test_a_good_end() -> None:
    assert over() == Over(None, "Done.")
    assert over(structured_output={"status": "complete"}).result == {"status": "complete"}


FAILURES = [
    ({"api_error_status": 529, "result": "API Error: 529 Overloaded."}, Failure.TRANSIENT),
    ({"api_error_status": 429, "result": "API Error: Request rejected (429)"}, Failure.TRANSIENT),
    ({"api_error_status": 429, "result": "You've hit your weekly limit · resets 3pm"}, Failure.QUOTA),
    ({"api_error_status": 429, "result": "Claude AI usage limit reached|1795801597"}, Failure.QUOTA),
    ({"api_error_status": 500, "result": "API Error: 500 Internal server error."}, Failure.TRANSIENT),
    ({"api_error_status": 402, "result": "Credit balance is too low"}, Failure.QUOTA),
    ({"api_error_status": 401, "result": "Invalid API key · Fix external API key"}, Failure.FATAL),
    ({"api_error_status": 404, "result": "There's an issue with the selected model (x)."}, Failure.FATAL),
    ({"api_error_status": None, "result": "Not logged in · Please run /login"}, Failure.FATAL),
    ({"terminal_reason": "completed", "result": "I could not make the /login page pass"}, Failure.DETERMINISTIC),
    (
        {"api_error_status": None, "result": "API Error: Connection to the API was lost (ECONNRESET)."},
        Failure.TRANSIENT,
    ),
    ({"api_error_status": None, "result": "API returned an empty or malformed response"}, Failure.TRANSIENT),
    ({"api_error_status": 400, "terminal_reason": "prompt_too_long", "result": "too long"}, Failure.DETERMINISTIC),
    ({"api_error_status": None, "stop_reason": "refusal", "result": "safeguards"}, Failure.DETERMINISTIC),
]


@pytest.mark.parametrize(("facts", "failure"), FAILURES)
def test_a_failure_of_the_api_is_classed(facts: Mapping[str, Any], failure: Failure) -> None:
    """All of them call themselves a success."""
    found = over(**{"terminal_reason": "api_error", **facts, "is_error": True})
    assert (found.failure, found.said) == (failure, facts["result"])


@pytest.mark.parametrize(
    ("subtype", "reason", "failure"),
    [
        ("error_max_turns", "max_turns", Failure.DETERMINISTIC),
        ("error_max_budget_usd", "budget_exhausted", Failure.QUOTA),
        ("error_max_structured_output_retries", "structured_output_retry_exhausted", Failure.DETERMINISTIC),
        ("error_during_execution", None, Failure.TRANSIENT),
    ],
)
def test_a_failure_of_its_own_says_why_in_a_list(subtype: str, reason: str | None, failure: Failure) -> None:
    event = {"type": "result", "subtype": subtype, "is_error": True, "terminal_reason": reason, "errors": ["a", "b"]}
    (found,) = [event for event in heard(event) if isinstance(event, Over)]
    assert (found.failure, found.said) == (failure, "a; b")


@pytest.mark.parametrize("flag", [None, "no", 0])
def test_what_does_not_say_that_it_is_no_error_is_one(flag: object) -> None:
    assert over(is_error=flag).failure is Failure.DETERMINISTIC


def test_tokens_are_of_this_run_where_a_session_counts_on() -> None:
    since = {MODEL: {"inputTokens": 1, "outputTokens": 46, "cacheReadInputTokens": 3, "cacheCreationInputTokens": 4}}
    told = heard(result(model_usage_since_last_result=since, modelUsage={MODEL: {"outputTokens": 900}}))[0]
    assert told == Told({MODEL: Usage(1, 3, 4, 46)})


def test_an_older_version_tells_the_tokens_of_the_run_in_one_sum() -> None:
    assert heard(result(usage={**COUNTED, "output_tokens": 9}))[0] == Told({"": Usage(3, 16074, 179, 9)})


NOISE = [
    "",
    "not JSON",
    "[1, 2]",
    "null",
    "{",
    "[" * 100_000,
    '{"type": "stream_event", "event": []}',
    '{"type": "stream_event", "event": {"type": "message_delta", "usage": 3}}',
    '{"type": "stream_event", "event": {"type": "content_block_delta", "delta": {"text": "x"}}}',
    '{"type": "assistant", "message": {"content": "text"}}',
    '{"type": "assistant", "message": {"content": [3, null, {"type": "image"}]}}',
    '{"type": "system", "subtype": "compact_boundary"}',
    '{"type": "of_next_year", "subtype": {}}',
    '{"type": ["result"]}',
]


@pytest.mark.parametrize("line", NOISE, ids=range(len(NOISE)))
def test_what_is_not_known_is_noise(line: str) -> None:
    assert heard(line) == []


def test_figures_that_are_none_count_for_nothing() -> None:
    start = begun("m1")
    start["event"]["message"]["usage"] = {"input_tokens": "7", "output_tokens": -1, "cache_read_input_tokens": True}
    assert heard(start) == [Answered("m1", MODEL, Usage(), done=False)]


def account(*events: Heard) -> Account:
    made = Account(lambda _name, _facts: None)
    for event in events:
        made.take(event)
    return made


def test_each_answer_is_paid_for_once_at_the_price_of_its_model() -> None:
    cheap, dear = Usage(input=100_000, output=10), Usage(input=10, output=1_000)
    made = account(
        Began("s", MODEL),
        Answered("m1", MODEL, Usage(input=10, output=1), done=False),
        Answered("m1", MODEL, dear),
        Answered("m2", "claude-haiku-5-5", cheap),
        Answered("m3", "claude-haiku-5-5", cheap),
    )
    # Two short requests cost less than one of twice the length, which would be in a dearer band.
    expected = prices().cost(MODEL, dear) + 2 * prices().cost("claude-haiku-5-5", cheap)
    assert (made.paid.micros, made.paid.usage) == (expected, dear + cheap + cheap)


def test_what_was_not_heard_of_but_told_at_the_end_is_added() -> None:
    made = account(Began("s", MODEL), Answered("m1", MODEL, Usage(5, output=5)), Told({"": Usage(5, output=9)}))
    assert made.paid.usage == Usage(5, output=9)
    less = account(Began("s", MODEL), Answered("m1", MODEL, Usage(5, output=5)), Told({MODEL: Usage()}))
    assert less.paid.usage == Usage(5, output=5)


def test_a_model_without_a_price_costs_what_the_agent_says() -> None:
    said = Told({"": Usage(100, output=100)}, micros=77)
    assert account(Began("s", "gpt-5.5"), said).paid.micros == 77
    assert account(Began("s", MODEL), said).paid.micros == prices().cost(MODEL, Usage(100, output=100))
