"""An agent that cannot work here: its tasks wait for another run, all others go on, and the report says both."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
from harness import Repo, appears
from test_edits import while_running

GOOD = '[agents.good]\ncommand = ["sh", "-c", "echo new > $ORCHESTRATOR_TASK.txt"]\n[roles]\nworker = "good"\n'
TYPO = """[agents.x]
format = "aider"
command = ["sh", "-c", "if grep -q TYPO $ORCHESTRATOR_SPEC; then echo 'litellm.NotFoundError: model typo'; else echo new > $ORCHESTRATOR_TASK.txt; fi"]
"""
REFUSED = """[agents.x]
format = "aider"
command = ["sh", "-c", "touch ../../begun; sleep 2; echo 'litellm.AuthenticationError: bad key'"]
"""


def project(repo: Repo, config: str, bad: Sequence[str], good: Sequence[str] = (), more: str = "") -> Repo:
    repo.task(*(f"{task}: do {task}" for task in (*bad, *good)))
    for task in bad:
        repo.spec(task, f"{task}.txt", more=f"\n{more}\n", goal="TYPO")
    for task in good:
        repo.spec(task, f"{task}.txt")
    repo.write("orchestrator.toml", f"{config}\n[limits]\njobs = 1\nattempts = 1\n")
    repo.commit("a project")
    return repo


def with_broken_agent(repo: Repo, *good: str) -> Repo:
    repo.write("bad.sh", "#!/nonexistent/interpreter\n").chmod(0o755)
    config = '[agents.bad]\ncommand = ["./bad.sh"]\n' + GOOD
    return project(repo, config, ("b1", "b2", "b3"), good, more="**Agent**: bad")


def test_it_is_tried_twice_and_stops_no_other(repo: Repo) -> None:
    said = with_broken_agent(repo, "g1", "g2").run("run", code=4)
    assert repo.landed() == ["g1", "g2"]
    tried = repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/attempts/b*/*")
    assert tried.split() == ["b1/1", "b2/1"]
    assert said.out.startswith("phase IMPLEMENTING: 2 landed\n  landed g1 as ")
    assert "error: b1/1 cannot be carried out: cannot start './bad.sh'" in said.err
    assert "what the first line of ./bad.sh names is not there" in said.err
    assert said.err.rstrip("\n").split("\n")[-1].startswith("hint: ")


def test_programs_are_told_what_landed_too(repo: Repo) -> None:
    said = with_broken_agent(repo, "g1").run("run", "--json", code=4).json
    assert [item["task"] for item in said["data"]["landed"]] == ["g1"]
    assert said["data"]["unable"].startswith("b1/1 cannot be carried out: ")


def test_what_one_task_ran_into_holds_no_other_of_its_agent(repo: Repo) -> None:
    project(repo, TYPO, ("b1",), ("g1",))
    repo.run("run", code=4)
    assert repo.landed() == ["g1"]


@pytest.mark.parametrize("deed", ["ticked", "given to another"])
def test_a_task_that_needs_its_agent_no_more_is_no_reason(repo: Repo, deed: str) -> None:
    wait = GOOD.replace("echo new", "touch ../../begun; sleep 2; echo new")
    repo.write("bad.sh", "#!/nonexistent/interpreter\n").chmod(0o755)
    project(repo, '[agents.bad]\ncommand = ["./bad.sh"]\n' + wait, ("a",), ("g1",), more="**Agent**: bad")

    def act() -> None:
        appears(repo.root / ".orchestrator/begun")
        if deed == "ticked":
            repo.write("TODO.md", repo.read("TODO.md").replace("- [ ] a", "- [x] a"))
        else:
            repo.write("specs/a.md", repo.read("specs/a.md").replace("**Agent**: bad\n", ""))

    assert "error:" not in while_running(repo, act)
    assert "g1" in repo.landed()
    assert "stopped" not in repo.run("status").out


def test_what_others_have_taken_over_holds_nobody_untried(repo: Repo) -> None:
    wait = GOOD.replace("echo new", "touch ../../begun; sleep 2; echo new")
    repo.write("bad.sh", "#!/nonexistent/interpreter\n").chmod(0o755)
    bad = ("a", "b", "late")
    project(repo, '[agents.bad]\ncommand = ["./bad.sh"]\n' + wait, bad, ("g1",), more="**Agent**: bad")
    repo.write("TODO.md", repo.read("TODO.md").replace("do late", "do late (after: g1)"))
    repo.commit("later")

    def act() -> None:
        appears(repo.root / ".orchestrator/begun")
        for task in ("a", "b"):
            repo.write(f"specs/{task}.md", repo.read(f"specs/{task}.md").replace("**Agent**: bad\n", ""))

    assert "error: late/1 cannot be carried out" in while_running(repo, act, code=4)
    assert sorted(repo.landed()) == ["a", "b", "g1"]


def test_a_model_that_is_not_there_stops_no_other_model(repo: Repo) -> None:
    project(repo, TYPO, ("b1", "b2"), ("g1", "g2"), more="**Model**: typo")
    repo.run("run", code=4)
    assert repo.landed() == ["g1", "g2"]
    assert repo.run("dlq", "list").out == "no dead letters\n"


def test_a_command_line_that_is_too_long_is_the_task_s_own_fault(repo: Repo) -> None:
    project(
        repo, '[agents.x]\ncommand = ["sh", "-c", "echo new > $ORCHESTRATOR_TASK.txt", "{files}"]\n', (), ("g1", "g2")
    )
    repo.spec("g1", *(f"{'n' * 200}/{number}" for number in range(2_500)))
    repo.commit("too many")
    run = ["sh", "-c", f"ulimit -s 1024; exec {sys.executable} -m orchestrator run"]  # of which a quarter is for names
    done = subprocess.run(run, cwd=repo.root, env=repo.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert repo.landed() == ["g2"]
    assert "fewer files in the spec" in repo.read("specs/g1.result.md")
    assert "dead letter: g1" in done.stdout


def test_a_list_of_files_that_no_variable_holds_names_their_folders(repo: Repo) -> None:
    for number in range(700):
        repo.write(f"src/{'n' * 200}{number}", "x\n")
    project(repo, '[agents.x]\ncommand = ["sh", "-c", "echo $ORCHESTRATOR_FILES > src/named"]\n', (), ("g1",))
    repo.spec("g1", "src/")
    repo.commit("many")
    repo.run("run")
    assert repo.read("src/named") == "src/\n"


def test_ctrl_c_is_what_ended_the_run(repo: Repo) -> None:
    project(repo, REFUSED, ("a",))
    begun = repo.root / ".orchestrator/begun"

    def interrupt() -> None:
        appears(begun)
        os.kill(json.loads(repo.read(".git/orchestrator.lock"))["pid"], signal.SIGINT)

    assert "error:" not in while_running(repo, interrupt, code=130)


def test_the_last_checkpoint_and_the_dead_letters_are_there_all_the_same(repo: Repo) -> None:
    config = GOOD.replace("echo new", "[ $ORCHESTRATOR_TASK != g1 ] && echo new") + '[checkpoint]\nevery = "phase"\n'
    repo.write("bad.sh", "#!/nonexistent/interpreter\n").chmod(0o755)
    project(repo, '[agents.bad]\ncommand = ["./bad.sh"]\n' + config, ("b1",), ("g1", "g2"), more="**Agent**: bad")
    said = repo.run("run", code=4)
    assert "dead letter: g1" in said.out
    assert "next: orchestrator dlq show g1" in said.err
    assert "end of session" in repo.git("log", "-1", "--format=%s")


@pytest.mark.parametrize("what", ["nothing is ready", "blocked"])
def test_nothing_is_verified_where_nothing_can_start(repo: Repo, what: str) -> None:
    marks = repo.root.parent / "verified"
    project(repo, f"{GOOD}[verify]\ncommand = 'echo x >> {marks}; exit 1'\n", (), ("g1",))
    if what == "blocked":
        repo.write("workflow-state.md", "# Workflow State\n\n**Workflow**: w\n**Current phase**: BLOCKED\n")
    else:
        (repo.root / "specs/g1.md").unlink()
    repo.commit("blocked")
    said = repo.run("run", code=3)
    assert "verify is red" not in said.err
    assert not marks.exists()
