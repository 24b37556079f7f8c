"""`plan` while a run is going: its leader makes the plan, and only what has not landed changes."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Repo
from planned import OUTLINE_MARK, SPECS_MARK, Json, answering, outline, script, specs_of, task
from test_planning import asked, model

from orchestrator.testing import FakeAPI, Reply, Request, Rule, Script, Structured

GOAL = "Bills, and no paying"
PLAN = outline(task("bill", "bill.txt", new=True, after=["add"]), drop=["pay"])
PATIENCE = 60.0  # seconds


def until(
    condition: "threading.Event | None" = None,
    *,
    path: Path | None = None,
    running: "subprocess.Popen[str] | None" = None,
) -> None:
    """Wait until an event is set, or a file is there."""
    deadline = time.monotonic() + PATIENCE
    while not (condition.is_set() if condition else path is not None and path.exists()):
        assert time.monotonic() < deadline
        assert running is None or running.poll() is None, running.communicate()
        time.sleep(0.02)


@dataclass
class Project:
    """A run that is going: `add` is being worked at until it is let go, `tax` comes after it, `pay` after that."""

    repo: Repo
    api: FakeAPI
    run: "subprocess.Popen[str]"

    @property
    def go(self) -> Path:
        """The file that lets the agents end."""
        return self.repo.root.parent / "go"

    def ended(self, code: int) -> str:
        """Let the agents end, and return what the run said in the end."""
        self.go.touch()
        out, err = self.run.communicate(timeout=PATIENCE)
        assert self.run.returncode == code, out + err
        return out

    def asking(self, *argv: str) -> "subprocess.Popen[str]":
        """Ask for a plan, in a process of its own."""
        return started(self.repo, "plan", GOAL, *argv)


def started(repo: Repo, *argv: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *argv],
        cwd=repo.root,
        env=repo.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def configured(repo: Repo) -> None:
    waiting = f'while [ ! -e {repo.root.parent / "go"} ]; do sleep 0.05; done; echo new > "$1"'
    more = '[agents.claude]\nkind = "anthropic"\nmodel = "claude-opus-5-5"\n\n[roles]\nworker = "sh"\n'
    repo.shell_agent(waiting, verify="true", more=more)
    for name in ("add", "tax", "pay"):
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.task("add: Do add", "tax: Do tax (after: add)", "pay: Do pay (after: tax)")
    repo.commit("a project")


@contextmanager
def going(repo: Repo, said: Script) -> Iterator[Project]:
    configured(repo)
    with model(repo, said) as fake:
        run = started(repo, "run", "--no-live")
        try:
            until(path=repo.root / ".orchestrator/attempts/add/1/order.json", running=run)
            yield Project(repo, fake, run)
        finally:
            (repo.root.parent / "go").touch()  # an agent that a killed leader left ends by itself
            with suppress(ProcessLookupError):
                run.kill()
            run.communicate()


def lines(repo: Repo) -> list[str]:
    return [line for line in repo.read("TODO.md").split("\n") if line.startswith("- [")]


def test_the_leader_plans_and_lets_what_it_has_begun_come_to_its_end(repo: Repo) -> None:
    with going(repo, script(PLAN)) as project:
        said = repo.run("plan", GOAL)
        assert "it makes the plan beside its run" in said.err
        assert "checkpoint 0002: Bills, and no paying" in said.out
        assert project.run.poll() is None
        assert "checkpoint 0002 waits for a person" in project.ended(3)
    assert lines(repo) == [
        "- [x] add: Do add",
        "- [ ] tax: Do tax (after: add)",
        "- [-] pay: Do pay (after: tax)",
        "- [ ] bill: Do bill (after: add)",
    ]
    assert repo.landed() == ["add"]
    assert repo.git("for-each-ref", "--format=%(refname)", "refs/orchestrator/attempts") == (
        "refs/orchestrator/attempts/add/1"
    )
    approve = repo.run("status", "--json").json["next"][0]["cmd"]
    repo.run(*approve.split()[1:])
    repo.run("run")
    assert repo.landed() == ["add", "tax", "bill"] or repo.landed() == ["add", "bill", "tax"]
    assert repo.git("status", "--porcelain") == ""


def test_without_a_gate_the_run_goes_on_with_the_new_plan(repo: Repo) -> None:
    with going(repo, script(PLAN)) as project:
        repo.run("plan", GOAL, "--no-gate")
        assert "phase COMPLETE: 3 landed" in project.ended(0)
    assert sorted(repo.landed()) == ["add", "bill", "tax"]


def test_a_task_that_is_planned_away_is_stopped_and_its_work_kept(repo: Repo) -> None:
    plan = outline(task("bill", "bill.txt", new=True), drop=["add", "tax", "pay"])
    with going(repo, script(plan)) as project:
        repo.run("plan", GOAL, "--no-gate")
        project.ended(0)
    assert repo.landed() == ["bill"]
    assert "refs/orchestrator/attempts/add/1" in repo.git("for-each-ref", "refs/orchestrator/attempts")


def test_no_plan_is_told_to_who_asked_and_the_run_goes_on(repo: Repo) -> None:
    with going(repo, script(outline(task("bill", "none/of/it.txt")))) as project:
        said = repo.run("plan", GOAL, "--json", code=1)
        assert "'none/of/it.txt': it is not in the repository" in said.json["data"]["error"]["message"]
        project.ended(0)
    assert sorted(repo.landed()) == ["add", "pay", "tax"]


def test_ctrl_c_ends_the_planning_alone_and_what_was_answered_is_kept(repo: Repo) -> None:
    asked_for = threading.Event()

    def slow(request: Request) -> Reply:
        asked_for.set()
        time.sleep(1)
        return answering(specs_of(PLAN))(request)

    rules = [Rule(OUTLINE_MARK, [Reply(Structured(PLAN))]), Rule(SPECS_MARK, [slow])]
    with going(repo, Script(rules)) as project:
        first = project.asking()
        until(asked_for, running=first)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=PATIENCE)
        assert (first.returncode, "what was answered is kept" in said) == (130, True)
        repo.run("plan", GOAL, "--no-gate")
        assert asked(project.api).count("outline") == 1
        project.ended(0)
    assert sorted(repo.landed()) == ["add", "bill", "tax"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_where_the_leader_ends_who_asked_goes_on_alone(repo: Repo, how: signal.Signals) -> None:
    asked_for = threading.Event()

    def first_slow(request: Request) -> Reply:
        if not asked_for.is_set():
            asked_for.set()
            time.sleep(2)
        return answering(specs_of(PLAN))(request)

    rules = [Rule(OUTLINE_MARK, [Reply(Structured(PLAN))]), Rule(SPECS_MARK, [first_slow])]
    with going(repo, Script(rules)) as project:
        asking = project.asking()
        until(asked_for, running=asking)
        project.run.send_signal(how)
        project.go.touch()
        out, err = asking.communicate(timeout=PATIENCE)
        assert asking.returncode == 0, err
        assert asked(project.api).count("outline") == 1
    assert "Bills, and no paying" in out
    assert "- [ ] bill: Do bill (after: add)" in lines(repo)


def test_a_plan_that_a_landing_contradicts_is_made_again(repo: Repo) -> None:
    """While the specs are written, `add` lands, and a person makes the file that `bill` was to make."""
    landed = threading.Event()
    second = outline(task("bill", "bill.txt", after=["add"]), drop=["pay"])

    def late(request: Request) -> Reply:
        if not landed.is_set():
            repo.write("bill.txt", "a person's\n")
            repo.git("add", "bill.txt")
            repo.git("commit", "-q", "-m", "bills begin", "--", "bill.txt")
            (repo.root.parent / "go").touch()
            deadline = time.monotonic() + PATIENCE
            while "add" not in repo.landed() and time.monotonic() < deadline:
                time.sleep(0.05)
            landed.set()
        return answering(specs_of(PLAN))(request)

    def plan(_request: Request) -> Reply:
        return Reply(Structured(second if landed.is_set() else PLAN))

    with going(repo, Script([Rule(OUTLINE_MARK, [plan]), Rule(SPECS_MARK, [late])])) as project:
        repo.run("plan", GOAL, "--no-gate")
        assert asked(project.api).count("outline") == 2
        project.ended(0)
    assert repo.read("bill.txt") == "new\n"


def test_one_plan_is_asked_for_at_a_time(repo: Repo) -> None:
    asked_for, answer = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        asked_for.set()
        answer.wait(PATIENCE)
        return answering(specs_of(PLAN))(request)

    rules = [Rule(OUTLINE_MARK, [Reply(Structured(PLAN))]), Rule(SPECS_MARK, [slow])]
    with going(repo, Script(rules)) as project:
        first = project.asking("--no-gate")
        until(asked_for, running=first)
        assert "another plan is being asked for here" in repo.run("plan", "Something else", code=5).err
        answer.set()
        assert first.wait(PATIENCE) == 0
        first.communicate()
        project.ended(0)


@pytest.mark.parametrize("left", [b"", b"{", b"[1]", b'{"token": 1}', b"\xff"])
def test_what_nobody_waits_for_is_no_request(repo: Repo, left: bytes) -> None:
    configured(repo)
    (repo.root.parent / "go").touch()
    (repo.root / ".git/orchestrator.asked").write_bytes(left)
    with model(repo, script(PLAN)) as fake:
        repo.run("run")
        assert not fake.requests
    assert sorted(repo.landed()) == ["add", "pay", "tax"]


def test_a_verb_that_leads_for_a_moment_is_waited_for(repo: Repo, tmp_path: Path) -> None:
    """Who holds the lock may be no run: once it is free the plan is made here."""
    configured(repo)
    plan: Json = outline(task("bill", "bill.txt", new=True))
    repo.once_before_git("update-ref", f"touch {tmp_path}/held; sleep 1.5")
    holding = started(repo, "checkpoint", "-m", "slow")
    until(path=tmp_path / "held", running=holding)
    with model(repo, script(plan)):
        assert "checkpoint 0002" in repo.run("plan", GOAL).out
    assert holding.wait(PATIENCE) == 0
    holding.communicate()


def test_a_leader_that_takes_no_request_is_named(repo: Repo) -> None:
    """Such as one that plans itself."""
    configured(repo)
    asked_for, answer = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        asked_for.set()
        answer.wait(PATIENCE)
        return answering(specs_of(PLAN))(request)

    rules = [Rule(OUTLINE_MARK, [Reply(Structured(PLAN))]), Rule(SPECS_MARK, [slow])]
    with model(repo, Script(rules)):
        first = started(repo, "plan", GOAL)
        until(asked_for, running=first)
        said = repo.run("plan", "Something else", code=5).err
        assert f"process {first.pid}, which takes no request now" in said
        answer.set()
        assert first.wait(PATIENCE) == 0
        first.communicate()
