"""`task` and `spec`: the plan's steps for a person, or for an outside agent that leads by itself."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from harness import Repo, appears
from test_edits import while_running


def started(repo: Repo, *tasks: str, verify: str = "") -> None:
    repo.config(verify=verify)
    repo.task(*tasks)
    for line in tasks:
        name = line.split(":")[0]
        repo.spec(name, f"{name}.txt")
    repo.commit("the plan")


def status(repo: Repo) -> dict[str, str]:
    return {row["id"]: row["status"] for row in repo.run("task", "list", "--all", "--json").json["data"]["tasks"]}


def test_add_writes_one_line_and_twice_changes_nothing(repo: Repo) -> None:
    repo.run("init")
    before = repo.read("TODO.md")
    added = repo.run("task", "add", "one", "The first", "--json").json["data"]
    assert (added["phase"], added["changed"]) == ("IMPLEMENTING", True)
    repo.run("task", "add", "two", "The second", "--after", "one")
    assert repo.run("task", "add", "two", "The second", "--after", "one", "--json").json["data"]["changed"] is False
    repo.run("task", "add", "three", "The third", "--phase", "testing")
    lines = [line for line in repo.read("TODO.md").split("\n") if line not in before.split("\n")]
    assert lines == ["- [ ] one: The first", "- [ ] two: The second (after: one)", "- [ ] three: The third"]
    rows = repo.run("task", "list", "--json").json["data"]["tasks"]
    assert [row["phase"] for row in rows] == ["IMPLEMENTING", "IMPLEMENTING", "TESTING"]


def adding(repo: Repo, task: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "orchestrator", "task", "add", task, f"The {task}"]
    return subprocess.Popen(
        argv, cwd=repo.root, env=repo.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_add_at_once_loses_none(repo: Repo) -> None:
    started(repo, "one: The first")
    adds = [adding(repo, f"more-{number}") for number in range(6)]
    assert [(each.communicate(timeout=60), each.returncode)[1] for each in adds] == [0] * 6
    assert sorted(status(repo)) == [*(f"more-{number}" for number in range(6)), "one"]


def test_add_in_the_middle_of_a_landing_keeps_its_tick(repo: Repo) -> None:
    started(repo, "one: The first")
    lock = repo.write(".git/index.lock", "")
    add = adding(repo, "two")
    with pytest.raises(subprocess.TimeoutExpired):
        add.wait(timeout=1)
    repo.write("TODO.md", repo.read("TODO.md").replace("- [ ] one", "- [x] one"))
    lock.unlink()
    add.communicate(timeout=60)
    assert add.returncode == 0
    assert [line[:9] for line in repo.read("TODO.md").split("\n") if line.startswith("- [")] == [
        "- [x] one",
        "- [ ] two",
    ]


def test_add_beside_a_git_that_stays_says_so(repo: Repo) -> None:
    started(repo, "one: The first")
    editor = {**repo.env, "GIT_EDITOR": "sleep 20; false"}
    lock, before = repo.root / ".git/index.lock", repo.read("TODO.md")
    with subprocess.Popen(
        ["git", "commit", "-a", "--allow-empty"], cwd=repo.root, env=editor, start_new_session=True
    ) as git:
        appears(lock)
        said = repo.run("task", "add", "two", "The second", code=5)
        os.killpg(git.pid, signal.SIGTERM)
    assert said.err == f"error: another git process holds {lock}\nhint: let it finish, then the same command again\n"
    assert repo.read("TODO.md") == before


def test_add_beside_what_a_killed_git_left_says_what_takes_it_away(repo: Repo) -> None:
    started(repo, "one: The first")
    lock, before = repo.write(".git/index.lock", ""), repo.read("TODO.md")
    said = repo.run("task", "add", "two", "The second", code=5)
    assert said.err == f"error: a git that was killed left {lock}\nhint: orchestrator doctor --fix\n"
    assert (lock.exists(), repo.read("TODO.md")) == (True, before)
    repo.run("doctor", "--fix", code=None)
    repo.run("task", "add", "two", "The second")


def test_add_refuses_what_the_plan_cannot_hold(repo: Repo) -> None:
    started(repo, "one: The first")
    before = repo.read("TODO.md")
    assert "cannot be an id" in repo.run("task", "add", "No Id", "x", code=2).err
    said = repo.run("task", "add", "one.result", "x", code=2)
    assert "'one.result' cannot be an id" in said.err
    assert "no `.`, `.lock` or `.result` at its end" in said.err
    assert "which is no task" in repo.run("task", "add", "two", "x", "--after", "oen", code=5).err
    assert "is no phase" in repo.run("task", "add", "two", "x", "--phase", "COOKING", code=5).err
    assert "TODO.md:5: there is a task one already" in repo.run("task", "add", "one", "other", code=5).err
    assert repo.read("TODO.md") == before


def test_an_id_that_has_landed_is_not_given_again(repo: Repo) -> None:
    """Also once the task has left TODO.md: by `task add`, and by hand, it is refused with what to do."""
    repo.task("one: The first", "two: The second")
    for name in ("one", "two"):
        repo.spec(name, f"{name}.txt")
    repo.shell_agent('echo x > "$1"')
    repo.commit("the plan")
    repo.run("run")
    tidy = repo.read("TODO.md").replace("- [x] one: The first\n", "")
    repo.write("TODO.md", tidy)
    said = repo.run("task", "add", "one", "Another", code=5)
    assert "error: one landed before, as " in said.err
    assert "hint: take another id" in said.err
    assert repo.read("TODO.md") == tidy
    repo.write("TODO.md", f"{tidy}- [ ] one: Another\n")
    said = repo.run("run", code=5)
    line = repo.read("TODO.md").split("\n").index("- [ ] one: Another") + 1
    assert f"TODO.md:{line}: one is marked `[ ]`, but commit " in said.err
    assert "if it is another task, give it an id of its own" in said.err


def test_list_says_what_each_task_waits_for(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second (after: one)", "three: The third")
    (repo.root / "specs/three.md").unlink()
    repo.run("task", "next", "--claim", "--as", "ann")
    rows = {row["id"]: (row["status"], row["why"]) for row in repo.run("task", "list", "--json").json["data"]["tasks"]}
    assert rows["one"][0] == "claimed"
    assert rows["one"][1].startswith("by ann on ")
    assert rows["two"] == ("blocked", "after one")
    assert rows["three"] == ("blocked", "no spec: orchestrator spec new three")


def test_list_is_bounded(repo: Repo) -> None:
    repo.task(*[f"t{number}: Task {number}" for number in range(30)])
    said = repo.run("task", "list", "--json").json
    assert (len(said["data"]["tasks"]), said["data"]["total"], said["truncated"]) == (20, 30, True)
    assert len(repo.run("task", "list", "--all").out.strip().split("\n")) == 31


def test_a_claim_is_given_up_for_a_leader_that_starts_the_task_meanwhile(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second")
    repo.once_before_git("update-ref", f"mkdir -p {repo.root}/.orchestrator/worktrees/one-1")
    assert repo.run("task", "next", "--claim", "--json").json["data"]["task"] == "two"
    assert status(repo) == {"one": "stopped", "two": "claimed"}  # nobody leads here


def test_a_claim_is_given_up_for_what_a_leader_has_landed_meanwhile(repo: Repo) -> None:
    started(repo, "one: The first")
    repo.shell_agent('echo x > "$1"')
    repo.commit("an agent")
    repo.once_before_git("update-ref", f"{sys.executable} -m orchestrator run")
    assert repo.run("task", "next", "--claim").out == "nothing is left to do\n"
    assert repo.landed() == ["one"]
    assert not repo.git("for-each-ref", "refs/orchestrator/claims")


def test_a_leader_leaves_alone_what_is_claimed_while_it_makes_a_worktree(repo: Repo) -> None:
    repo.task("one: The first", "two: The second")
    for name in ("one", "two"):
        repo.spec(name, f"{name}.txt")
    repo.shell_agent('echo x > "$1"')
    repo.commit("the plan")
    claim = f"{sys.executable} -m orchestrator task next --claim --as ann"
    repo.once_before_git("worktree add", f"cd {repo.root} && {claim}")
    said = repo.run("run", code=3)
    assert repo.landed() == ["two"]
    assert "claimed by ann" in said.out + said.err
    assert status(repo) == {"one": "claimed", "two": "done"}
    assert not list((repo.root / ".orchestrator/worktrees").glob("one-*"))


def test_a_task_that_both_gave_up_is_done_in_a_worktree_that_was_used_before(repo: Repo) -> None:
    repo.task("a: The first", "one: The second (after: a)", "last: The third (after: a)")
    for name in ("a", "one", "last"):
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.shell_agent('[ "$1" != last.txt ] || sleep 2; echo x > "$1"', more="[limits]\njobs = 2\n")
    repo.commit("the plan")
    ref = "refs/orchestrator/claims/one"
    # The one call for which a worktree is lent again whose files were changed.
    repo.once_before_git("checkout-index", f"cd {repo.root}; git update-ref {ref} HEAD")

    def release() -> None:
        appears(repo.root / ".git" / ref)
        time.sleep(0.5)
        repo.git("update-ref", "-d", ref)

    said = while_running(repo, release)
    assert "left one/1 alone: it had not begun" in said
    assert sorted(repo.landed()) == ["a", "last", "one"]


def test_eight_claimers_never_get_the_same_task(repo: Repo) -> None:
    started(repo, *[f"t{number}: Task {number}" for number in range(6)])
    argv = [sys.executable, "-m", "orchestrator", "task", "next", "--claim", "--json"]
    running = [subprocess.Popen(argv, cwd=repo.root, env=repo.env, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    answers = [json.loads(process.communicate(timeout=60)[0])["data"]["task"] for process in running]
    assert sorted(answers) == ["", "", "t0", "t1", "t2", "t3", "t4", "t5"]


def test_release_gives_a_task_back(repo: Repo) -> None:
    started(repo, "one: The first")
    assert repo.run("task", "next", "--claim", "--json").json["data"]["task"] == "one"
    assert repo.run("task", "next", "--claim", "--json").json["data"]["task"] == ""
    assert repo.run("task", "release", "o", "--json").json["data"] == {"task": "one", "changed": True}
    assert repo.run("task", "release", "one", "--json").json["data"]["changed"] is False
    assert repo.run("task", "next", "--claim", "--json").json["data"]["task"] == "one"


def test_a_claimed_task_keeps_others_off_its_files(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second", "three: The third")
    repo.spec("two", "one.txt")
    repo.run("task", "next", "--claim")
    assert repo.run("task", "next", "--json").json["data"]["task"] == "three"


def test_done_lands_the_changes_inside_the_spec_and_leaves_the_rest(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second", verify="grep -q mine one.txt")
    repo.run("task", "next", "--claim")
    repo.write("one.txt", "mine\n")
    repo.write("other.txt", "not yet\n")
    repo.write("README.md", "# Changed\n")
    said = repo.run("task", "done", "one", "-m", "Kept it short", "--as", "ann", "--json").json
    assert said["data"]["files"] == ["one.txt"]
    assert said["warnings"] == ["left alone, outside the files of one: README.md, other.txt"]
    assert repo.landed() == ["one"]
    assert "- [x] one: The first" in repo.git("show", "HEAD:TODO.md")
    assert "Kept it short" in repo.git("log", "-1", "--format=%B")
    assert (
        repo.git("log", "-1", "--format=%an %(trailers:key=Verified,valueonly)")
        == "ann proved by `grep -q mine one.txt`\n"[:-1]
    )
    assert repo.git("status", "--porcelain") == " M README.md\n?? other.txt"
    assert status(repo) == {"one": "done", "two": "ready"}
    assert repo.run("task", "done", "one", "--json").json["data"]["changed"] is False


def test_done_is_refused_when_verify_is_red_and_nothing_changes(repo: Repo) -> None:
    started(repo, "one: The first", verify="echo the check said no; exit 1")
    repo.write("one.txt", "mine\n")
    head = repo.git("rev-parse", "HEAD")
    said = repo.run("task", "done", "one", code=1)
    assert said.err == (
        "error: one did not land (deterministic); your files are as they were\nthe check said no\n"
        "hint: mend it, then: orchestrator task done one\n"
    )
    assert (repo.git("rev-parse", "HEAD"), repo.read("one.txt")) == (head, "mine\n")
    assert repo.git("status", "--porcelain") == "?? one.txt"
    assert repo.git("for-each-ref", "refs/orchestrator/attempts") == ""


def test_done_takes_deletions_modes_and_staged_changes(repo: Repo) -> None:
    repo.write("old.txt", "old\n")
    repo.config(verify="test ! -e old.txt && test -x new.sh")
    repo.task("one: The first")
    repo.spec("one", "old.txt", "new.sh")
    repo.commit("the plan")
    repo.git("rm", "-q", "old.txt")
    repo.write("new.sh", "#!/bin/sh\n").chmod(0o755)
    repo.git("add", "new.sh")
    repo.run("task", "done", "one")
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("ls-tree", "-r", "HEAD", "new.sh", "old.txt").startswith("100755")
    whose = "--format=%an <%ae> %(trailers:key=Agent,valueonly,separator=%x2C)"
    assert repo.git("log", "-1", whose) == "Ada Person <ada@example.org> person"


def test_done_takes_a_file_that_git_ignores_where_the_spec_names_it(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second")
    repo.spec("one", "one.txt", "build/made.txt", "not[there].txt")
    repo.spec("two", "build/")
    repo.write(".gitignore", "build/\n")
    repo.commit("ignored")
    repo.write("one.txt", "by hand\n")
    repo.write("build/made.txt", "made\n")
    repo.write("build/log.txt", "log\n")
    assert "(build/made.txt, one.txt)" in repo.run("task", "done", "one").out
    assert repo.git("show", "HEAD:build/made.txt") == "made"
    assert "nothing is changed in the files of two" in repo.run("task", "done", "two", code=5).err
    assert repo.git("status", "--porcelain") == ""


def test_done_names_what_it_cannot_do(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second")
    (repo.root / "specs/two.md").unlink()
    assert "hint: did you mean two?" in repo.run("task", "done", "twoo", code=5).err
    assert "nothing is changed in the files of one: one.txt" in repo.run("task", "done", "on", code=5).err
    repo.run("task", "done", "on", "--unchanged")
    assert "hint: orchestrator spec new two" in repo.run("task", "done", "two", code=5).err


def test_done_waits_for_what_comes_before(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second (after: one)")
    repo.write("two.txt", "done too early\n")
    said = repo.run("task", "done", "two", code=5)
    assert "two comes after one, which has not landed" in said.err
    assert repo.landed() == []


def test_a_draft_starts_nowhere_until_it_says_what_is_wanted(repo: Repo) -> None:
    started(repo, "one: The first")
    repo.run("task", "add", "two", "The second")
    repo.run("spec", "new", "two", "--file", "two.txt")
    assert repo.run("task", "next", "--json").json["data"]["task"] == "one"
    repo.run("task", "done", "one", "--unchanged")
    assert repo.run("task", "next", "--json").json["data"]["task"] == ""
    assert "its spec is a draft" in repo.run("status").out
    spec = repo.read("specs/two.md")
    repo.write("specs/two.md", "".join(line for line in spec.splitlines(keepends=True) if "**Draft**" not in line))
    assert repo.run("task", "next", "--json").json["data"]["task"] == "two"


def test_status_names_who_has_claimed_what(repo: Repo) -> None:
    started(repo, "one: The first")
    repo.run("task", "next", "--claim", "--as", "ann")
    assert "one (claimed by ann; orchestrator task release one)" in repo.run("status").out
    assert "claimed by ann" in repo.run("run", "--dry-run").out


def test_spec_new_never_writes_over_one(repo: Repo) -> None:
    repo.run("init")
    repo.run("task", "add", "one", "The first")
    argv = ("spec", "new", "one", "--file", "src/a b.py", "--read", "README.md", "--json")
    assert repo.run(*argv).json["data"] == {"task": "one", "path": "specs/one.md", "changed": True}
    assert "- `src/a b.py`\n" in repo.read("specs/one.md")
    assert repo.run(*argv).json["data"]["changed"] is False
    assert "is there already" in repo.run("spec", "new", "one", code=5).err
    assert 'hint: orchestrator task add nope "TITLE"' in repo.run("spec", "new", "nope", code=5).err
    assert "a path inside" in repo.run("spec", "new", "one", "--file", ".git/config", code=2).err


def test_spec_lint_finds_what_would_be_refused_and_who_meets(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second", "three: The third (after: one)")
    repo.spec("two", "one.txt", "CLAUDE.md")
    repo.spec("three", "one.txt", "README.md")
    said = repo.run("spec", "lint", "--all", "--json", code=1).json["data"]
    assert [(f["where"], f["what"]) for f in said["findings"] if f["severity"] == "error"] == [
        ("specs/two.md:10", "CLAUDE.md is protected")
    ]
    meets = [f["what"] for f in said["findings"] if "same file" in f["what"]]
    assert meets == ["one and two may change the same file", "two and three may change the same file"]
    assert repo.run("spec", "lint", "three", "--json").json["data"]["errors"] == 0
    assert "hint: did you mean three?" in repo.run("spec", "lint", "thre3", code=5).err


def test_spec_show_gives_what_the_next_attempt_gets(repo: Repo) -> None:
    repo.task("one: The first")
    repo.spec("one", "one.txt", goal="Say hello.")
    repo.shell_agent("echo it broke >&2; exit 1", more="[limits]\nattempts = 1\n")
    repo.run("run", code=1)
    text = repo.run("spec", "show", "one").out
    assert text.startswith("# Spec: one\n")
    assert "attempt 2, from commit" in text
    assert "### Attempt 1 did not land (deterministic)" in text
    assert "it broke" in text


def test_spec_show_hands_over_what_came_before(repo: Repo) -> None:
    started(repo, "one: The first", "two: The second (after: one)")
    repo.write("one.txt", "mine\n")
    repo.run("task", "done", "one", "-m", "Names are short")
    assert "```text\none: one.txt; Names are short\n```" in repo.run("spec", "show", "two").out


def test_the_leader_leaves_a_claimed_task_and_its_files_alone(repo: Repo) -> None:
    repo.task("one: The first", "two: The second", "three: The third")
    repo.spec("one", "one.txt")
    repo.spec("two", "two.txt")
    repo.spec("three", "one.txt")
    repo.shell_agent('for f; do echo done >> "$f"; done')
    repo.commit("the plan")
    assert repo.run("task", "next", "--claim", "--json").json["data"]["task"] == "one"
    repo.run("run", code=None)
    assert repo.landed() == ["two"]
    repo.run("task", "release", "one")
    repo.run("run")
    assert repo.landed() == ["two", "one", "three"]


def test_each_of_the_two_word_verbs_has_a_schema_of_its_own(repo: Repo) -> None:
    started(repo, "one: The first")
    assert repo.run("task", "list", "--json").json["schema"] == "orchestrator.task.list/1"
    assert repo.run("spec", "show", "nope", "--json", code=5).json["schema"] == "orchestrator.spec.show/1"
