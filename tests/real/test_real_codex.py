"""The real Codex, as npm has it, carries a spec out against a small stand-in for its API."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from installed import codex
from marked import marked, waiting
from responses import Responses, command, responding, words

from orchestrator.agents.codex import Codex
from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.budget import Usage
from orchestrator.failure import Failure
from orchestrator.process import reap

pytestmark = pytest.mark.real

GONE = 2.0  # seconds after which no process of a stopped agent is left
LISTS: dict[str, list[str]] = {name: [] for name in ("files", "decisions", "tests_needed", "issues")}
DONE = words(json.dumps({"status": "complete", "summary": "greeted", **LISTS}))
CALLED = "function_call_output"


@dataclass
class Bench:
    api: Responses
    folder: Path
    binary: Path
    cancel: threading.Event = field(default_factory=threading.Event)
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    @property
    def worktree(self) -> Path:
        return self.folder / "a worktree, with ünïcode"

    def assignment(self) -> Assignment:
        logs = self.folder / "logs"
        return Assignment(
            task="greet",
            attempt=1,
            spec="# Spec: GREETING\n",
            spec_path=logs / "spec.md",
            result_path=logs / "result.md",
            files=("hello.txt",),
            worktree=self.worktree,
            logs=logs,
            token=f"real {self.folder}/",
            timeout=120,
            idle=None,
            effort="low",
        )

    def run(self) -> Answer:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "OPENAI_API_KEY": "sk-secret",
            "OPENAI_BASE_URL": self.api.url,
        }
        agent = Codex("coder", (str(self.binary),), "gpt-5.5", base_env=env)
        agent.check()
        return agent.run(self.assignment(), cancel=self.cancel, transcript=lambda *event: self.events.append(event))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with responding() as api:
        made = Bench(api, tmp_path, codex())
        made.worktree.mkdir()
        (tmp_path / "home").mkdir()
        subprocess.run(["git", "init", "-q", made.worktree], check=True)
        yield made
        reap(made.assignment().token)


def says(bench: Bench, *lines: str) -> None:
    """Let the model run these commands, one after another, and then report that it is done."""

    def turn(given: list[Mapping[str, object]]) -> Mapping[str, object]:
        done = sum(item.get("type") == CALLED for item in given)
        return command(lines[done]) if done < len(lines) else DONE

    bench.api.turn = turn


def test_a_spec_becomes_files_and_a_result(bench: Bench) -> None:
    says(bench, "echo hello > hello.txt", "env")
    answer = bench.run()
    assert (answer.failure, answer.detail, answer.code) == (None, "greeted", 0)
    assert (bench.worktree / "hello.txt").read_text() == "hello\n"
    assert answer.result == b"## Result: greeted\n\n**Status**: Complete\n**Issues**: None\n"
    assert answer.usage == Usage(180, 120, 0, 30, 9)
    assert answer.micros > 0
    sent = json.dumps(bench.api.bodies[-1])
    assert "You carry out one spec" in sent
    assert "GREETING" in sent
    assert "ORCHESTRATOR_TOKEN" in sent
    assert "sk-secret" not in sent
    assert list((bench.folder / "home").iterdir()) == []


def test_it_writes_nowhere_else(bench: Bench) -> None:
    outside = bench.folder / "outside.txt"
    says(bench, f"echo x > '{outside}'; echo x > hello.txt")
    assert bench.run().failure is None
    assert (bench.worktree / "hello.txt").exists()
    assert not outside.exists()


@pytest.mark.parametrize(
    ("status", "failure"), [(401, Failure.FATAL), (429, Failure.TRANSIENT), (400, Failure.DETERMINISTIC)]
)
def test_a_failing_api_is_classed(status: int, failure: Failure, bench: Bench) -> None:
    bench.api.turn = lambda _given: status
    answer = bench.run()
    assert answer.failure is failure, answer.detail


def test_an_attempt_goes_on_in_its_session_after_a_kill_that_leaves_no_process(bench: Bench) -> None:
    says(bench, "echo hello > hello.txt", "sleep 301 & sleep 301")
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(bench.run()))
    thread.start()
    token, ready = bench.assignment().token, time.monotonic() + 60
    while time.monotonic() < ready and waiting(token, ["sleep", "301"]) < 2:
        time.sleep(0.02)
    asked = time.monotonic()
    bench.cancel.set()
    thread.join(60)
    assert answers[0].failure is Failure.INTERRUPTED
    assert marked(token) == []
    assert time.monotonic() - asked < GONE

    bench.cancel.clear()
    before = len(bench.api.bodies)
    bench.api.turn = lambda _given: DONE
    again = bench.run()
    assert (again.failure, len(bench.api.bodies) - before) == (None, 1)
    sent = json.dumps(bench.api.bodies[-1]["input"])
    assert "GREETING" in sent
    assert "You were stopped in the middle" in sent
    # Its count goes on in a resumed session, without the answer that the kill came after.
    assert again.usage.output >= 20
