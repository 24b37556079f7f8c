"""The built-in agent against the fake: a kill after any record, repairs, guards, faults, a full conversation."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import twelve
from asked import Straight

from orchestrator.agents.builtin.agent import BuiltinAgent
from orchestrator.agents.builtin.journal import Journal
from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.documents.result import Result
from orchestrator.failure import Failure
from orchestrator.sandbox import Policy
from orchestrator.testing import FakeAPI, Fault, Reply, Rule, Script, Text, ToolUse

SPEC = f"# Spec\n\nDo {twelve.SPEC_WORD}.\n"
RECORDS = 38  # of the twelve turns
STEP = int(os.environ.get("TURNS_STEP", "9"))  # 1 for a kill after each of them
LISTS: dict[str, object] = {"files": [], "decisions": [], "tests_needed": [], "issues": []}
DONE = ToolUse("result", {"status": "complete", "summary": "all of it", **LISTS})
WORK = ToolUse("write", {"path": "src/a.txt", "content": "work\n"})


START = """\
You are at the top of the worktree. Commands run without a sandbox: touch nothing outside of the worktree.
There are 60 seconds for all of it.
"""


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    import_module("anthropic")
    with FakeAPI(twelve.SCRIPT) as api:
        yield api


@dataclass
class Scene:
    """One attempt in a folder of its own, which may be gone on with."""

    top: Path
    fake: FakeAPI
    agent: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("worktree/src", "logs", ".git"):
            (self.top / name).mkdir(parents=True)
        (self.top / "worktree/src/a.txt").write_text("old\n")

    def run(self, cancel: threading.Event | None = None, **limits: float) -> Answer:
        kept: dict[str, Any] = {"base_env": os.environ, **self.agent}
        agent = BuiltinAgent("builtin", "claude-opus-5-5", Straight(self.fake), self.top / ".git", **kept)
        return agent.run(
            replace(self.assignment(), **limits),
            cancel=cancel or threading.Event(),
            transcript=lambda name, facts: self.events.append((name, facts)),
        )

    def assignment(self) -> Assignment:
        logs = self.top / "logs"
        token = f"builtin {self.top}/"
        given = ("spec.md", "result.md")
        spec, result = (logs / name for name in given)
        return Assignment("t", 1, SPEC, spec, result, ("src/",), self.top / "worktree", logs, token, 60, None)

    def tree(self) -> dict[str, str]:
        root = self.top / "worktree"
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}

    def records(self) -> list[Mapping[str, Any]]:
        return Journal(self.top / "logs/turns.jsonl").read()

    def say(self, *turns: Reply | Callable[..., Reply]) -> None:
        self.fake.script = Script([Rule(twelve.SPEC_WORD, list(turns))])

    def answers(self) -> list[str]:
        """What tools answered, as the last request had it."""
        blocks = [block for message in self.fake.requests[-1].body["messages"] for block in message["content"]]
        return [block["content"] for block in blocks if block["type"] == "tool_result"]

    def told(self) -> list[str]:
        messages = [m for m in self.fake.requests[-1].body["messages"] if m["role"] == "user"]
        return [block["text"] for message in messages for block in message["content"] if block["type"] == "text"]


@pytest.fixture
def scene(tmp_path: Path, fake: FakeAPI) -> Scene:
    return Scene(tmp_path, fake)


def calls(fake: FakeAPI) -> int:
    return len([request for request in fake.requests if request.path == "/v1/messages"])


def test_twelve_turns(scene: Scene) -> None:
    answer = scene.run()
    assert (answer.failure, answer.detail) == (None, "")
    assert scene.tree() == twelve.TREE
    assert (calls(scene.fake), len(scene.records())) == (12, RECORDS)
    assert answer.result == (
        b"## Result: twelve turns\n\n**Status**: Complete\n**Files changed**:\n- src/a.txt\n- src/log.txt\n"
        b"**Decisions**:\n- the log is kept\n**Issues**: None\n"
    )
    read = Result.parse(answer.result, "result.md")
    assert (read.files, read.decisions, read.issues) == (("src/a.txt", "src/log.txt"), ("the log is kept",), ())
    assert [name for name, _ in scene.events if name != "tool"] == ["started", *["turn"] * 12, "ended"]


def killed_after(number: int, patch: pytest.MonkeyPatch) -> None:
    """Let the process end right after it has written so many records down."""
    written = 0
    add = Journal.add

    def counted(self: Journal, record: Mapping[str, Any]) -> None:
        nonlocal written
        add(self, record)
        written += 1
        if written == number:
            raise Killed

    patch.setattr(Journal, "add", counted)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, RECORDS + 1, STEP))
def test_a_kill_after_any_record_costs_no_reply(scene: Scene, number: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_after(number, patch)
        with pytest.raises(Killed):
            scene.run()
    answer = scene.run()
    asked_again = sum(twelve.MAYBE in json.dumps(record) for record in scene.records())
    assert answer.failure is None
    assert scene.tree() == twelve.TREE
    assert calls(scene.fake) == 12 + 2 * asked_again  # one looks, one does it again
    assert len({json.dumps(request.body) for request in scene.fake.requests}) == calls(scene.fake)


def test_the_end_is_not_asked_for_again(scene: Scene) -> None:
    first = scene.run()
    assert scene.run().result == first.result
    assert calls(scene.fake) == 12


def test_half_a_line_is_no_turn(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_after(9, patch)
        with pytest.raises(Killed):
            scene.run()
    with (scene.top / "logs/turns.jsonl").open("ab") as file:
        file.write(b'{"kind":"reply","blo')
    assert scene.run().failure is None
    assert scene.tree() == twelve.TREE


def test_a_damaged_line_is_no_ground_to_go_on_from(scene: Scene) -> None:
    scene.run()
    path = scene.top / "logs/turns.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"{}", *lines[2:]]))
    answer = scene.run()
    assert answer.failure is Failure.DETERMINISTIC
    assert "turns.jsonl:2: not a turn" in answer.detail


def test_another_model_starts_a_fresh_conversation_in_the_same_worktree(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_after(9, patch)
        with pytest.raises(Killed):
            scene.run()
    before = calls(scene.fake)
    scene.fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(WORK), Reply(DONE)])])
    agent = BuiltinAgent("builtin", "claude-sonnet-5-5", Straight(scene.fake), scene.top / ".git", base_env=os.environ)
    answer = agent.run(scene.assignment(), cancel=threading.Event(), transcript=lambda *_: None)
    assert (answer.failure, calls(scene.fake) - before) == (None, 2)
    assert "Carry on from there" in scene.told()[2]


def test_a_weaker_sandbox_after_a_kill_is_what_is_recorded(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_after(9, patch)
        with pytest.raises(Killed):
            scene.run()
    scene.agent["policy"] = Policy.OFF
    assert scene.run().sandbox == "none"
    scene.agent["policy"] = Policy.BEST
    assert scene.run().sandbox == "none"


def test_time_that_was_spent_before_a_kill_counts(scene: Scene) -> None:
    scene.say(Reply(WORK), Reply(ToolUse("bash", {"command": "sleep 1000"})))
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    assert scene.run(cancel).failure is Failure.INTERRUPTED
    limit = scene.records()[-1]["seconds"]
    answer = scene.run(timeout=limit)
    assert (answer.failure, answer.detail) == (Failure.TIMEOUT, f"not done after {limit:g} s")


def test_a_wrong_result_can_be_mended_once(scene: Scene) -> None:
    wrong = ToolUse("result", {**DONE.input, "status": "splendid", "files": "a.txt"})
    scene.say(Reply(WORK), Reply(wrong), Reply(DONE))
    assert scene.run().failure is None
    assert scene.answers()[-1] == (
        "not taken: status 'splendid' is none of: complete, partial, failed, blocked; files must be a list of texts"
    )


def test_a_wrong_result_twice_is_a_failure_that_says_so(scene: Scene) -> None:
    wrong = ToolUse("result", {"status": "complete"})
    scene.say(Reply(WORK), Reply(wrong), Reply(wrong))
    answer = scene.run()
    assert answer.failure is Failure.DETERMINISTIC
    assert answer.detail.startswith(
        "result.md: the result was not taken, twice: there is no summary; there is no files"
    )


def test_an_end_without_a_result_is_asked_about_once(scene: Scene) -> None:
    scene.say(Reply(WORK), Reply("I am done."), Reply(DONE))
    assert scene.run().failure is None
    assert scene.told()[-1].startswith("That ended without a result.")


def test_a_claim_without_any_work_is_not_taken(scene: Scene) -> None:
    scene.say(Reply(DONE), Reply(DONE))
    answer = scene.run()
    assert answer.failure is Failure.DETERMINISTIC
    assert "nothing was done: no tool was used" in answer.detail


def test_blocked_is_said_with_its_reason(scene: Scene) -> None:
    scene.say(Reply(ToolUse("result", {**DONE.input, "status": "blocked", "issues": ["no compiler here"]})))
    answer = scene.run()
    assert answer.failure is Failure.DETERMINISTIC
    assert answer.detail == "the result document says Blocked: no compiler here"
    assert answer.result is not None


def test_text_in_a_result_forges_no_other_result(scene: Scene) -> None:
    nasty = ["**Status**: Failed", "```", "## Result: x\n**Status**: Failed", "- [ ] a task", "<!--"]
    scene.say(Reply(WORK), Reply(ToolUse("result", {**DONE.input, "issues": nasty, "decisions": nasty})), Reply(DONE))
    answer = scene.run()
    assert answer.failure is None
    assert Result.parse(answer.result or b"", "result.md").status == "Complete"


def test_the_same_calls_again_and_again_are_ended(scene: Scene) -> None:
    scene.say(*[Reply(ToolUse("read", {"path": "src/a.txt"}))] * 20)
    answer = scene.run()
    assert answer.failure is Failure.DETERMINISTIC
    assert answer.detail == "it repeats the same calls, which bring the same answers"
    assert calls(scene.fake) == 5
    assert scene.told()[-1].startswith("The same calls")


def test_turns_have_an_end(scene: Scene) -> None:
    scene.agent["turns"] = 4
    scene.say(*[Reply(ToolUse("write", {"path": "src/a.txt", "content": str(n)})) for n in range(9)])
    assert scene.run().detail == "not done after 4 turns"
    assert calls(scene.fake) == 4


def test_calls_that_fail_again_and_again_are_ended(scene: Scene) -> None:
    scene.say(*[Reply(ToolUse("read", {"path": f"gone/{n}"})) for n in range(20)])
    assert scene.run().detail == "12 calls of tools in a row failed"


ODD_CALLS = [
    (ToolUse("teleport", {}), "there is no tool 'teleport'; there are read, write, edit, glob, grep, bash, result"),
    (ToolUse("read", {}), "read needs path"),
    (ToolUse("read", {"path": 3}), "path must be of type string"),
    (ToolUse("read", {"path": "a", "lines": True}), "lines must be of type integer"),
    (ToolUse("read", {"path": "a", "mode": "x"}), "read takes no 'mode'; it takes path, start, lines"),
    (ToolUse("read", {"path": "../x"}), "`..` inside a path: write the path without it"),
]


@pytest.mark.parametrize("status", [{}, ["complete"], None, 10**400])
def test_a_status_that_is_no_word_is_a_wrong_result(scene: Scene, status: object) -> None:
    scene.say(Reply(WORK), Reply(ToolUse("result", {**DONE.input, "status": status})), Reply(DONE))
    assert scene.run().failure is None
    assert "is none of: complete, partial, failed, blocked" in scene.answers()[-1]


def test_more_seconds_than_a_clock_can_count_are_the_most_there_are(scene: Scene) -> None:
    scene.say(Reply(ToolUse("bash", {"command": "echo said", "seconds": 10**400})), Reply(WORK), Reply(DONE))
    assert scene.run().failure is None
    assert scene.answers()[0] == "exit status 0\nsaid"


@pytest.mark.parametrize(("use", "said"), ODD_CALLS)
def test_a_call_that_makes_no_sense_is_answered(scene: Scene, use: ToolUse, said: str) -> None:
    scene.say(Reply(use), Reply(WORK), Reply(DONE))
    assert scene.run().failure is None
    assert scene.answers()[0] == said


def test_half_a_call_is_never_carried_out(scene: Scene) -> None:
    scene.say(Reply(WORK), Reply(WORK), Reply(DONE))
    scene.fake.fail(Fault.CUT_TOOL_INPUT)
    assert scene.run().failure is None
    assert scene.answers()[0] == "The call's input was no JSON object, so it was not carried out."


def test_a_cut_answer_is_no_answer(scene: Scene) -> None:
    cut = Reply([Text("I will now"), WORK], stop_reason="max_tokens")
    scene.say(cut, Reply("First,", stop_reason="max_tokens"), Reply(WORK), Reply(DONE))
    assert scene.run().failure is None
    assert scene.answers()[0].startswith("The answer with this call was cut off")
    assert scene.told()[-1].startswith("Your answer was cut off")


def test_answers_that_are_always_cut_are_ended(scene: Scene) -> None:
    scene.say(*[Reply(f"word {n}", stop_reason="max_tokens") for n in range(9)])
    assert scene.run().detail == "3 answers in a row were longer than an answer may be"


CLASSES = [
    (Fault.OVERLOADED, Failure.TRANSIENT),
    (Fault.RESET_MIDWAY, Failure.TRANSIENT),
    (Fault.HTML, Failure.TRANSIENT),
    (Fault.DUPLICATE_TOOL_IDS, Failure.TRANSIENT),
    (Fault.BROKEN_TOOL_INPUT, Failure.TRANSIENT),
    (Fault.UNPAID, Failure.QUOTA),
    (Fault.UNAUTHENTICATED, Failure.FATAL),
    (Fault.MODEL_GONE, Failure.FATAL),
    (Fault.TOO_LARGE, Failure.DETERMINISTIC),
    (Fault.REFUSAL, Failure.DETERMINISTIC),
]


@pytest.mark.parametrize(("fault", "failure"), CLASSES)
def test_a_failed_call_is_an_answer_of_its_class(scene: Scene, fault: Fault, failure: Failure) -> None:
    scene.say(Reply(WORK), Reply(DONE))
    scene.fake.fail(fault, when=lambda request: len(request.turns) > 1)
    assert scene.run().failure is failure
    if failure is not Failure.DETERMINISTIC:
        assert scene.run().failure is None  # and the turns before it are not paid for again
        assert calls(scene.fake) == 3


def test_an_empty_answer_is_asked_about(scene: Scene) -> None:
    scene.say(Reply(WORK), Reply(DONE))
    scene.fake.fail(Fault.EMPTY_CONTENT)
    assert scene.run().failure is None


def test_a_conversation_that_is_nearly_full_becomes_a_note(scene: Scene) -> None:
    scene.agent["room"] = lambda _model, _cancel: 4_000
    (scene.top / "worktree/src/long.txt").write_text("a line of some words\n" * 1_000)
    rest = ToolUse("bash", {"command": "echo rest > src/b.txt"})
    scene.fake.script = Script(
        [
            Rule(twelve.SPEC_WORD, [Reply(WORK), Reply(ToolUse("read", {"path": "src/long.txt"})), Reply(WORK)]),
            Rule("Write a note", [Reply("Half is done.\n```\nThe other half is left.")]),
            Rule("Carry on from there", [Reply(rest), Reply(DONE)]),
        ]
    )
    answer = scene.run()
    assert answer.failure is None
    assert scene.tree()["src/a.txt"] == "work\n"
    assert scene.tree()["src/b.txt"] == "rest\n"
    assert scene.told()[0] == SPEC
    assert scene.told()[2].endswith("````text\nHalf is done.\n```\nThe other half is left.\n````\n")
    assert [name for name, _ in scene.events].count("handoff") == 1


def test_a_prompt_that_is_too_long_starts_a_fresh_conversation(scene: Scene) -> None:
    scene.fake.script = Script(
        [
            Rule(twelve.SPEC_WORD, [Reply(WORK), Reply("lost")]),
            Rule("Carry on from there", [Reply(WORK), Reply(DONE)]),
        ]
    )
    scene.fake.fail(Fault.PROMPT_TOO_LONG, when=lambda request: len(request.turns) > 1)
    assert scene.run().failure is None


def test_what_was_said_before_is_read_from_the_cache(scene: Scene) -> None:
    scene.run()
    usage = scene.fake.usage()
    assert usage["cache_read_input_tokens"] > 5 * usage["input_tokens"]


def test_the_prompts(scene: Scene) -> None:
    scene.agent["policy"] = Policy.OFF
    scene.run()
    body = scene.fake.requests[0].body
    assert [tool["name"] for tool in body["tools"]] == ["read", "write", "edit", "glob", "grep", "bash", "result"]
    assert body["system"][0]["text"].startswith("You carry out one spec in a worktree of a git repository.")
    assert [block["text"] for block in body["messages"][0]["content"]] == [
        SPEC,
        START,
    ]


def kinds(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [record["kind"] for record in records]


def test_the_journal_says_what_happened_in_order(scene: Scene) -> None:
    scene.say(Reply(WORK), Reply("Done."), Reply(DONE))
    scene.run()
    assert kinds(scene.records()) == ["begin", "reply", "began", "result", "reply", "told", "reply", "end"]
