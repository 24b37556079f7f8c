"""`checkpoint`, `restore` and `fork`: back to an old place by going forward, or beside it."""

import pytest
from harness import Repo


@pytest.fixture
def done(repo: Repo) -> Repo:
    """Two landed tasks: the plan is checkpoint 1, `one` is 2, `two` is 3."""
    repo.task("one: The first", "two: The second (after: one)")
    repo.spec("one", "one.txt")
    repo.spec("two", "two.txt")
    repo.shell_agent('for f; do echo done > "$f"; done', more="[limits]\njobs = 1\n")
    repo.commit("the plan")
    repo.run("run")
    assert numbers(repo) == {"1": "checkpoint: the plan", "2": "one: The first", "3": "two: The second"}
    return repo


def numbers(repo: Repo) -> dict[str, str]:
    out = repo.git("log", "--format=%(trailers:key=Checkpoint,valueonly,separator=%x2C)|%s")
    return {str(int(n)): subject for n, _, subject in (line.partition("|") for line in out.split("\n")) if n}


def trailers(repo: Repo, key: str) -> list[str]:
    return repo.git("log", "-1", f"--format=%(trailers:key={key},valueonly)").split()


def commit_of(repo: Repo, number: int) -> str:
    return repo.git("log", "-1", "--format=%H", f"--grep=^Checkpoint: {number:04d}$")


def test_checkpoint_by_hand_always_writes_one(done: Repo) -> None:
    first = done.run("checkpoint", "-m", "before lunch", "--json").json["data"]
    assert (first["checkpoint"], first["title"], first["changed"]) == ("0004", "before lunch", True)
    assert done.git("rev-parse", "HEAD") == first["commit"]
    assert done.run("checkpoint", "-m", "before lunch", "--json").json["data"]["checkpoint"] == "0005"
    assert (done.root / "checkpoints" / "0004-before-lunch.md").is_file()


@pytest.mark.parametrize("wanted", ["2", "0002", "commit"])
def test_restore_is_a_new_commit_with_the_old_tree(done: Repo, wanted: str) -> None:
    old = commit_of(done, 2)
    tip = done.git("rev-parse", "HEAD")
    foreseen = done.run("restore", "--dry-run", old if wanted == "commit" else wanted, "--json").json["data"]
    assert done.git("rev-parse", "HEAD") == tip
    data = done.run("restore", old if wanted == "commit" else wanted, "--json").json["data"]
    assert (data["files"], data["reopened"]) == (foreseen["files"], ["two/1"])
    assert "two.txt" in data["files"]
    assert done.git("rev-parse", "HEAD^{tree}") == done.git("rev-parse", f"{old}^{{tree}}")
    assert done.git("rev-parse", "HEAD^") == tip
    assert (trailers(done, "Restore"), trailers(done, "Reopen")) == (["0002"], ["two/1"])
    assert done.git("status", "--porcelain") == ""
    assert not (done.root / "two.txt").exists()
    assert done.run("restore", "2", "--json").json["data"]["changed"] is False


@pytest.mark.parametrize("year", ["2001", "2090"])
def test_a_dead_letter_is_open_again_whatever_the_clock_said_at_the_restored_place(repo: Repo, year: str) -> None:
    """The place is a commit of a colleague's, whose clock is behind or ahead."""
    repo.task("one: The first")
    repo.spec("one", "a.txt")
    failed = '[[attempt]]\nattempt = {}\nexit = "failed"\nsay = "no"\n'
    repo.config(f'{failed.format(1)}{failed.format(2)}[[attempt]]\nwrite = {{"a.txt" = "1"}}\n')
    repo.write(".gitignore", ".orchestrator/\n")
    repo.env["GIT_COMMITTER_DATE"] = f"{year}-01-01T00:00:00Z"
    place = repo.commit("the plan")
    del repo.env["GIT_COMMITTER_DATE"]
    repo.run("run", code=1)
    buried = repo.git("rev-parse", "HEAD")
    assert repo.run("restore", place, "--json").json["data"]["reopened"] == ["one/2"]
    repo.run("run")
    assert repo.landed() == ["one"]
    # What was dead there is dead again.
    assert repo.run("restore", buried, "--json").json["data"]["reopened"] == ["one/3"]
    assert "dlq show one" in repo.run("run", code=1).err


def test_the_run_goes_on_from_the_restored_place(done: Repo) -> None:
    done.run("restore", "2")
    done.run("run")
    assert done.landed() == ["one", "two", "two"]
    assert trailers(done, "Attempt") == ["2"]
    assert (done.root / "two.txt").is_file()
    assert trailers(done, "Checkpoint") == ["0004"]


def test_restoring_the_later_place_again_counts_its_tasks_as_landed(done: Repo) -> None:
    done.run("restore", "2")
    assert done.run("restore", "3", "--json").json["data"]["landed"] == ["two"]
    assert done.run("task", "list", "--json").json["data"]["counts"] == {"done": 2}


def test_uncommitted_changes_in_the_way_are_named_and_nothing_changes(done: Repo) -> None:
    tip = done.git("rev-parse", "HEAD")
    done.write("two.txt", "my own\n")
    done.write("mine.txt", "my own\n")
    said = done.run("restore", "2", code=5)
    assert said.err == (
        "error: uncommitted changes are in the way: two.txt\n"
        "hint: commit or stash them (git stash push --all -- PATH), then: orchestrator restore 0002\n"
    )
    assert (done.git("rev-parse", "HEAD"), done.read("two.txt")) == (tip, "my own\n")
    done.git("checkout", "-q", "two.txt")
    done.run("restore", "2")
    assert done.git("status", "--porcelain") == "?? mine.txt"


def test_edits_of_documents_are_committed_before_they_are_restored_over(done: Repo) -> None:
    done.write("TODO.md", done.read("TODO.md") + "\nA thought.\n")
    done.run("restore", "2")
    assert "A thought." in done.git("show", "HEAD^:TODO.md")
    assert "A thought." not in done.read("TODO.md")


def test_unknown_places_are_refused(done: Repo) -> None:
    assert done.run("restore", "9", code=5).err == (
        "error: '9' is no checkpoint and no commit\nhint: checkpoints here: 0001 to 0003; orchestrator log\n"
    )
    assert "is from before the plan" in done.run("restore", done.git("rev-list", "--max-parents=0", "HEAD"), code=5).err
    done.git("switch", "-q", "-c", "side")
    side = done.commit("aside")
    done.git("switch", "-q", "main")
    assert "is not part of this branch" in done.run("restore", side, code=5).err


def test_fork_makes_a_branch_and_stays(done: Repo) -> None:
    assert done.run("fork", "2", "try/other", "--dry-run", "--json").json["data"]["changed"] is False
    assert done.git("branch", "--list", "try/*") == ""
    data = done.run("fork", "2", "try/other", "--json").json["data"]
    assert (data["changed"], data["reopened"]) == (True, ["two/1"])
    assert done.git("rev-parse", "try/other^") == commit_of(done, 2)
    assert done.git("diff", "--name-only", "try/other", commit_of(done, 2)) == ""
    done.run("fork", "3", "same")
    assert done.git("rev-parse", "same") == commit_of(done, 3)
    assert done.git("for-each-ref", "refs/orchestrator/forked") == ""
    assert done.git("symbolic-ref", "--short", "HEAD") == "main"
    assert done.run("fork", "2", "try/other", "--json").json["data"]["changed"] is False
    assert "there is a branch try/other already" in done.run("fork", "3", "try/other", code=5).err
    assert "cannot name a branch" in done.run("fork", "2", "a..b", code=2).err
    assert "cannot name a branch" in done.run("fork", "2", "@{-1}", code=2).err
    assert "cannot name a branch" in done.run("fork", "2", "--", "--upload-pack=x", code=2).err


@pytest.mark.parametrize(("there", "wanted"), [("feat/x", "feat"), ("feat", "feat/x")])
def test_a_name_that_git_takes_not_beside_another_is_refused(done: Repo, there: str, wanted: str) -> None:
    done.git("branch", there)
    said = done.run("fork", "1", wanted, code=5)
    assert said.err == f"error: there is a branch {there} already\nhint: take another name, or: git switch {there}\n"


def test_a_fork_tries_again_what_was_dead_or_finished_on_the_other_branch(repo: Repo) -> None:
    way = repo.root.parent / "way"
    way.write_text("first")
    repo.task("one: The first", "two: The second")
    repo.spec("one", "one.txt")
    repo.spec("two", "two.txt")
    command = f'[ "$(cat {way}) $ORCHESTRATOR_TASK" = "first two" ] && exit 3; cat {way} > "$1"'
    repo.shell_agent(command, more="[limits]\nattempts = 1\n")
    repo.commit("the plan")
    repo.run("run", code=1)
    assert repo.landed() == ["one"]
    way.write_text("second")
    said = repo.run("fork", "1", "other")
    assert said.out.endswith("; starts anew there: one, two\n")
    repo.git("switch", "-q", "other")
    repo.run("run")
    assert sorted(repo.landed()) == ["one", "two"]
    assert (repo.read("one.txt"), repo.read("two.txt")) == ("second", "second")
    assert repo.git("status", "--porcelain") == ""
    repo.git("switch", "-q", "main")
    assert "dead letter: two" in repo.run("status").out
