"""What stands in a history that this program did not write: read without a stumble, and never more than it says."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import Repo

from orchestrator.repo.attempts import ROOT, load
from orchestrator.repo.book import Book
from orchestrator.repo.commits import Draft, build
from orchestrator.repo.git import Git
from orchestrator.repo.history import NOTHING, Ledger, ledger, walk
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.remembered import recall, remember

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def committed(repo: Repo, *messages: str) -> tuple[Git, str]:
    git = Git(repo.root, repo.env)
    return git, build(
        git,
        ObjectFolders(git.directory / ".git"),
        "refs/heads/made",
        [Draft(message, (), WHEN) for message in messages],
    )[-1]


@pytest.mark.parametrize("number", ["9" * 5_000, "\u0661", "1_0", "-1", "", "x"])
def test_a_number_that_no_program_wrote_is_none(repo: Repo, number: str) -> None:
    git, tip = committed(repo, "one\n\nTask: a\nCheckpoint: 0007\n", f"x\n\nCheckpoint: {number}\nReopen: a/{number}\n")
    known = ledger(git, tip)
    assert (known.checkpoint, known.landed, known.reopened) == (7, {}, {"a": 0})


def test_no_sign_in_a_subject_makes_a_trailer(repo: Repo) -> None:
    git, tip = committed(repo, "x\x1fTask: stolen\n", "y \x1f\x1e\x1d z\n\nTask: a\n")
    assert [(entry.subject, entry.trailers) for entry in walk(git, tip)] == [
        ("y \x1f\x1e\x1d z", (("Task", "a"),)),
        ("x\x1fTask: stolen", ()),
    ]


def test_trailers_are_told_by_us_as_git_tells_them(repo: Repo) -> None:
    block = "Task : a\nNote: one\n  two\n\tthree\n(cherry picked from commit 1)\nno trailer: x\nEmpty:\nSigned-off-by: A <a@b>\n"
    git, tip = committed(repo, f"x\n\nTask: above\n\n{block}")
    told = git.line("log", "-1", "--format=%(trailers:only=true,unfold=true)", tip)
    assert [f"{key}: {value}" for key, value in next(walk(git, tip)).trailers] == told.split("\n")
    assert next(walk(git, tip)).get("Note") == "one two three"


@pytest.mark.parametrize("key", ["ticket", "task"])
def test_what_a_person_calls_their_trailers_makes_nothing_undone(repo: Repo, key: str) -> None:
    repo.task("a: a", "b: b")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.shell_agent("echo x > $1")
    repo.commit("plan")
    repo.run("run")
    repo.git("config", f"trailer.{key}.key", "Task-Id")
    (repo.root / ".git/orchestrator/ledger").unlink()  # as in a fresh clone
    assert "every task is done" in repo.run("run").out


def test_a_commit_from_the_year_ten_thousand_is_read(repo: Repo) -> None:
    git, tip = committed(repo, "one\n")
    tree = repo.git("rev-parse", f"{tip}^{{tree}}")
    late = f"tree {tree}\nauthor A <a@b> 999999999999 +0000\ncommitter A <a@b> 999999999999 +0000\n\nlate\n"
    commit = git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=late.encode()).decode().strip()
    assert next(walk(git, commit)).when.year == 9999


def test_refs_among_the_attempts_that_are_none_are_passed_over(repo: Repo) -> None:
    blob = repo.git("hash-object", "-w", "README.md")
    for name in ("a/x", "a/1/2", "b", "a/99999999999", "a/\u0661"):
        repo.git("update-ref", f"{ROOT}/{name}", "HEAD")
    repo.git("update-ref", f"{ROOT}/blob/1", blob)
    repo.git("commit", "-q", "--allow-empty", "-m", "x\n\nFate: none\nSeconds: nan")
    repo.git("update-ref", f"{ROOT}/fate/1", "HEAD")
    assert load(Git(repo.root, repo.env)) == []


@pytest.mark.parametrize("name", ["9" * 5_000, "@{u}", "HEAD@{9999}", "HEAD:../x", "x\ny", "a..b"])
def test_a_restore_to_what_is_no_commit_is_refused(repo: Repo, name: str) -> None:
    repo.task("a: a")
    repo.commit("plan")
    said = repo.run("restore", name, code=5)
    assert "is no checkpoint and no commit" in said.err


def test_a_ledger_that_was_torn_is_not_remembered(tmp_path: Path) -> None:
    known = Ledger(Book(), {"t2": 3}, 17, "a name")
    for number in range(1_000):
        known = known.with_landed({f"t{number}": f"{number:040x}"}, number, "a name")
    remember(tmp_path, "f" * 40, known)
    assert recall(tmp_path) == ("f" * 40, known)
    file = tmp_path / "orchestrator" / "ledger"
    for end in (file.stat().st_size - 30, 200, 5, 0):
        os.truncate(file, end)
        assert recall(tmp_path) is None


def test_what_landed_later_is_not_in_the_ledger_before() -> None:
    before = NOTHING.with_landed({"t1": "a"}, 1, "")
    after = before.with_landed({"t2": "b"}, 2, "")
    assert (dict(NOTHING.landed), dict(before.landed), dict(after.landed)) == ({}, {"t1": "a"}, {"t1": "a", "t2": "b"})


def test_what_is_remembered_of_a_commit_that_is_gone_or_ahead_is_not_believed(repo: Repo) -> None:
    git, second = committed(repo, "a: one\n\nTask: a\nCheckpoint: 0001", "b: two\n\nTask: b\nCheckpoint: 0002")
    ahead = (second, ledger(git, second))
    assert [*ledger(git, repo.git("rev-parse", f"{second}^"), ahead).landed] == ["a"]
    assert [*ledger(git, second, ("0" * 39 + "1", NOTHING)).landed] == ["a", "b"]


def test_a_remembered_commit_that_git_has_thrown_away_stops_nothing(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a", "b: for a person")
    repo.spec("b", "b.txt", more="\n**Agent**: person\n")
    repo.shell_agent("for f; do echo agent > $f; done")
    repo.commit("a project")
    repo.run("run", code=None)
    repo.write("notes.txt", "1\n")
    repo.commit("work in progress")
    repo.run("run", code=None)
    repo.git("commit", "-q", "--amend", "-m", "notes")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    for verb in ("status", "brief"):
        repo.run(verb)
    repo.run("run", code=3)
