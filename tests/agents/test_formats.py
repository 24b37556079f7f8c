"""The table of coding agents: what each one's output says, and an agent that is a row of it, with a stub in its place."""

import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agents.conformance import AgentConformance, Behaviour, Trial
from orchestrator.agents.formats import FORMATS
from orchestrator.agents.formatted import FormattedAgent
from orchestrator.agents.heard import Account, Answered, Began, Heard, Over, Said, Told, Used
from orchestrator.budget import Usage
from orchestrator.config import keys
from orchestrator.failure import Failure

STUB = """
import json, os, pathlib, subprocess, sys, time
here = pathlib.Path(sys.argv[1])
wanted = json.loads((here / "wanted.json").read_text())
spec = sys.stdin.read()
(here / "seen.json").write_text(json.dumps({"argv": sys.argv[2:], "env": dict(os.environ), "stdin": spec}))
def say(**event):
    print(json.dumps(event), flush=True)
say(type="step_start", sessionID="ses_1", part={})
for name, text in wanted["write"].items():
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if wanted["echo"]:
    pathlib.Path(wanted["echo"]).write_text(spec)
if wanted["result"]:
    pathlib.Path(os.environ["ORCHESTRATOR_RESULT"]).write_text(wanted["result"])
if wanted["hang"]:
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    time.sleep(60)
tokens = {"input": 10, "output": 2, "reasoning": 0, "cache": {"read": 3, "write": 4}}
say(type="step_finish", sessionID="ses_1", part={"id": "p1", "reason": "stop", "tokens": tokens, "cost": 0.0000125})
if wanted["exit"] == "transient":
    say(type="error", error={"name": "APIError", "data": {"message": "Overloaded: " + wanted["say"]}})
elif wanted["exit"] == "failed":
    sys.stderr.write(wanted["say"])
sys.exit(wanted["exit"] == "failed")
"""


def made(folder: Path, behaviour: Behaviour, kind: str = "opencode", model: str = "") -> FormattedAgent:
    (folder / "stub.py").write_text(STUB)
    (folder / "wanted.json").write_text(json.dumps(asdict(behaviour)))
    argv = (sys.executable, "-X", "utf8", str(folder / "stub.py"), str(folder), "--task", "{task}", "{files}")
    return FormattedAgent("coder", kind, argv, model, base_env={**os.environ, "OPENAI_API_KEY": "sk"})


class TestFormattedAgent(AgentConformance):
    def make_agent(self, behaviour: Behaviour, folder: Path) -> FormattedAgent:
        return made(folder, behaviour)

    def make_missing(self, folder: Path) -> FormattedAgent:
        return FormattedAgent("coder", "opencode", (str(folder / "no such program"),), base_env=os.environ)


def seen(trial: Trial) -> Mapping[str, Any]:
    return dict(json.loads((trial.own / "seen.json").read_text()))


def test_a_run_and_what_follows_a_kill(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    agent = made(trial.own, Behaviour(), model="a/b")
    answer = agent.run(trial.assignment(), cancel=threading.Event(), transcript=trial.note)
    assert (answer.failure, answer.usage) == (None, Usage(10, 3, 4, 2))
    assert answer.micros == 12, "what it says itself, where there is no price of the model"
    first = seen(trial)
    assert first["argv"] == ["--task", "greet", "src/grüße.txt", "kept.txt", "--model", "a/b"]
    assert first["env"]["XDG_DATA_HOME"] == str(trial.assignment().logs / "home" / "data")
    assert first["env"]["OPENAI_API_KEY"] == "sk"

    again = agent.run(trial.assignment(), cancel=threading.Event(), transcript=trial.note)
    second = seen(trial)
    assert second["argv"][-2:] == ["--session", "ses_1"]
    assert second["stdin"].startswith("You were stopped in the middle")
    assert again.usage == answer.usage, "an answer that is heard of twice is paid for once"


def test_a_session_that_would_be_an_option_is_not_believed(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    agent = made(trial.own, Behaviour())
    (trial.own / "stub.py").write_text(STUB.replace('"ses_1"', '"--dangerous"'))
    agent.run(trial.assignment(), cancel=threading.Event(), transcript=trial.note)
    assert not (trial.assignment().logs / "session").exists()


def test_every_row_has_its_name_in_the_configuration() -> None:
    assert tuple(FORMATS) == keys.FORMATS
    assert {kind for kind in FORMATS if FormattedAgent("x", kind).resumes} == {"gemini", "opencode"}


def heard(kind: str, *lines: object) -> list[Heard]:
    read = FORMATS[kind].reader()
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return [event for line in texts for event in read(line)]


def test_gemini() -> None:
    stats = {"total_tokens": 130, "input_tokens": 120, "input": 80, "cached": 40, "output_tokens": 10}
    assert heard(
        "gemini",
        {"type": "init", "session_id": "s", "model": "gemini-3-pro"},
        {"type": "tool_use", "tool_name": "write_file", "tool_id": "t", "parameters": {}},
        {"type": "tool_result", "tool_id": "t", "status": "success"},
        {"type": "message", "role": "assistant", "content": "Done.", "delta": True},
        {"type": "result", "status": "success", "stats": stats},
    ) == [Began("s", "gemini-3-pro"), Used("write_file"), Said("Done."), Told({"": Usage(80, 40, output=10)})]


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ("[API Error: got status: 401. invalid]", Failure.FATAL),
        ("got status: 503 UNAVAILABLE", Failure.TRANSIENT),
        ("You exceeded your current quota", Failure.QUOTA),
        ("fetch failed: ECONNREFUSED", Failure.TRANSIENT),
        ("FatalTurnLimitedError", Failure.DETERMINISTIC),
    ],
)
def test_a_failure_of_gemini_is_classed_by_its_words(words: str, failure: Failure) -> None:
    line = {"type": "result", "status": "error", "error": {"type": "Error", "message": words}, "stats": {}}
    assert heard("gemini", line) == [Told({"": Usage()}), Over(failure, words)]


def test_opencode() -> None:
    tokens = {"total": 10, "input": 1, "output": 22, "reasoning": 5, "cache": {"write": 4, "read": 3}}
    assert heard(
        "opencode",
        {"type": "step_start", "sessionID": "ses_1", "part": {"type": "step-start"}},
        {"type": "tool_use", "sessionID": "ses_1", "part": {"tool": "write", "state": {"status": "completed"}}},
        {"type": "text", "sessionID": "ses_1", "part": {"text": "All done."}},
        {"type": "step_finish", "part": {"id": "prt_1", "tokens": tokens, "cost": 0.0379575}},
        {"type": "error", "error": {"name": "UnknownError", "data": {"message": "Unexpected server error."}}},
    ) == [
        Began("ses_1"),
        Used("write"),
        Said("All done."),
        Answered("prt_1", "", Usage(1, 3, 4, 22, 5), micros=37958),
        Over(Failure.DETERMINISTIC, "Unexpected server error."),
    ]


def test_aider_says_in_prose_what_its_exit_status_does_not() -> None:
    denied = "litellm.AuthenticationError: AnthropicException - invalid x-api-key"
    busy = "litellm.InternalServerError: AnthropicError - Overloaded"
    assert heard("aider", "Applied edit to a.py", "") == [Said("Applied edit to a.py")]
    assert heard("aider", denied) == [Over(Failure.FATAL, denied)]
    assert heard("aider", busy) == [Over(Failure.TRANSIENT, busy)]
    edited = "+    except litellm.NotFoundError: pass"
    assert heard("aider", edited) == [Said(edited)]


@pytest.mark.parametrize("kind", ["gemini", "opencode"])
def test_what_is_not_known_is_noise(kind: str) -> None:
    noise = ("", "x", "[]", '{"type": 3}', '{"type": "init"}', '{"type": "text", "part": []}', '{"type": "later"}')
    assert heard(kind, *noise) == []


@pytest.mark.parametrize("cost", [-1, "free", True, float("inf"), 1e9])
def test_a_cost_that_is_none_is_not_believed(cost: object) -> None:
    line = {"type": "step_finish", "part": {"id": "p", "tokens": {"output": 1}, "cost": cost}}
    (found,) = heard("opencode", line)
    account = Account(lambda _name, _facts: None)
    account.take(found)
    assert isinstance(found, Answered)
    assert found.micros is None
    assert account.paid.micros > 0
