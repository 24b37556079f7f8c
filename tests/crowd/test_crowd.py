"""Many agents finish at one instant, git in hand: none is lost, none is tried twice, nothing is left over.

A round of each runs always. The full proof is one command and prints its figures:

    CROWD_ROUNDS=100 python -m pytest tests/crowd -m slow      # 13 and 20 committers; 24 worktrees, half as many rounds
"""

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import crowd
import pytest
from harness import Repo

from orchestrator.repo import worktrees as room
from orchestrator.repo.git import Git
from orchestrator.repo.locate import locate
from orchestrator.repo.sight import look
from orchestrator.repo.worktrees import Worktrees

_ROUNDS = int(os.environ.get("CROWD_ROUNDS", "0"))
_WORKTREES = 24

full = pytest.mark.skipif(not _ROUNDS, reason="the full proof takes many minutes: CROWD_ROUNDS=100 runs it")


@pytest.mark.parametrize("size", [13, 20])
def test_committers_that_finish_at_once_all_land(square: Path, size: int) -> None:
    assert bad_rounds(square, size, 1, committing=True) == []


def test_worktrees_made_and_removed_at_once_leave_nothing(square: Path) -> None:
    assert bad_rounds(square, _WORKTREES, 1, committing=False) == []


def test_worktrees_from_many_threads_leave_nothing(repo: Repo) -> None:
    assert worktree_rounds(repo, 2) == []


@full
@pytest.mark.slow
@pytest.mark.parametrize("size", [13, 20])
def test_committers_that_finish_at_once_all_land_in_every_round(
    square: Path, size: int, record_property: object
) -> None:
    told(record_property, _ROUNDS, bad_rounds(square, size, _ROUNDS, committing=True))


@full
@pytest.mark.slow
def test_worktrees_made_and_removed_at_once_leave_nothing_in_any_round(square: Path, record_property: object) -> None:
    told(record_property, _ROUNDS // 2, bad_rounds(square, _WORKTREES, _ROUNDS // 2, committing=False))


@full
@pytest.mark.slow
def test_worktrees_from_many_threads_leave_nothing_in_any_round(repo: Repo, record_property: object) -> None:
    told(record_property, _ROUNDS // 2, worktree_rounds(repo, _ROUNDS // 2))


@full
@pytest.mark.slow
def test_worktrees_beside_a_persons_own_leave_nothing_in_any_round(repo: Repo, record_property: object) -> None:
    with a_person_beside(repo):
        told(record_property, _ROUNDS // 2, worktree_rounds(repo, _ROUNDS // 2))


def test_a_persons_prune_in_the_middle_of_a_removal_is_fine(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = worktrees(repo)
    trees.add("t00", repo.git("rev-parse", "HEAD"))
    real = room.remove_tree

    def and_prune(path: Path) -> None:
        real(path)
        repo.git("worktree", "prune")

    monkeypatch.setattr(room, "remove_tree", and_prune)
    trees.remove("t00")
    assert trees.names() == []


def test_a_worktree_that_git_fails_to_add_once_is_added(repo: Repo) -> None:
    tip = repo.git("rev-parse", "HEAD")
    repo.once_before_git("worktree add", "exit 128")
    worktrees(repo).add("t00", tip)
    assert (repo.root.parent / "repo-git" / "done").exists()
    assert (repo.root / ".orchestrator" / "worktrees" / "t00" / "README.md").exists()


def test_the_check_sees_a_lost_file_a_second_try_and_a_leftover(square: Path) -> None:
    repo = crowd.project(square / "repo", 2, committing=True)
    repo.run("run")
    assert crowd.lost(repo, crowd.tasks(2), committing=True) == []
    repo.git("update-ref", "refs/orchestrator/attempts/t00/2", "refs/orchestrator/attempts/t00/1")
    repo.git("update-ref", "refs/orchestrator/attempts/t01/1", "HEAD")
    repo.write("src/t00.txt", "old\n")
    repo.commit("an agent's file, lost\n\nTask: t01")
    repo.git("branch", "orchestrator/t00")
    seen = [line.split(":")[0] for line in crowd.lost(repo, crowd.tasks(2), committing=True)]
    assert seen == ["landed", "t00", "attempts", "the agents' own commits", "left over"]
    crowd.forget(repo)


def bad_rounds(square: Path, size: int, rounds: int, *, committing: bool) -> list[str]:
    """Run that many rounds, each in a repository of its own; the repository of a bad one is kept."""
    bad = []
    for number in range(rounds):
        repo = crowd.project(square / f"round-{number}", size, committing=committing)
        said = repo.run("run", code=None, timeout=120)
        wrong = crowd.lost(repo, crowd.tasks(size), committing=committing)
        if said.code or wrong:
            bad.append(f"{repo.root}: exit {said.code}\n" + "\n".join([*wrong, said.err]))
        else:
            crowd.forget(repo)
    return bad


def worktree_rounds(repo: Repo, rounds: int) -> list[str]:
    """Borrow, use and give back 24 worktrees at once, from as many threads; return what failed or was left."""
    first = repo.git("rev-parse", "HEAD")
    repo.write("README.md", "# Another project\n")
    tips = {repo.commit("second"): "# Another project\n", first: "# A project\n"}
    trees = worktrees(repo)
    gate = threading.Barrier(_WORKTREES)

    def life(name: str, tip: str) -> None:
        gate.wait()
        path = trees.lend(name, tip).path
        assert (path / "README.md").read_text() == tips[tip]
        (path / "README.md").write_text(f"{name}\n")
        trees.give_back(name, look(path))

    bad = []
    with ThreadPoolExecutor(_WORKTREES) as pool:
        for number in range(rounds):
            lives = [pool.submit(life, name, list(tips)[number % 2]) for name in crowd.tasks(_WORKTREES)]
            bad += [repr(error) for error in (done.exception() for done in lives) if error]
    trees.close()
    left = [path for path in trees.place.git_dir.glob("worktrees/*") if path.name != "mine"]
    return bad + [f"left over: {path}" for path in [*left, *trees.home.iterdir()]]


def worktrees(repo: Repo) -> Worktrees:
    return Worktrees(Git(repo.root, repo.env), locate(repo.root, repo.env), repo.root / ".orchestrator" / "worktrees")


@contextmanager
def a_person_beside(repo: Repo) -> Iterator[None]:
    """Have a person make, remove and prune worktrees of their own while the block runs."""
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            for verb in (("add", "--detach", "../mine"), ("remove", "--force", "../mine"), ("prune",)):
                subprocess.run(
                    ["git", "worktree", *verb], cwd=repo.root, env=repo.env, capture_output=True, check=False
                )

    person = threading.Thread(target=go_on)
    person.start()
    try:
        yield
    finally:
        done.set()
        person.join()


def told(record, rounds: int, bad: list[str]) -> None:  # noqa: ANN001 - pytest names no type for it
    record("rounds", rounds)
    record("failed", len(bad))
    assert not bad, "\n\n".join(bad)
