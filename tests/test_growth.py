"""What does not grow with a project: the history on the disk, and what is read and written when nothing is to do."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import Repo

from orchestrator import workspace
from orchestrator.documents.result import Status
from orchestrator.repo import packing
from orchestrator.repo.commits import Draft, build_all
from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.trees import Change
from orchestrator.steps.standing import Library, situation

_WHEN = datetime(2026, 3, 1, tzinfo=UTC)
_PAPERS = 300


@pytest.fixture
def done(repo: Repo) -> Repo:
    repo.task("a: one", "b: two")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.config('[[attempt]]\nexit = "complete"\n', verify="true")
    repo.commit("a plan")
    repo.run("drop", "b")
    repo.run("run")
    return repo


def whole(repo: Repo, names: list[str]) -> list[str]:
    """Return those of the objects that git does not keep as a difference to another."""
    asked = "\n".join(names)
    git = Git(repo.root, {**os.environ, **repo.env})
    said = git.run("cat-file", "--batch-check=%(objectname) %(deltabase)", stdin=f"{asked}\n".encode()).decode()
    return [line.split()[0] for line in said.splitlines() if set(line.split()[1]) == {"0"}]


def papers(base: str) -> Iterator[tuple[str, Draft]]:
    """Yield commits that each add one file to a folder."""
    for number in range(_PAPERS):
        change = Change(f"papers/{number:04}.md", "100644", f"paper {number}\n".encode())
        parent = base if number == 0 else None
        yield "refs/heads/grown", Draft(f"{number}\n", (change,), _WHEN, parent=parent)


def test_of_a_folder_that_grows_git_keeps_next_to_no_version_whole(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    base = repo.commit("a project")
    git, place = Git(repo.root, {**os.environ, **repo.env}), Place(repo.root, repo.root / ".git")
    commits = build_all(git, ObjectFolders(place.git_dir), list(papers(base)))
    versions = repo.git("rev-parse", *(f"{commit}:papers" for commit in commits)).split("\n")
    assert len({*versions}) == _PAPERS
    monkeypatch.setattr(packing, "_PACKS", 1)
    packing.tidy(git, place)
    assert len(whole(repo, versions)) <= 3  # the newest, and the first two, of which it is more than 32 times
    repo.git("fsck", "--strict")


def test_a_run_with_nothing_to_do_reads_no_attempt_and_writes_nothing_down(done: Repo) -> None:
    ledger = done.root / ".git" / "orchestrator" / "ledger"
    done.run("run")
    before = ledger.stat()
    done.once_before_git("refs/orchestrator/attempts/", "touch ../asked")
    done.run("run")
    assert not (done.root.parent / "asked").exists()
    assert ledger.stat().st_ino == before.st_ino


def test_a_leader_holds_no_document_of_what_landed_or_of_what_was_written_anew(repo: Repo) -> None:
    repo.task("a: one", "b: two (after: a)", "c: three (after: b)", "d: four")
    for name in "abcd":
        repo.spec(name, f"{name}.txt")
    repo.config('[[attempt]]\ntask = "d"\nexit = "failed"\n[[attempt]]\nexit = "complete"\n')
    repo.commit("a plan")
    git, library = Git(repo.root, {**os.environ, **repo.env}), Library()
    assert len(situation(git, repo.git("rev-parse", "HEAD"), library).plan.specs) == len(library.specs) == 4
    repo.run("run", code=1)
    now = situation(git, repo.git("rev-parse", "HEAD"), library)
    assert [now.results[name].title for name in "abc"] == ["one", "two", "three"]
    assert (now.standing().dead, [*now.plan.specs]) == ({"d"}, ["d"])
    assert (len(library.specs), [held.title for held in library.results.values()]) == (1, ["four"])
    repo.run("retry", "d")
    now = situation(git, repo.git("rev-parse", "HEAD"), library)
    assert now.standing().dead == frozenset()
    assert [held.status for held in library.results.values()] == [Status.RETRY]


@pytest.mark.parametrize("said", ["", "{", '{"format": 1}', "a\nb", '{"format": 2, "commit": "%s"}\na'])
def test_a_remembered_ledger_that_cannot_be_read_is_made_anew(done: Repo, said: str) -> None:
    ledger = done.root / ".git" / "orchestrator" / "ledger"
    done.run("run")
    before = ledger.read_bytes()
    ledger.write_text(said.replace("%s", done.git("rev-parse", "HEAD")))
    assert done.run("status", "--json").json["data"]["done"] == 1
    done.run("run")
    assert ledger.read_bytes() == before


def test_a_remembered_ledger_that_says_something_else_than_the_plan_is_not_believed(done: Repo) -> None:
    ledger = done.root / ".git" / "orchestrator" / "ledger"
    done.run("run")
    first = ledger.read_text().split("\n")[0]
    ledger.write_text(f"{first}\nb\n{done.git('rev-parse', 'HEAD')}")
    assert done.run("status", "--json").json["data"]["done"] == 1
    done.run("run")
    assert done.landed() == ["a"]


@pytest.mark.parametrize("book", ["b\0%s\n", "b\0%s\na\0%s\n", "a\0\0%s\n\n", "a\0%s", "a%s\n", ""])
def test_a_remembered_book_that_is_another_or_torn_is_not_believed(done: Repo, book: str) -> None:
    ledger = done.root / ".git" / "orchestrator" / "ledger"
    done.run("run")
    before = ledger.read_bytes()
    head = before.split(b"\n")[0]
    ledger.write_bytes(head + b"\n" + book.replace("%s", done.git("rev-parse", "HEAD")).encode())
    shown = done.run("status", "--json").json["data"]
    assert (shown["done"], shown["total"], shown["problem"]) == (1, 1, "")
    done.run("run")
    assert (ledger.read_bytes(), done.landed()) == (before, ["a"])


def test_what_landed_elsewhere_since_is_read_on_top_of_what_is_remembered(done: Repo) -> None:
    done.run("run")
    done.write("TODO.md", done.read("TODO.md") + "- [x] c: three\n")
    done.commit("three by hand\n\nTask: c")
    assert done.run("status", "--json").json["data"]["done"] == 2
    done.git("reset", "-q", "--hard", "HEAD^")
    assert done.run("status", "--json").json["data"]["done"] == 1


@pytest.mark.parametrize("name", ["a.md", "a.result.md"])
def test_an_edit_of_a_landed_document_in_place_with_its_size_and_time_kept_is_taken_in(done: Repo, name: str) -> None:
    done.run("run")
    path = done.root / "specs" / name
    facts, text = path.stat(), path.read_bytes()
    changed = text.replace(b"a", b"e", 1) if name == "a.md" else text.replace(b"None", b"none", 1)
    with path.open("r+b") as file:
        file.write(changed)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    done.run("run")
    assert changed != text
    assert done.git("show", f"HEAD:specs/{name}").encode() == changed.rstrip(b"\n")


def test_the_logs_of_what_was_tried_longest_ago_are_let_go_but_none_of_what_runs(repo: Repo) -> None:
    for name in "abcdef":
        repo.spec(name, f"{name}.txt")
    after = [f"{name}: do {name} (after: {before})" for before, name in zip("bcde", "cdef", strict=True)]
    repo.task("a: do a", "b: do b", *after)
    waiting = "until [ -e ../../../f.txt ]; do sleep 0.05; done; [ -d ../../attempts/a/1 ] || exit 1"
    command = f'if [ "$ORCHESTRATOR_TASK" = a ]; then {waiting}; fi; echo x > "$1"; echo said'
    repo.shell_agent(command, verify="true", more="[limits]\njobs = 2\nlogs = 2\n")
    repo.commit("a project")
    repo.run("run")
    assert sorted(repo.landed()) == [*"abcdef"]
    attempts = repo.root / ".orchestrator" / "attempts"
    left = {path.name for path in attempts.iterdir()}
    assert len(left) == 2
    assert "f" in left
    assert "said" in (attempts / "f" / "1" / "stdout.log").read_text()
    assert "finished" in repo.run("inspect", "b").out
    assert repo.git("status", "--porcelain") == ""


def test_a_task_that_is_tried_again_just_now_keeps_its_logs(tmp_path: Path) -> None:
    class Folders(workspace.Folders):
        @property
        def scratch(self) -> Path:
            (self.attempts / "t0" / "2").mkdir(exist_ok=True)  # when the oldest are known, and none is gone yet
            return super().scratch

    folders = Folders(tmp_path)
    for number in range(30):
        (folders.attempts / f"t{number}" / "1").mkdir(parents=True)
        os.utime(folders.attempts / f"t{number}", (number + 1, number + 1))
    gone = [path.name for path in folders.discarded(8)]
    assert gone == [f"logs-t{number}" for number in range(1, 22)]
    assert (folders.attempts / "t0" / "2").is_dir()
