"""Codex as an agent, with a stub in its place: the conformance suite, what it is started with, what it says."""

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestrator.agents.codex import Codex, CodexStream
from orchestrator.agents.conformance import AgentConformance, Behaviour, Trial
from orchestrator.agents.heard import Began, Heard, Over, Said, Told, Used
from orchestrator.budget import Usage
from orchestrator.errors import OrchestratorError
from orchestrator.failure import Failure

ENV = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-secret"}
GOOD = {"status": "complete", "summary": "greet", "files": [], "decisions": [], "tests_needed": [], "issues": []}
STUB = """#!{python}
import json, os, pathlib, subprocess, sys, time
here = pathlib.Path(__file__).parent
wanted = json.loads((here / "wanted.json").read_text())
spec = sys.stdin.read()
(here / "seen.json").write_text(json.dumps({{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": spec}}))
def say(**event):
    print(json.dumps(event), flush=True)
say(type="thread.started", thread_id="t-1")
for name, text in wanted["write"].items():
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if wanted["echo"]:
    pathlib.Path(wanted["echo"]).write_text(spec)
say(type="item.completed", item=dict(type="file_change"))
if wanted["result"]:
    pathlib.Path(os.environ["ORCHESTRATOR_RESULT"]).write_text(wanted["result"])
if wanted["hang"]:
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    time.sleep(60)
if wanted["exit"] == "complete":
    say(type="item.completed", item=dict(type="agent_message", text=json.dumps({good})))
    say(type="turn.completed", usage=dict(input_tokens=5, output_tokens=2))
elif wanted["exit"] == "transient":
    say(type="turn.failed", error=dict(message="unexpected status 503 Service Unavailable: " + wanted["say"]))
else:
    sys.stderr.write(wanted["say"])
sys.exit(wanted["exit"] != "complete")
"""


def stub(folder: Path, behaviour: Behaviour) -> Path:
    program = folder / "codex"
    program.write_text(STUB.format(python=sys.executable, good=GOOD))
    program.chmod(0o755)
    (folder / "wanted.json").write_text(json.dumps(asdict(behaviour)))
    return program


class TestCodex(AgentConformance):
    always_reports = True

    def make_agent(self, behaviour: Behaviour, folder: Path) -> Codex:
        return Codex("coder", (str(stub(folder, behaviour)),), base_env=ENV)

    def make_missing(self, folder: Path) -> Codex:
        return Codex("coder", (str(folder / "no such program"),), base_env=ENV)


def test_what_it_is_started_with(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    agent = Codex("coder", (str(stub(trial.own, Behaviour())),), "gpt-5.5", "high", base_env=ENV)
    answer = agent.run(trial.assignment(), cancel=threading.Event(), transcript=trial.note)
    assert (answer.failure, answer.usage) == (None, Usage(input=5, output=2))
    seen = json.loads((trial.own / "seen.json").read_text())
    assert (seen["argv"][:2], seen["argv"][-1]) == (["exec", "--json"], "-")
    assert seen["argv"][seen["argv"].index("--model") + 1] == "gpt-5.5"
    assert 'sandbox_mode="workspace-write"' in seen["argv"]
    assert 'model_reasoning_effort="high"' in seen["argv"]
    assert not any("dangerously" in word for word in seen["argv"])
    logs = trial.assignment().logs
    assert (seen["env"]["CODEX_API_KEY"], seen["env"]["CODEX_HOME"]) == ("sk-secret", str(logs / "codex"))
    assert "OPENAI_API_KEY" not in seen["env"]
    assert (logs / "session").read_text() == "t-1\n"


def test_it_goes_on_in_the_session_it_had(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    agent = Codex("coder", (str(stub(trial.own, Behaviour())),), base_env=ENV)
    logs = trial.assignment().logs
    (logs / "session").write_text("t-1\n")
    (logs / "codex" / "sessions" / "2026").mkdir(parents=True)
    (logs / "codex" / "sessions" / "2026" / "rollout-t-1.jsonl").write_text("")
    agent.run(trial.assignment(), cancel=threading.Event(), transcript=trial.note)
    seen = json.loads((trial.own / "seen.json").read_text())
    assert seen["argv"][:2] == ["exec", "resume"]
    assert seen["argv"][-2:] == ["t-1", "-"]
    assert seen["stdin"].startswith("You were stopped in the middle")


def test_a_missing_key_is_found_before_anything_is_started(tmp_path: Path) -> None:
    program = str(stub(tmp_path, Behaviour()))
    with pytest.raises(OrchestratorError, match=r"agents\.coder: no key") as caught:
        Codex("coder", (program,), base_env={"PATH": ENV["PATH"]}).check()
    assert caught.value.hint == "export CODEX_API_KEY or OPENAI_API_KEY"


def heard(*events: object) -> list[Heard]:
    stream = CodexStream()
    return [found for event in events for found in stream.read(json.dumps(event))]


def test_its_events() -> None:
    usage = {"input_tokens": 200, "cached_input_tokens": 80, "cache_write_input_tokens": 20, "output_tokens": 9}
    message = {"type": "agent_message", "text": '{"status": "complete"}'}
    assert heard(
        {"type": "thread.started", "thread_id": "t"},
        {"type": "turn.started"},
        {"type": "item.started", "item": {"type": "command_execution"}},
        {"type": "item.completed", "item": {"type": "command_execution"}},
        {"type": "item.completed", "item": {"type": "reasoning", "text": "hm"}},
        {"type": "error", "message": "Reconnecting... 2/5"},
        {"type": "item.completed", "item": message},
        {"type": "turn.completed", "usage": {**usage, "reasoning_output_tokens": 3}},
    ) == [
        Began("t"),
        Used("command_execution"),
        Said('{"status": "complete"}'),
        Told({"": Usage(100, 80, 20, 9, 3)}),
        Over(None, '{"status": "complete"}', {"status": "complete"}),
    ]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("exceeded retry limit, last status: 429 Too Many Requests", Failure.TRANSIENT),
        ("unexpected status 401 Unauthorized: no, url: http://x/v1/responses", Failure.FATAL),
        ("unexpected status 500 Internal Server Error: no", Failure.TRANSIENT),
        ("We're currently experiencing high demand, which may cause temporary errors.", Failure.TRANSIENT),
        ("stream disconnected before completion", Failure.TRANSIENT),
        ("You've hit your usage limit. Try again at 3pm.", Failure.QUOTA),
        ("Quota exceeded. Check your plan and billing details.", Failure.QUOTA),
        ("the model made no sense", Failure.DETERMINISTIC),
    ],
)
def test_a_failure_is_classed_by_its_words(said: str, failure: Failure) -> None:
    assert heard({"type": "turn.failed", "error": {"message": said}}) == [Over(failure, said)]
