"""Which reply a request gets: by the newest marker and the turns since, without counting requests."""

from typing import Any

import pytest

from orchestrator.testing import RefusalError, Reply, Request, Rule, Script, Structured, Text, ToolUse, Turn

CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
ANSWER = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "[b]"}


def request(*said: Any, system: str = "") -> Request:
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": content} for place, content in enumerate(said)]
    return Request({"model": "claude-opus-5-5", "max_tokens": 10, "system": system, "messages": messages})


A, B = Rule("[a]", [Reply("a1"), Reply("a2")]), Rule("[b]", [Reply("b1"), Reply("b2")])


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (["[a]"], "a1"),
        (["[b]"], "b1"),
        (["[a]", "a1", "go on"], "a2"),
        (["[a]", "a1", "[b]"], "b1"),
        (["[a]", "a1", "[b]", "b1", "go on"], "b2"),
        (["[a]", "a1", "[a]"], "a1"),
        (["[b] and then [a]"], "a1"),
        (["[a] and then [b]"], "b1"),
        (["[a]", [CALL], [ANSWER]], "a2"),
        (["[a]", [CALL], [ANSWER, {"type": "text", "text": "[b]"}]], "b1"),
    ],
)
def test_the_newest_marker_decides(said: list[Any], reply: str) -> None:
    assert Script([A, B]).reply(request(*said)).blocks == reply
    assert Script([B, A]).reply(request(*said)).blocks == reply


def test_what_the_assistant_says_is_no_marker() -> None:
    assert Script([A, B]).reply(request("[a]", "[b]", "go on")).blocks == "a2"


def test_the_system_prompt_stands_before_everything() -> None:
    script = Script([A, B])
    assert script.reply(request("x", system="[a]")).blocks == "a1"
    assert script.reply(request("x", "a1", "y", system="[a]")).blocks == "a2"
    assert script.reply(request("[b]", system="[a]")).blocks == "b1"


def test_a_system_message_on_the_way_counts() -> None:
    messages = [
        {"role": "user", "content": "[a]"},
        {"role": "assistant", "content": "a1"},
        {"role": "user", "content": "x"},
        {"role": "system", "content": "[b]"},
    ]
    asked = Request({"model": "m", "max_tokens": 1, "messages": messages})
    assert Script([A, B]).reply(asked).blocks == "b1"


def test_a_predicate_holds_for_the_newest_text() -> None:
    quiet = Rule(lambda asked: "quiet" in asked.newest, [Reply("q1"), Reply("q2")])
    script = Script([A, quiet])
    assert script.reply(request("[a]", "a1", "quiet")).blocks == "q1"
    assert script.reply(request("quiet", [CALL], [ANSWER])).blocks == "q2"
    assert script.reply(request("quiet [a]")).blocks == "a1"  # what is written down says more


def test_messages_of_one_role_are_one_turn() -> None:
    messages = [{"role": role, "content": "x"} for role in ("user", "assistant", "assistant", "user", "user")]
    asked = Request({"model": "m", "max_tokens": 1, "messages": messages})
    assert [(turn.role, turn.at, len(turn.blocks)) for turn in asked.turns] == [
        ("user", 0, 1),
        ("assistant", 1, 2),
        ("user", 3, 2),
    ]
    assert Script([Rule("x", [Reply("1")])]).reply(asked).blocks == "1"


def test_without_a_reply_the_request_is_refused() -> None:
    with pytest.raises(RefusalError, match=r"no rule fits this request; the newest text of the user is 'x'"):
        Script([A]).reply(request("x"))
    with pytest.raises(RefusalError, match=r"the rule '\[a\]' has no turn 3"):
        Script([A]).reply(request("[a]", "a1", "y", "a2", "z"))
    assert Script([A], otherwise=Reply("?")).reply(request("x")).blocks == "?"


def test_a_function_makes_a_reply() -> None:
    rule = Rule("[a]", [Reply(ToolUse("read")), lambda asked: Reply(f"it said {asked.results[0]['content']}")])
    assert Script([rule]).reply(request("[a]", [CALL], [ANSWER])).blocks == "it said [b]"


def test_blocks_are_written_as_it_is_shortest() -> None:
    assert Reply("x").parts == Reply(Text("x")).parts == Reply(["x"]).parts == (Text("x"),)
    assert Reply().parts == ()
    assert Structured({"ü": [1]}).text == '{"ü": [1]}'


def test_a_turn_tells_its_text() -> None:
    turn = Turn("user", 0, ({"type": "text", "text": "a"}, ANSWER, {"type": "text", "text": "b"}))
    assert (turn.text, turn.of("tool_result")) == ("a\nb", (ANSWER,))
