"""What an agent leaves for git to tell of (file names, words, `.git` itself) is read for what it is, whatever it is.

Rounds of all of it run always; the full campaign is `FUZZ_DOCUMENTS=100000 python -m pytest tests/fuzz -m slow`.
"""

import os
import random
import shutil
import threading
from collections.abc import Callable, Sequence

import pytest
from harness import Repo

from fuzz import leftovers, names, words
from fuzz.leftovers import Scene
from orchestrator.repo.attempts import load
from orchestrator.repo.git import Git
from orchestrator.repo.guard import Guard
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.register import Register
from orchestrator.steps.claim import claims

_DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "0"))
_SEED = int(os.environ.get("FUZZ_SEED", "1"))
_NAMES, _WORDS = 200, 1_000  # in one round
_PARTS = 4

full = pytest.mark.skipif(not _DOCUMENTS, reason="a campaign takes minutes: FUZZ_DOCUMENTS=100000 runs it")
Check = Callable[[Git, str, Sequence[str]], list[str]]


@pytest.fixture
def git(repo: Repo) -> Git:
    return Git(repo.root, repo.env)


def names_round(repo: Repo, git: Git, number: int) -> list[str]:
    paths = names.names(_SEED, number, _NAMES)
    worktree = repo.root.parent / f"worktree-{number}"
    repo.git("worktree", "add", "-q", "--detach", str(worktree))
    names.left(worktree, paths)
    found = names.faults(git, worktree, repo.git("rev-parse", "HEAD"), paths)
    shutil.rmtree(worktree)
    repo.git("worktree", "prune")
    return found


@pytest.mark.parametrize("attributes", ["", "* text=auto\n"], ids=["as they are", "converted"])
def test_a_round_of_names(repo: Repo, git: Git, attributes: str) -> None:
    repo.write(".gitattributes", attributes)
    repo.commit("attributes")
    assert names_round(repo, git, 0) == []


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
def test_names(repo: Repo, git: Git, part: int, record_property: Callable[[str, object], None]) -> None:
    numbers = range(part, _DOCUMENTS // _NAMES, _PARTS)
    found = [f"round {number}: {fault}" for number in numbers for fault in names_round(repo, git, number)]
    record_property("names", len(numbers) * _NAMES)
    assert found == []


def words_round(repo: Repo, git: Git, check: Check, number: int, count: int = _WORDS) -> list[str]:
    return check(git, repo.git("rev-parse", "HEAD"), words.texts(_SEED, number * _WORDS, count))


CHECKS = [words.forged, words.unread, words.altered]


@pytest.mark.parametrize("check", CHECKS)
def test_a_round_of_words(repo: Repo, git: Git, check: Check) -> None:
    assert words_round(repo, git, check, 0, 300) == []


@full
@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_words(repo: Repo, git: Git, check: Check, record_property: Callable[[str, object], None]) -> None:
    numbers = range(_DOCUMENTS // _WORDS)
    found = [f"round {number}: {fault}" for number in numbers for fault in words_round(repo, git, check, number)]
    record_property("texts", len(numbers) * _WORDS)
    assert found == []


def leftovers_round(repo: Repo, number: int) -> list[str]:
    """Return what the guard left undone in one round; that it, and the next leader, go on is half of it."""
    git, place = Git(repo.root, repo.env), Place(repo.root, repo.root / ".git")
    guard = Guard(
        git,
        place,
        Register(git, place, ObjectFolders(place.git_dir)),
        "refs/heads/main",
        threading.Lock(),
        repo.root.parent / "kept",
    )
    scene = Scene(repo, random.Random(f"{_SEED}/leftovers/{number}"))  # noqa: S311 - the same every time
    leftovers.reset(scene)
    guard.start()
    done = leftovers.vandalise(scene)
    guard.sweep(0.0, before_landing=True)
    found = leftovers.restored(scene)
    load(git)
    claims(git)
    Register(git, place, ObjectFolders(place.git_dir)).start()
    return [f"round {number} ({', '.join(done)}): {fault}" for fault in found]


def test_a_round_of_leftovers(repo: Repo) -> None:
    assert [fault for number in range(25) for fault in leftovers_round(repo, number)] == []


@full
@pytest.mark.slow
def test_leftovers(repo: Repo, record_property: Callable[[str, object], None]) -> None:
    rounds = _DOCUMENTS // 50
    found = [fault for number in range(rounds) for fault in leftovers_round(repo, number)]
    record_property("rounds", rounds)
    assert found == []


def test_a_name_that_is_told_wrongly_is_seen(repo: Repo, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "entries", lambda *_args: {})
    assert any(fault.startswith("entries by name: ") for fault in names_round(repo, git, 0))


def test_a_file_that_is_passed_over_is_seen(repo: Repo, git: Git) -> None:
    repo.write("a", "this is a")
    found = names.faults(git, repo.root, repo.git("rev-parse", "HEAD"), ["a", "nothing"])
    assert "neither taken nor odd: 'nothing'" in found


def test_words_that_forge_a_trailer_are_seen(repo: Repo, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.steps.message.indented", lambda text, _margin: text)
    assert words_round(repo, git, words.forged, 0, 300)


def test_a_hook_that_stays_is_seen(repo: Repo) -> None:
    scene = Scene(repo, random.Random(1))  # noqa: S311
    leftovers.DEEDS["a hook"](scene)
    repo.git("config", "core.editor", "evil")
    assert [fault.partition(":")[0] for fault in leftovers.restored(scene)][-2:] == ["a hook", "a setting"]
