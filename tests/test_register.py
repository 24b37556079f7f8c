"""The register: attempts that end together are written together, and none is taken for written that is not."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Event

import pytest
from harness import Repo

from orchestrator.repo.attempts import Attempt, Fate, load
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.register import Register
from orchestrator.repo.trees import Change

_TOGETHER = 8


class Failing(ObjectFolders):
    """Folders on a disk that fails once, at the first time it is asked."""

    def make_durable(self) -> None:
        self._synced["asked"] = self._synced.get("asked", 0) + 1
        if self._synced["asked"] == 1:
            raise OSError(5, "Input/output error", str(self.git_dir))


class Broken(ObjectFolders):
    """Folders with a fault that nobody thought of, at the first time they are asked."""

    def make_durable(self) -> None:
        self._synced["asked"] = self._synced.get("asked", 0) + 1
        if self._synced["asked"] == 1:
            raise RuntimeError("no such thing")


def register(repo: Repo, objects: type[ObjectFolders] = ObjectFolders) -> Register:
    place = Place(repo.root, repo.root / ".git")
    return Register(Git(repo.root, {**os.environ, **repo.env}), place, objects(place.git_dir))


def attempt(number: int, base: str) -> Attempt:
    task, when = f"t{number}", datetime(2026, 11, 20, tzinfo=UTC)
    return Attempt(task, 1, "", base, "", "agent", Fate.FINISHED, None, 0.0, "", b"", when)


def record_together(made: Register, base: str) -> list[object]:
    start = Barrier(_TOGETHER)

    def one(number: int) -> object:
        start.wait()
        try:
            return made.record(attempt(number, base), [Change(f"{number}.txt", "100644", b"x")], base).commit
        except OSError as error:
            return error

    with ThreadPoolExecutor(_TOGETHER) as pool:
        return list(pool.map(one, range(_TOGETHER)))


def test_attempts_that_end_together_are_all_recorded(repo: Repo) -> None:
    base = repo.commit("a project")
    said = record_together(register(repo), base)
    git = Git(repo.root, {**os.environ, **repo.env})
    assert sorted(str(commit) for commit in said) == sorted(kept.commit for kept in load(git))
    assert repo.git("show", "refs/orchestrator/attempts/t3/1:3.txt") == "x"


class Counting(ObjectFolders):
    """Folders that count how often they are asked: once for each write."""

    asked = 0

    def make_durable(self) -> None:
        type(self).asked += 1
        super().make_durable()


def test_who_is_about_to_record_is_waited_for_and_written_along(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counting, "asked", 0)
    monkeypatch.setattr("orchestrator.repo.register._PATIENCE", 60.0)
    base = repo.commit("a project")
    made = register(repo, Counting)
    start, ends = Barrier(_TOGETHER), [Event() for _ in range(_TOGETHER)]

    def one(number: int) -> str:
        with made.coming():
            start.wait()
            if number:
                ends[number - 1].wait()
            ends[number].set()
            if number == _TOGETHER - 1:
                raise OSError(5, "Input/output error")  # whoever fails on the way there holds nobody up
            return made.record(attempt(number, base), [], base).commit

    with ThreadPoolExecutor(_TOGETHER) as pool:
        said = [future.exception() or future.result() for future in [pool.submit(one, n) for n in range(_TOGETHER)]]
    assert len({*said[:-1]}) == _TOGETHER - 1
    assert isinstance(said[-1], OSError)
    assert Counting.asked == 1


def test_what_a_failing_disk_did_not_take_is_never_taken_for_recorded(repo: Repo) -> None:
    base = repo.commit("a project")
    said = record_together(register(repo, Failing), base)
    refs = repo.git("for-each-ref", "--format=%(objectname)", "refs/orchestrator/attempts").split()
    assert any(isinstance(each, OSError) for each in said)
    assert {each for each in said if not isinstance(each, OSError)} <= set(refs)


def test_each_of_several_ends_with_a_commit_or_an_error_whatever_happens(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worktree is removed once it is said to be recorded."""
    monkeypatch.setattr("orchestrator.repo.register._PATIENCE", 60.0)
    base = repo.commit("a project")
    made = register(repo, Broken)
    start = Barrier(_TOGETHER)

    def one(number: int) -> str:
        with made.coming():
            start.wait()
            try:
                return made.record(attempt(number, base), [], base).commit
            except RuntimeError as error:
                return str(error)

    with ThreadPoolExecutor(_TOGETHER) as pool:
        assert list(pool.map(one, range(_TOGETHER))) == ["no such thing"] * _TOGETHER
    assert made.record(attempt(1, base), [], base).commit


def test_the_disks_own_fault_is_named_not_what_it_left_behind_for_the_second_try(repo: Repo) -> None:
    base = repo.commit("a project")
    # Cut short while it writes the mark beside its pack, fast-import leaves it there, and the next one meets it.
    fault, met = "fatal: write error: Input/output error", "fatal: cannot create keep file: File exists"
    repo.once_before_git("update-ref", f"echo '{fault}' >&2; exit 128")
    once = repo.root.parent / f"{repo.root.name}-git" / "git"
    once.write_text(once.read_text().replace(";; esac", f"; echo '{met}' >&2; exit 128 ;; esac"))
    with pytest.raises(GitError, match="Input/output error"):
        register(repo).record(attempt(1, base), [Change("a.txt", "100644", b"a\n")], base)


def test_a_ref_that_was_being_written_when_the_disk_failed_is_held_against_nobody(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(git_dir: Path, *_refs: str) -> None:
        raise OSError(5, "Input/output error", str(git_dir))

    base = repo.commit("a project")
    made = register(repo)
    monkeypatch.setattr("orchestrator.repo.register.make_durable", failing)
    with pytest.raises(OSError, match="Input/output error"):
        made.record(attempt(1, base), [], base)
    assert repo.git("for-each-ref", "refs/orchestrator/attempts/t1/1")
    assert made.put_back() == {}
    assert repo.git("for-each-ref", "refs/orchestrator/attempts/t1/1")


def test_a_ref_that_somebody_else_wrote_is_put_back_and_kept(repo: Repo) -> None:
    base = repo.commit("a project")
    made = register(repo)
    recorded = made.record(attempt(1, base), [], base)
    repo.git("update-ref", recorded.ref, base)
    repo.git("update-ref", "refs/orchestrator/attempts/planted/1", base)
    assert set(made.put_back()) == {recorded.ref, "refs/orchestrator/attempts/planted/1"}
    assert repo.git("rev-parse", recorded.ref) == recorded.commit
    with pytest.raises(AssertionError):
        repo.git("rev-parse", "--verify", "refs/orchestrator/attempts/planted/1")
    assert base in repo.git("for-each-ref", "--format=%(objectname)", "refs/orchestrator/lost")


def test_what_left_the_plan_is_let_go_until_it_comes_back(repo: Repo) -> None:
    base = repo.commit("a project")
    register(repo).record(attempt(1, base), [], base)
    register(repo).record(attempt(2, base), [], base)
    made = register(repo)
    for planned in ({"t1": "A", "t3": "A"}, {"t1": "A", "t2": "A"}, {"t2": "A"}, {}, {"t1": "A", "t2": "A"}):
        found = made.unsettled(planned, lambda _task: False)
        assert set(found) == planned.keys() & {"t1", "t2"}
        assert all([attempt.number for attempt in mine] == [1] for mine in found.values())
    assert made.unsettled({"t1": "A", "t2": "A"}, lambda task: task == "t2").keys() == {"t1"}
    assert made.highest("t2") == 1


def packed_attempts(repo: Repo) -> tuple[Register, list[Attempt], str]:
    """Return a register that has seen its attempts packed and in order, one of them loose again, with their base."""
    base = repo.commit("a project")
    made = register(repo)
    recorded = [made.record(attempt(number, base), [], base) for number in range(3)]
    repo.git("pack-refs", "--all", "--prune")
    recorded.append(made.record(attempt(3, base), [], base))
    assert made.put_back() == {}
    return made, recorded, base


def test_as_long_as_nothing_changed_no_git_is_asked(repo: Repo) -> None:
    made, recorded, base = packed_attempts(repo)
    recorded.append(made.record(attempt(4, base), [], base))
    git, made.git = made.git, Git(repo.root, {"PATH": os.devnull})
    assert made.put_back() == {}
    made.git = git
    repo.git("update-ref", recorded[-1].ref, base)
    assert set(made.put_back()) == {recorded[-1].ref}


def shadowed(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    loose = git_dir / recorded[0].ref
    loose.parent.mkdir(parents=True)
    loose.write_text(f"{base}\n")
    return recorded[0].ref


def rewritten(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    packed = git_dir / "packed-refs"
    facts = packed.stat()
    with packed.open("r+") as file:
        text = file.read().replace(recorded[1].commit, base)
        file.seek(0)
        file.write(text)
    os.utime(packed, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return recorded[1].ref


def deleted(git_dir: Path, recorded: list[Attempt], _base: str) -> str:
    (git_dir / recorded[3].ref).unlink()
    return recorded[3].ref


def linked(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    elsewhere = git_dir / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1").write_text(f"{base}\n")
    (git_dir / recorded[2].ref).parent.symlink_to(elsewhere)
    return recorded[2].ref


def pointed(git_dir: Path, recorded: list[Attempt], _base: str) -> str:
    (git_dir / recorded[3].ref).write_text("ref: refs/heads/main\n")
    return recorded[3].ref


def below(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    deleted(git_dir, recorded, base)
    (git_dir / recorded[3].ref).mkdir()
    (git_dir / recorded[3].ref / "x").write_text(f"{base}\n")
    return recorded[3].ref


def below_and_no_ref(git_dir: Path, recorded: list[Attempt], _base: str) -> str:
    below(git_dir, recorded, "no commit's id")
    (git_dir / "logs" / recorded[3].ref / "x").mkdir(parents=True)
    return recorded[3].ref


def above(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    deleted(git_dir, recorded, base)
    (git_dir / recorded[3].ref).parent.rmdir()
    (git_dir / recorded[3].ref).parent.write_text(f"{base}\n")
    return recorded[3].ref


def above_all(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    deleted(git_dir, recorded, base)
    (git_dir / recorded[3].ref).parent.rmdir()
    (git_dir / recorded[3].ref).parent.parent.rmdir()
    (git_dir / recorded[3].ref).parent.parent.write_text(f"{base}\n")
    return recorded[3].ref


def nowhere(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    (git_dir / recorded[3].ref).write_text(f"{'e' * len(base)}\n")
    return recorded[3].ref


def garbage(git_dir: Path, recorded: list[Attempt], _base: str) -> str:
    (git_dir / recorded[3].ref).write_bytes(b"\0\xff")
    return recorded[3].ref


def locked(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    (git_dir / f"{recorded[3].ref}.lock").write_text("")
    return nowhere(git_dir, recorded, base)


def nowhere_to_keep(git_dir: Path, recorded: list[Attempt], base: str) -> str:
    (git_dir / "refs/orchestrator/lost").write_text(f"{base}\n")
    (git_dir / recorded[3].ref).write_text(f"{base}\n")
    return recorded[3].ref


@pytest.mark.parametrize(
    "change", [below, below_and_no_ref, above, above_all, nowhere, garbage, locked, nowhere_to_keep]
)
def test_whatever_is_planted_where_a_ref_must_be_makes_way(
    repo: Repo, change: Callable[[Path, list[Attempt], str], str]
) -> None:
    made, recorded, base = packed_attempts(repo)
    (repo.root / ".git/logs" / recorded[3].ref).unlink(missing_ok=True)
    changed = change(repo.root / ".git", recorded, base)
    assert changed in made.put_back()
    assert made.put_back() == {}
    assert [repo.git("rev-parse", each.ref) for each in recorded] == [each.commit for each in recorded]
    assert len(repo.git("for-each-ref", "refs/orchestrator/attempts").split("\n")) == len(recorded)


@pytest.mark.parametrize("change", [shadowed, rewritten, deleted, linked, pointed])
def test_whatever_is_done_to_the_files_of_refs_is_seen(
    repo: Repo, change: Callable[[Path, list[Attempt], str], str]
) -> None:
    made, recorded, base = packed_attempts(repo)
    changed = change(repo.root / ".git", recorded, base)
    assert set(made.put_back()) == {changed}
    assert made.put_back() == {}
    assert [repo.git("rev-parse", each.ref) for each in recorded] == [each.commit for each in recorded]


def test_attempts_at_a_task_that_was_let_go_are_read_again_with_those_made_since(repo: Repo) -> None:
    base = repo.commit("a project")
    register(repo).record(attempt(1, base), [], base)
    made = register(repo)
    assert made.unsettled({"t1": "A"}, lambda _task: True) == {}
    made.record(replace(attempt(1, base), number=12), [], base)
    assert made.unsettled({"t1": "A"}, lambda _task: True) == {}
    assert [each.number for each in made.of("t1")] == [1, 12]
    assert (made.highest("t1"), made.highest("t2"), made.of("t2")) == (12, 0, ())


def test_a_crowd_of_tasks_is_taken_up_without_naming_each_to_git(repo: Repo) -> None:
    base = repo.commit("a project")
    for number in range(600):
        repo.write(f".git/refs/orchestrator/attempts/t{number}/1", f"{base}\n")
    register(repo).record(attempt(601, base), [], base)
    made = register(repo)
    found = made.unsettled({f"t{number}": "A" for number in range(700)}, lambda _task: False)
    assert found.keys() == {f"t{number}" for number in (*range(600), 601)}
