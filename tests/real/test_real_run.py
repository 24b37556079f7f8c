"""`orchestrator run` with the real Claude Code as the worker: landed, killed with its leader, sent back by verify."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from harness import Repo
from installed import claude_code
from marked import marked, waiting

from orchestrator.testing import FakeAPI, Fault, Reply, Request, Rule, Script, ToolUse

pytestmark = pytest.mark.real

GONE = 2.0  # seconds after which no process of a killed leader's agents is left
EMPTY: dict[str, object] = {"files": [], "decisions": [], "tests_needed": [], "issues": []}
DONE = ToolUse("StructuredOutput", {"status": "complete", "summary": "greeted", **EMPTY})
CONTINUED = "You were stopped in the middle"


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI() as api:
        yield api


@pytest.fixture
def project(repo: Repo, fake: FakeAPI) -> Repo:
    repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url, "CLAUDE_CODE_MAX_RETRIES": "1"}
    repo.task("greet: say hello")
    repo.spec("greet", "hello.txt", "wait.sh", goal="GREETING, in `hello.txt`.")
    command = json.dumps([str(claude_code())])
    agent = f'[agents.claude]\nkind = "claude_code"\ncommand = {command}\nmodel = "claude-opus-5-5"\n'
    more = 'allow = ["Bash(sh wait.sh)"]\nenv = ["CLAUDE_CODE_MAX_RETRIES"]\n'
    repo.write(
        "orchestrator.toml", f'{agent}{more}\n[verify]\ncommand = "test ! -e hello.txt || grep -q hello hello.txt"\n'
    )
    repo.write("wait.sh", "setsid sleep 302 &\nsleep 302\n")
    repo.commit("a project")
    return repo


def write(text: str) -> Callable[[Request], Reply]:
    """Write the file in whatever worktree the request says it is in."""

    def reply(request: Request) -> Reply:
        found = re.search(r"orking directory: ([^\\\"]+?)\\n", json.dumps(request.body))
        assert found, "the prompt does not say where it is"
        return Reply([ToolUse("Write", {"file_path": f"{found[1]}/hello.txt", "content": text})])

    return reply


def paid(fake: FakeAPI) -> list[str]:
    return [json.dumps(request.body["messages"]) for request in fake.requests if request.usage]


def test_a_task_is_done_and_a_wrong_one_sent_back(project: Repo, fake: FakeAPI) -> None:
    """What verify says is in the next attempt's spec."""
    wrong = Rule("GREETING", [write("goodbye\n"), Reply([DONE])])
    right = Rule("did not land", [write("hello\n"), Reply([DONE])])
    fake.script = Script([wrong, right])
    project.run("run", timeout=120)
    assert project.read("hello.txt") == "hello\n"
    message = project.git("log", "-1", "--format=%B", "--grep=Task: greet")
    assert "Attempt: 2" in message
    assert "Agent: claude" in message
    assert "Cost-Usd: 0." in message
    assert "**Status**: Complete" in project.read("specs/greet.result.md")
    assert project.git("status", "--porcelain") == ""


def test_a_killed_leader_goes_on_in_the_session(project: Repo, fake: FakeAPI) -> None:
    """No answer is paid for twice, and nothing that the agent started is left."""
    wait = Reply([ToolUse("Bash", {"command": "sh wait.sh", "description": "wait"})])
    fake.script = Script([Rule("GREETING", [write("hello\n"), wait]), Rule(CONTINUED, [Reply([DONE])])])
    leader = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run"],
        cwd=project.root,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    token = f"orchestrator:{project.root}:"
    ready = time.monotonic() + 60
    while time.monotonic() < ready and waiting(token, ["sleep", "302"]) < 2:
        time.sleep(0.02)
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    before = len(paid(fake))
    assert before == 2

    project.run("run", timeout=120)
    assert marked(token) == []
    assert project.landed() == ["greet"]
    after = paid(fake)[before:]
    assert len(after) == 1
    assert "GREETING" in after[0]
    assert "wait.sh" in after[0]
    assert "Attempt: 1" in project.git("log", "-1", "--format=%B", "--grep=Task: greet")


def test_an_api_that_is_down_for_a_while_costs_no_attempt(project: Repo, fake: FakeAPI) -> None:
    fake.script = Script(
        [
            Rule("GREETING", [write("hello\n"), Reply([DONE])]),
            Rule(CONTINUED, [Reply([DONE])]),
        ]
    )

    def second(request: Request) -> bool:
        return "tool_result" in json.dumps(request.body["messages"])

    fake.fail(Fault.OVERLOADED, times=2, when=second)
    project.run("run", timeout=120)
    assert project.landed() == ["greet"]
    assert "Attempt: 1" in project.git("log", "-1", "--format=%B", "--grep=Task: greet")


def test_a_budget_that_is_spent_waits_for_a_person_and_then_goes_on(project: Repo, fake: FakeAPI) -> None:
    look = Reply([ToolUse("Read", {"file_path": "wait.sh"})])
    going_on = [look, write("hello\n"), Reply([DONE])]
    fake.script = Script([Rule("GREETING", [look, look, look, Reply([DONE])]), Rule(CONTINUED, going_on)])
    said = project.run("run", "--budget", "0.01", code=3, timeout=120)
    assert "budget" in said.out + said.err
    before = len(paid(fake))
    assert before == 1, "the program is told what is left, and stops behind the first answer that goes over it"
    assert project.landed() == []

    project.run("run", "--budget", "5", timeout=120)
    assert project.landed() == ["greet"]
    assert len(paid(fake)) == before + 3
    assert "Attempt: 1" in project.git("log", "-1", "--format=%B", "--grep=Task: greet")
