"""`plan` through the public door: a goal becomes a commit that waits; a kill, a bad answer, a fault, a plan under way."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import Repo
from planned import OUTLINE_MARK, SPECS_MARK, Json, outline, script, shop, spec, specs_of, task, wanted
from test_kill import copied_dirty, kill_at

from orchestrator.testing import FakeAPI, Fault, Reply, Request, Rule, Script, Structured

PLAN = outline(
    task("add", "shop/add.py"),
    task("tax", "shop/tax.py"),
    task("bill", "shop/bill.py", new=True, after=["add", "tax"]),
)
GOAL = "Make the shop add, tax and bill"


@contextmanager
def model(repo: Repo, said: Script) -> Iterator[FakeAPI]:
    with FakeAPI(said) as fake:
        repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
        yield fake


@pytest.fixture
def made(repo: Repo) -> Repo:
    return shop(repo)


def asked(fake: FakeAPI) -> list[str]:
    """What each request for a message asked for."""
    texts = [str(one.body["messages"][-1]["content"]) for one in fake.requests if one.path == "/v1/messages"]
    return ["outline" if OUTLINE_MARK in text else "specs" for text in texts]


def test_a_goal_becomes_a_plan_that_waits(made: Repo) -> None:
    with model(made, script(PLAN)) as fake:
        said = made.run("plan", GOAL)
        assert asked(fake) == ["outline", "specs"]
    assert "checkpoint 0001: Make the shop add, tax and bill" in said.out
    assert "next: orchestrator approve 0001" in said.err
    assert made.git("status", "--porcelain") == ""
    assert [line for line in made.read("TODO.md").split("\n") if line.startswith("- [")] == [
        "- [ ] add: Do add",
        "- [ ] tax: Do tax",
        "- [ ] bill: Do bill (after: add, tax)",
    ]
    assert "shop/bill.py (the change)" in made.read("specs/bill.md")
    names = made.git("show", "--format=", "--name-only").split("\n")
    assert sorted(names) == [
        "TODO.md",
        "checkpoints/0001-plan.md",
        "specs/add.md",
        "specs/bill.md",
        "specs/tax.md",
        "workflow-state.md",
    ]
    assert "No new dependency (`plan`)" in made.read("workflow-state.md")
    assert made.run("spec", "lint").code == 0
    trailers = made.git("log", "-1", "--format=%(trailers:only)")
    for wished in ("Gate: 0001 waits", "Planned-by: claude-opus-5-5", "Sandbox: ", "Tokens: ", "Cost-Usd: 0."):
        assert wished in trailers


def test_the_same_goal_again_changes_nothing_and_asks_nobody(made: Repo) -> None:
    with model(made, script(PLAN)) as fake:
        first = made.run("plan", GOAL, "--json").json["data"]
        again = made.run("plan", GOAL, "--json").json["data"]
        assert len(asked(fake)) == 2
    assert (first["changed"], again["changed"]) == (True, False)
    assert {**first, "changed": False} == again


def test_a_goal_comes_from_a_file(made: Repo) -> None:
    made.write("../prd.md", f"# The product\n\n{GOAL}\n")
    with model(made, script(PLAN)) as fake:
        made.run("plan", "--from", "../prd.md")
        assert f"# The product\n\n{GOAL}" in fake.requests[0].body["messages"][0]["content"]
    assert made.git("log", "-1", "--format=%s") == f"plan: # The product {GOAL}"


@pytest.mark.parametrize(
    ("argv", "code", "why"),
    [
        (["plan"], 2, "no goal"),
        (["plan", "  "], 2, "no goal"),
        (["plan", "x", "--from", "README.md"], 2, "which is it?"),
        (["plan", "--from", "none.md"], 5, "cannot be read"),
        (["plan", "x", "--edit"], 2, "--edit needs a terminal"),
    ],
)
def test_a_goal_that_is_none_is_refused(made: Repo, argv: list[str], code: int, why: str) -> None:
    assert why in made.run(*argv, code=code).err


def test_without_a_model_or_a_key_it_says_what_to_add(repo: Repo) -> None:
    assert "[agents.claude]" in repo.run("plan", GOAL, code=5).err
    shop(repo)
    assert "ANTHROPIC_API_KEY" in repo.run("plan", GOAL, code=4).err
    made = repo.read("orchestrator.toml")
    repo.write("orchestrator.toml", made + '\n[agents.other]\nkind = "anthropic"\nmodel = "claude-sonnet-5-5"\n')
    assert "which model plans?" in repo.run("plan", GOAL, code=5).err


def test_a_bad_outline_is_asked_for_again_with_what_is_wrong(made: Repo) -> None:
    bad = outline(task("add", "shop/none.py"), task("tax", "shop/tax.py", after=["tax"]))

    def answer(request: Request) -> Reply:
        return Reply(Structured(PLAN if "Your last answer" in request.newest else bad))

    with model(made, Script([Rule(OUTLINE_MARK, [answer]), *script(PLAN).rules[1:]])) as fake:
        made.run("plan", GOAL)
        second = str(fake.requests[1].body["messages"][0]["content"])
        assert asked(fake) == ["outline", "outline", "specs"]
    assert "a circle: tax after tax" in second


def test_only_the_specs_with_something_wrong_are_asked_for_again(made: Repo) -> None:
    turns = iter([specs_of(PLAN, tax=spec("tax", "shop/tax.py", check="no-such-program --at-all")), specs_of(PLAN)])
    seen: list[list[str]] = []

    def answer(request: Request) -> Reply:
        seen.append(wanted(request))
        known = next(turns)
        return Reply(Structured({"specs": [known[name] for name in seen[-1]]}))

    with model(made, Script([*script(PLAN).rules[:1], Rule(SPECS_MARK, [answer])])) as fake:
        made.run("plan", GOAL)
        third = str(fake.requests[2].body["messages"][0]["content"])
    assert seen == [["add", "tax", "bill"], ["tax"]]
    assert "check cannot run here: a program in it is not there" in third


def test_an_answer_that_stays_bad_is_no_plan_and_is_not_remembered(made: Repo) -> None:
    before = made.git("rev-parse", "HEAD")
    with model(made, script(outline(task("add", "shop/none.py")))) as fake:
        said = made.run("plan", GOAL, code=1)
        assert asked(fake) == ["outline"] * 3
        assert "'shop/none.py': it is not in the repository" in said.err
        fake.script = script(PLAN)
        made.run("plan", GOAL)
    assert made.git("rev-parse", "HEAD~1") == before


def test_an_acceptance_command_is_tried_where_it_can_harm_nothing(made: Repo) -> None:
    check = "pwd > seen.txt; cp seen.txt shop/add.py; env > env.txt; touch $HOME/mark; git rev-parse HEAD; false"
    known = specs_of(PLAN, add=spec("add", "shop/add.py", check=check))
    with model(made, script(PLAN, known)):
        made.run("plan", GOAL)
    assert made.git("status", "--porcelain") == ""
    assert made.read("shop/add.py") == "def add(a, b):\n    return a - b\n"
    assert not (made.root / ".orchestrator/worktrees/trial").exists()
    assert check in made.read("specs/add.md")


def test_a_planning_that_was_killed_goes_on_and_pays_for_no_answer_twice(made: Repo) -> None:
    many = outline(*[task(f"part-{number}", f"part/{number}.py", new=True) for number in range(25)])
    with model(made, script(many)) as fake:
        for answered in range(4):
            killed_at(made, fake, many, answered)
            assert not (made.root / "TODO.md").exists()
        sent = len(fake.requests)
        fake.script = script(many)
        made.run("plan")
        bodies = [json.dumps(one.body["messages"]) for one in fake.requests]
    # Each kill cost the call that was under way, and nothing else was sent twice.
    assert (sent, len(bodies), len(set(bodies))) == (7, 8, 4)
    assert made.read("TODO.md").count("- [ ] part-") == 25
    assert not (made.root / ".orchestrator/planning").exists()


def killed_at(repo: Repo, fake: FakeAPI, plan: Json, answered: int) -> None:
    """Plan, and be killed while the question after so many answers is under way."""
    planning = repo.root / ".orchestrator/planning"
    kept = sum(len(list(planning.glob(f"*/{name}-*.json"))) for name in ("outline", "specs"))
    started = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "plan", GOAL],
        cwd=repo.root,
        env=repo.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left = iter(range(answered - kept))

    def answer(request: Request) -> Reply:
        if next(left, None) is None:
            started.kill()
        return script(plan).reply(request)

    fake.script = Script(otherwise=answer)
    assert started.wait(60) == -signal.SIGKILL


def twin(repo: Repo, root: Path) -> Repo:
    """A copy that asks the same model."""
    copy = copied_dirty(repo, root)
    copy.env |= {name: value for name, value in repo.env.items() if name.startswith("ANTHROPIC_")}
    return copy


def test_killed_anywhere_the_same_call_again_brings_one_plan(made: Repo, tmp_path: Path) -> None:
    count = tmp_path / "count"
    with model(made, script(PLAN)) as fake:
        assert kill_at(twin(made, tmp_path / "whole"), 0, count, ("plan", GOAL)) == 0
        boundaries, steps = int(count.read_text()), int(os.environ.get("KILL_STEPS", "24")) // 2
        for number in sorted({1 + part * boundaries // steps for part in range(steps)}):
            repo = twin(made, tmp_path / str(number))
            at = len(fake.requests)
            assert kill_at(repo, number, None, ("plan", GOAL)) in {-signal.SIGKILL, 0}
            repo.run("plan", GOAL)
            assert len(fake.requests) - at <= 3, f"killed at {number} of {boundaries}"
            assert repo.git("log", "--format=%s").split("\n") == [f"plan: {GOAL}", "a shop", "first"]
            assert repo.read("TODO.md").count("\n- [ ]") == 3
            assert repo.git("status", "--porcelain") == ""
            assert [*(repo.root / ".orchestrator").glob("planning")] == []
            assert [*(repo.root / ".orchestrator/worktrees").glob("*")] == []
            shutil.rmtree(repo.root)


def test_ctrl_c_ends_a_planning_at_once_and_keeps_what_it_has(made: Repo) -> None:
    with model(made, script(PLAN)) as fake:
        fake.fail(Fault.HANG, when=SPECS_MARK)
        started = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "plan", GOAL],
            cwd=made.root,
            env=made.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert fake.wait(2, 60)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
        assert (started.returncode, "what was answered is kept" in said) == (130, True)
        shown = made.run("status")
        assert f"cut short, `orchestrator plan` goes on: planning, answers so far 1: {GOAL}" in shown.out
        assert "next: orchestrator plan " in shown.err
        fake.heal()
        made.run("plan")
        assert asked(fake) == ["outline", "specs", "specs"]


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.UNAUTHENTICATED, 4), (Fault.UNPAID, 3), (Fault.REFUSAL, 1), (Fault.PROMPT_TOO_LONG, 1)]
)
def test_an_api_that_refuses_leaves_everything_as_it_was(made: Repo, fault: Fault, code: int) -> None:
    before = made.git("rev-parse", "HEAD")
    with model(made, script(PLAN)) as fake:
        fake.fail(fault, times=None)
        said = made.run("plan", GOAL, code=code)
        assert "hint: " in said.err
        fake.heal()
        made.run("plan", GOAL)
    assert made.git("rev-parse", "HEAD~1") == before


def test_what_passes_is_waited_out(made: Repo) -> None:
    made.write("orchestrator.toml", made.read("orchestrator.toml") + "\n[limits]\nbackoff = 0.1\n")
    made.commit()
    with model(made, script(PLAN)) as fake:
        fake.fail(Fault.OVERLOADED, times=2)
        made.run("plan", GOAL)


def continued(repo: Repo) -> Repo:
    """A project whose first task has landed, and two more are open."""
    repo.write(".agent.toml", '[[attempt]]\nexit = "complete"\n[attempt.write]\n"shop/add.py" = "added\\n"\n')
    repo.task("add: Do add", "tax: Do tax (after: add)", "pay: Do pay")
    repo.spec("add", "shop/add.py")
    repo.spec("tax", "shop/tax.py", more="\n**Draft**: yes\n")
    repo.commit("a plan by hand")
    repo.run("run", code=None)
    assert "add" in repo.landed()
    return repo


def test_planning_again_changes_only_what_has_not_landed(made: Repo) -> None:
    repo = continued(made)
    before, papers = repo.read("TODO.md"), {path: repo.read(path) for path in ("specs/add.md", "specs/add.result.md")}
    more = outline(task("bill", "shop/bill.py", new=True, after=["add"]), drop=["pay"])
    with model(repo, script(more)) as fake:
        repo.run("plan", "Bills, and no paying")
        question = fake.requests[0].body["messages"][0]["content"]
    assert "add: Do add" in question
    assert "tax: Do tax (after add) [shop/tax.py]" in question
    after = repo.read("TODO.md")
    assert after == before.replace("- [ ] pay", "- [-] pay").rstrip("\n") + "\n- [ ] bill: Do bill (after: add)\n"
    assert {path: repo.read(path) for path in papers} == papers
    assert repo.run("run", code=3).out.startswith("phase ")


def test_a_task_that_landed_and_left_the_plan_keeps_its_id(made: Repo) -> None:
    """A plan that gives the id again is asked for again: carried out it could never be."""
    repo = continued(made)
    repo.write("TODO.md", repo.read("TODO.md").replace("- [x] add: Do add\n", "").replace(" (after: add)", ""))
    repo.commit("tidied")
    good = outline(task("faster", "shop/add.py"))

    def answer(request: Request) -> Reply:
        refused = "the id add is that of a task that landed before" in request.newest
        return Reply(Structured(good if refused else outline(task("add", "shop/add.py"))))

    with model(repo, Script([Rule(OUTLINE_MARK, [answer]), *script(good).rules[1:]])) as fake:
        repo.run("plan", "Add faster")
        assert asked(fake) == ["outline", "outline", "specs"]
    assert "- [ ] faster: Do faster" in repo.read("TODO.md")


def test_a_task_that_landed_cannot_be_planned_away(made: Repo) -> None:
    repo = continued(made)
    with model(repo, script(outline(task("add", "shop/add.py"), drop=["add"]))):
        said = repo.run("plan", "Something else", code=1)
    assert "the id add is taken" in said.err
    assert "drop names 'add', which is no open task" in said.err
