"""`orchestrator run` with the built-in agent, killed after any turn it wrote down, stopped, outdated; then run again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from agents import twelve
from harness import Repo

from orchestrator.clock import SystemClock
from orchestrator.events import Event
from orchestrator.testing import FakeAPI, Fault, Reply, Request, Rule, Script, ToolUse
from orchestrator.views.board import Board

KILLER = Path(__file__).parent / "turn_killer.py"
RECORDS = 38  # of the twelve turns
STEP = int(os.environ.get("TURNS_STEP", "12"))  # 1 for a kill after each of them
EMPTY: dict[str, object] = {"files": [], "decisions": [], "tests_needed": [], "issues": []}
DONE = ToolUse("result", {"status": "complete", "summary": "done", **EMPTY})


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI(twelve.SCRIPT) as api:
        yield api


@pytest.fixture
def project(repo: Repo, fake: FakeAPI) -> Repo:
    repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
    repo.write("src/a.txt", "old\n")
    repo.task("t: do it")
    repo.spec("t", "src/", goal=f"Do {twelve.SPEC_WORD}.")
    repo.write("orchestrator.toml", '[agents.claude]\nkind = "anthropic"\nmodel = "claude-opus-5-5"\n')
    repo.commit("a project")
    return repo


def start(repo: Repo, number: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(KILLER), str(number), "--", "run"],
        cwd=repo.root,
        env=repo.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        process_group=0,
    )


def calls(fake: FakeAPI) -> list[str]:
    """Every question that was put to a model, as it was put."""
    return [json.dumps(request.body) for request in fake.requests if request.path == "/v1/messages"]


def tree(repo: Repo) -> dict[str, str]:
    names = repo.git("ls-tree", "-r", "--name-only", "HEAD", "src/").split("\n")
    return {name: repo.git("show", f"HEAD:{name}") + "\n" for name in names}


def attempts(repo: Repo) -> list[str]:
    return repo.git("for-each-ref", "--format=%(refname)", "refs/orchestrator/attempts").split("\n")


def test_a_task_is_done_by_a_model(project: Repo, fake: FakeAPI) -> None:
    said = project.run("run")
    assert tree(project) == twelve.TREE
    assert len(calls(fake)) == 12
    message = project.git("log", "-1", "--format=%B", "--grep=Task: t")
    assert "Agent: claude" in message
    assert "the log is kept" in message
    assert "Cost-Usd: 0." in message
    assert re.search(r"^Sandbox: (bwrap|rlimits|none)$", message, re.MULTILINE)
    assert fake.key not in said.out + said.err


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, RECORDS + 1, STEP))
def test_a_kill_after_any_turn_costs_no_reply(project: Repo, fake: FakeAPI, number: int) -> None:
    assert start(project, number).wait(timeout=120) == -signal.SIGKILL
    paid = calls(fake)
    said = project.run("run")
    maybe = sum(twelve.MAYBE in call for call in calls(fake)[len(paid) : len(paid) + 1])
    assert "t/1 can go on where it was stopped" in said.err
    assert tree(project) == twelve.TREE
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]
    assert len(calls(fake)) == 12 + 2 * maybe  # one looks whether it happened, one does it again
    assert len(set(calls(fake))) == len(calls(fake))
    assert project.git("worktree", "list", "--porcelain").count("worktree ") == 1
    project.run("run")
    assert len(calls(fake)) == 12 + 2 * maybe


def test_two_kills_in_one_attempt(project: Repo, fake: FakeAPI) -> None:
    for number in (9, 11):
        assert start(project, number).wait(timeout=120) == -signal.SIGKILL
    project.run("run")
    assert tree(project) == twelve.TREE
    assert len(set(calls(fake))) == len(calls(fake))


@pytest.mark.parametrize("way", ["moved", "copied"])
def test_an_attempt_goes_on_where_its_repository_has_gone(project: Repo, fake: FakeAPI, way: str) -> None:
    assert start(project, 9).wait(timeout=120) == -signal.SIGKILL
    elsewhere = Repo(project.root.with_name("elsewhere"), env=project.env)
    if way == "moved":
        shutil.move(project.root, elsewhere.root)
    else:
        shutil.copytree(project.root, elsewhere.root, symlinks=True)
    assert "t/1 can go on where it was stopped" in elsewhere.run("run").err
    assert tree(elsewhere) == twelve.TREE
    assert len(set(calls(fake))) == len(calls(fake))
    assert elsewhere.git("worktree", "list", "--porcelain").count("worktree ") == 1


def test_a_kept_file_with_carriage_returns_is_held_against_no_attempt_that_goes_on(project: Repo) -> None:
    project.write("docs/old.txt", b"one\r\ntwo\r\n")
    project.commit("as it was")
    project.write(".gitattributes", "* text=auto\n")
    project.commit("attributes")
    assert start(project, 9).wait(timeout=120) == -signal.SIGKILL
    project.run("run")
    assert tree(project) == twelve.TREE


def test_an_attempt_goes_on_whatever_its_task_is_called(project: Repo, fake: FakeAPI) -> None:
    """Our own worktrees that are to spare have names, too."""
    project.task("spare_parts: do it")
    project.spec("spare_parts", "src/", goal=f"Do {twelve.SPEC_WORD}.")
    assert start(project, 9).wait(timeout=120) == -signal.SIGKILL
    project.run("run")
    assert tree(project) == twelve.TREE
    assert len(calls(fake)) == 12
    assert attempts(project) == ["refs/orchestrator/attempts/spare_parts/1"]


def test_a_key_that_is_refused_in_the_middle_costs_no_turn(project: Repo, fake: FakeAPI) -> None:
    fake.fail(Fault.UNAUTHENTICATED, times=1, when=lambda _request: len(calls(fake)) > 5)
    said = project.run("run", code=4)
    assert "error: t/1 cannot be carried out: 401" in said.err
    assert project.run("dlq", "list").out == "no dead letters\n"
    project.run("run")
    assert tree(project) == twelve.TREE
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]
    assert len(calls(fake)) == 13


def hanging(fake: FakeAPI) -> None:
    """The model writes a file, then has a command run that does not end."""
    work = ToolUse("write", {"path": "src/a.txt", "content": "half\n"})
    fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(work), Reply(ToolUse("bash", {"command": "sleep 1000"}))])])


def finishing(fake: FakeAPI) -> None:
    """The model goes on after that command."""
    fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(DONE)] * 9)])


def test_an_attempt_that_ctrl_c_stopped_goes_on_later(project: Repo, fake: FakeAPI) -> None:
    project.write("orchestrator.toml", project.read("orchestrator.toml") + "[limits]\ndrain = 0.1\n")
    hanging(fake)
    running = start(project)
    try:
        assert fake.wait(3, timeout=60)  # what the model takes, and two turns
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 130
    finally:
        running.kill()
    assert attempts(project) == [""]
    finishing(fake)
    project.run("run")
    assert tree(project) == {"src/a.txt": "half\n"}
    assert len(calls(fake)) == 3
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]


def test_a_spent_budget_lets_an_attempt_go_on_later(project: Repo, fake: FakeAPI) -> None:
    def dear(request: Request) -> Reply:
        return replace(twelve.step(request), usage={"output_tokens": 2_000})

    fake.script = Script([Rule(twelve.SPEC_WORD, [dear] * 20)])
    said = project.run("run", "--budget", "0.5", code=3)
    assert 0 < len(calls(fake)) < 12
    assert "it goes on where it was" in said.err
    project.run("run", "--budget", "50")
    assert tree(project) == twelve.TREE
    assert len(calls(fake)) == 12
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]


def test_an_api_that_is_down_for_a_while_costs_no_turn(project: Repo, fake: FakeAPI) -> None:
    more = "[limits]\nretries = 1\nbackoff = 0.05\n"
    project.write("orchestrator.toml", project.read("orchestrator.toml") + more)
    fake.fail(Fault.OVERLOADED, times=3, when=lambda request: len(request.turns) == 9)
    project.run("run")
    assert tree(project) == twelve.TREE
    assert len(set(calls(fake))) == 12
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]


def test_each_attempt_has_its_own_patience_with_an_api_that_is_down(project: Repo, fake: FakeAPI) -> None:
    """What an attempt that ended had to wait for is not counted against the next one."""
    more = "[verify]\ncommand = '! grep -q bad src/a.txt'\n[limits]\nretries = 1\nbackoff = 0.05\n"
    project.write("orchestrator.toml", project.read("orchestrator.toml") + more)

    def again(request: Request) -> bool:
        return "did not land" in json.dumps(request.body)

    def work(request: Request) -> Reply:
        return Reply(ToolUse("write", {"path": "src/a.txt", "content": "good\n" if again(request) else "bad\n"}))

    fake.script = Script([Rule(twelve.SPEC_WORD, [work, Reply(DONE)])])
    fake.fail(Fault.OVERLOADED, times=3, when=lambda request: not again(request))
    fake.fail(Fault.OVERLOADED, times=3, when=again)
    said = project.run("run")
    assert said.err.count("it goes on where it was") == 2
    assert tree(project) == {"src/a.txt": "good\n"}


def test_an_api_that_stays_down_ends_the_run_and_costs_no_turn_either(project: Repo, fake: FakeAPI) -> None:
    """The attempt is not given up: it waits, with all it has, for another run."""
    more = "[limits]\nretries = 1\nbackoff = 0.05\n"
    project.write("orchestrator.toml", project.read("orchestrator.toml") + more)
    fake.fail(Fault.OVERLOADED, times=None, when=lambda request: len(request.turns) == 9)
    said = project.run("run", code=1)
    assert "t/1 cannot go on, after 2 transient failures in a row" in said.err
    assert "goes on where it was" in said.err
    down = calls(fake)
    # Of a call that failed: its tries, as often as the attempt was taken up.
    assert (len(set(down)), len(down)) == (5, 4 + 2 * 2)
    assert attempts(project) == [""]
    fake.heal()
    project.run("run")
    assert tree(project) == twelve.TREE
    assert len(calls(fake)) == len(down) + 8
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]


def test_a_spec_that_changed_meanwhile_starts_anew(project: Repo) -> None:
    assert start(project, 9).wait(timeout=120) == -signal.SIGKILL
    project.spec("t", "src/", goal=f"Do {twelve.SPEC_WORD}, and well.")
    project.run("run")
    assert tree(project) == twelve.TREE
    names = ["refs/orchestrator/attempts/t/1", "refs/orchestrator/attempts/t/2"]
    assert attempts(project) == names
    assert "Failure: interrupted" in project.git("log", "-1", "--format=%B", names[0])


def test_other_verbs_leave_an_attempt_that_can_go_on(project: Repo, fake: FakeAPI) -> None:
    assert start(project, 9).wait(timeout=120) == -signal.SIGKILL
    before = len(calls(fake))
    project.run("checkpoint", "-m", "in between")
    project.run("run")
    assert tree(project) == twelve.TREE
    assert len(calls(fake)) == 12
    assert before < 12


@pytest.mark.parametrize("number", [0, 4])
def test_setup_and_links_are_there_and_no_change_of_the_agents(project: Repo, fake: FakeAPI, number: int) -> None:
    """Also of an attempt that goes on after a kill."""
    config = project.read("orchestrator.toml")
    project.write("orchestrator.toml", config + '[verify]\nsetup = "echo made > made.txt"\nlink = ["deps"]\n')
    project.write("deps/lib.txt", "from outside\n")
    project.write(".gitignore", "deps\n")
    project.commit("setup")
    copy = ToolUse("bash", {"command": "cat deps/lib.txt made.txt > src/a.txt"})
    fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(copy), Reply(DONE)])])
    if number:
        assert start(project, number).wait(timeout=120) == -signal.SIGKILL
    project.run("run")
    assert tree(project) == {"src/a.txt": "from outside\nmade\n"}
    assert attempts(project) == ["refs/orchestrator/attempts/t/1"]


def test_a_claim_that_changed_nothing_is_a_failure(project: Repo, fake: FakeAPI) -> None:
    look = ToolUse("read", {"path": "src/a.txt"})
    fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(look), Reply(DONE)])])
    project.run("run", code=1)
    message = project.git("log", "-1", "--format=%B", "refs/orchestrator/attempts/t/1")
    assert "it says that the work is complete, and changed nothing" in message


def test_without_a_key_nothing_starts(project: Repo, fake: FakeAPI) -> None:
    del project.env["ANTHROPIC_API_KEY"]
    said = project.run("run", code=4)
    assert "no key for the Anthropic API" in said.err
    assert fake.requests == ()


def test_the_key_is_nowhere_on_the_disk(project: Repo, fake: FakeAPI) -> None:
    look = ToolUse("bash", {"command": "env; cat /proc/*/environ | tr '\\0' '\\n'; echo x > src/b.txt"})
    fake.script = Script([Rule(twelve.SPEC_WORD, [Reply(look), Reply(DONE)])])
    project.run("run")
    found = [path for path in project.root.rglob("*") if path.is_file() and fake.key.encode() in path.read_bytes()]
    assert found == []


def test_a_spec_may_name_its_model_and_effort(project: Repo, fake: FakeAPI) -> None:
    more = "\n**Model**: claude-sonnet-5-5\n**Effort**: low\n"
    project.spec("t", "src/", goal=f"Do {twelve.SPEC_WORD}.", more=more)
    project.run("run")
    bodies = [request.body for request in fake.requests if request.path == "/v1/messages"]
    assert {body["model"] for body in bodies} == {"claude-sonnet-5-5"}
    assert {body["output_config"]["effort"] for body in bodies} == {"low"}


def test_the_live_view_says_what_a_model_is_doing() -> None:
    board = Board(SystemClock())
    board.take(Event("attempt.started", "t", 1, {"agent": "claude"}))
    assert board.rows()[0].doing == ""
    board.take(Event("agent.turn", "t", 1, {"turn": 3, "tokens": 12_345, "micros": 67_800, "tools": ["bash"]}))
    board.take(Event("agent.tool", "t", 1, {"turn": 3, "tool": "bash\x1b[2J"}))
    assert board.rows()[0].doing == "turn 3, bash, 12,345 tokens, 0.0678 USD"
    board.take(Event("attempt.paused", "t", 1, {}))
    assert board.rows() == []
