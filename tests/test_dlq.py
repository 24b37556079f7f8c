"""Dead letters: listed, shown, tried again, dropped."""

import fcntl
import json
import os
from pathlib import Path

import pytest
from harness import Repo


@pytest.fixture
def dead(repo: Repo) -> Repo:
    """`one` is a dead letter, `two` waits for it, `three` has landed."""
    repo.task("one: The first", "two: The second (after: one)", "three: The third")
    repo.spec("one", "one.txt")
    repo.spec("two", "two.txt")
    repo.spec("three", "three.txt")
    agent = 'test "$1" = one.txt && ! test -e "$HOME/mended" && { echo it broke >&2; exit 1; }; echo done > "$1"'
    repo.shell_agent(agent, more="[limits]\nattempts = 1\njobs = 1\n")
    repo.commit("the plan")
    repo.run("run", code=1)
    assert repo.landed() == ["three"]
    return repo


def status(repo: Repo) -> dict[str, str]:
    return {row["id"]: row["status"] for row in repo.run("task", "list", "--all", "--json").json["data"]["tasks"]}


def test_list_and_show(dead: Repo) -> None:
    found = dead.run("dlq", "list", "--json").json["data"]
    assert [(row["task"], row["attempts"], row["failure"]) for row in found["letters"]] == [("one", 1, "deterministic")]
    said = dead.run("dlq", "show", "on").out
    assert said.startswith(dead.read("specs/one.result.md").rstrip("\n"))
    assert "attempt 1: git show refs/orchestrator/attempts/one/1   # deterministic" in said
    assert "two is no dead letter" in dead.run("dlq", "show", "two", code=5).err


@pytest.mark.parametrize("verb", [("retry",), ("dlq", "retry")])
def test_retry_opens_it_again_and_it_lands(dead: Repo, verb: tuple[str, ...]) -> None:
    assert dead.run(*verb, "one", "--json").json["data"]["changed"] is True
    assert "**Status**: Retry\n" in dead.git("show", "HEAD:specs/one.result.md")
    assert dead.git("log", "-1", "--format=%(trailers:key=Reopen,valueonly)").strip() == "one/1"
    assert dead.run(*verb, "one", "--json").json["data"]["changed"] is False
    assert dead.git("status", "--porcelain") == ""
    dead.write("../repo-home/mended", "")
    dead.run("run")
    assert dead.landed() == ["three", "one", "two"]


def test_retry_refuses_what_is_no_dead_letter(dead: Repo) -> None:
    assert "three has landed: it is no dead letter" in dead.run("retry", "three", code=5).err
    assert "hint: did you mean three?" in dead.run("retry", "thre3", code=5).err
    tip = dead.git("rev-parse", "HEAD")
    assert dead.run("retry", "two", "--json").json["data"]["changed"] is False
    assert dead.git("rev-parse", "HEAD") == tip


def test_drop_needs_its_dependents_named(dead: Repo) -> None:
    assert dead.run("drop", "one", code=5).err == (
        "error: one cannot be dropped alone: two come after it\n"
        "hint: orchestrator drop one --with-dependents   # or take `after: one` out of TODO.md\n"
    )
    assert dead.run("drop", "one", "--with-dependents", "--json").json["data"]["tasks"] == ["one", "two"]
    todo = dead.git("show", "HEAD:TODO.md")
    assert "- [-] one: The first" in todo
    assert "- [-] two: The second (after: one)" in todo
    assert dead.git("log", "-1", "--format=%(trailers:key=Dropped,valueonly,separator=%x2C)") == "one,two"
    assert dead.git("status", "--porcelain") == ""
    assert dead.run("drop", "one", "--json").json["data"]["changed"] is False
    assert dead.run("dlq", "list").out == "no dead letters\n"
    dead.run("run")
    assert status(dead) == {"one": "dropped", "two": "dropped", "three": "done"}


def test_drop_refuses_what_has_landed(dead: Repo) -> None:
    assert "three has landed" in dead.run("drop", "three", code=5).err
    dead.run("drop", "two")
    assert "two was dropped" in dead.run("retry", "two", code=5).err


def test_a_second_leader_is_refused(dead: Repo) -> None:
    with (dead.root / ".git" / "orchestrator.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        facts = json.loads(lock.read()) | {"pid": os.getpid()}
        lock.seek(0)
        lock.truncate()
        lock.write(json.dumps(facts))
        lock.flush()
        for argv in (("retry", "one"), ("checkpoint", "-m", "x"), ("restore", "1"), ("task", "done", "two")):
            assert f"another leader is at work here: process {os.getpid()}" in dead.run(*argv, code=5).err


def test_a_retry_in_another_clone_retires_the_attempts_that_were_made_here(repo: Repo, tmp_path: Path) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("[ -e ok ] || exit 3; for f; do echo agent > $f; done")
    repo.commit("a project")
    repo.run("run", code=1)
    other = Repo(tmp_path / "other", repo.env)
    repo.git("clone", "-q", str(repo.root), str(other.root))
    other.write("ok", "")
    other.git("add", "ok")
    other.git("commit", "-qm", "what was missing")
    other.run("retry", "a")
    repo.git("pull", "-q", str(other.root))
    repo.run("run")
    assert repo.landed() == ["a"]
