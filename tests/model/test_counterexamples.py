"""Sequences that broke a law once, each shortened to what it takes."""

import pytest
from harness import Repo
from sight import blob
from world import World


def project(repo: Repo, *, agent: str = 'echo new > "$1"') -> None:
    for name in "ab":
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b (after: a)")
    repo.shell_agent(agent)
    repo.commit("a project")


def test_a_kill_between_the_two_refs_of_an_intent_leaves_neither(repo: Repo) -> None:
    project(repo)
    repo.git("update-ref", "refs/orchestrator/advance/from/main", "HEAD")
    repo.run("doctor", "--fix")
    assert repo.git("for-each-ref", "refs/orchestrator/advance") == ""


def test_a_clock_that_was_put_back_holds_nobody_up(world: World) -> None:
    world.repo.skew = -400 * 86_400.0
    assert world.runs()[0] == 0
    assert sorted(world.repo.landed()) == ["a", "b", "c", "d"]


def test_a_folder_is_found_whatever_id_stands_before_it(repo: Repo) -> None:
    project(repo)
    settings = repo.read("orchestrator.toml")
    found = (f"{settings}# {number}\n" for number in range(100_000))
    repo.write("orchestrator.toml", next(text for text in found if blob(text.encode()).endswith("31")))
    repo.commit("the entry before `specs` in the tree ends in the digit 1")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    (repo.root / "specs/a.md").unlink()
    repo.run("doctor", "--rebuild")
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("argv", [("doctor", "--fix"), ("run",)])
@pytest.mark.parametrize("ignored", ["", ".*\nspecs/mine.md\n"])
def test_half_a_spec_that_a_kill_left_is_taken_away(repo: Repo, argv: tuple[str, ...], ignored: str) -> None:
    project(repo)
    repo.write(".gitignore", ignored)
    repo.write("specs/mine.md", "what git ignores is not the program's\n")
    repo.git("add", "-f", ".gitignore")
    repo.git("commit", "-qm", "what git ignores")
    for folder in ("", "specs", "checkpoints", ".orchestrator/replaced/0123456789/specs"):
        repo.write(f"{folder}/.e.md.orchestrator-tmp".strip("/"), "half of it")
    repo.run(*argv, code=None)  # `doctor` says what else is wrong with it
    assert [*repo.root.rglob("*.orchestrator-tmp")] == []
    assert bool(repo.git("ls-files", "specs/mine.md")) == (argv == ("run",) and not ignored)


def test_a_dry_run_foresees_beside_finished_work_whose_spec_is_gone(repo: Repo) -> None:
    project(repo)
    repo.write("a.txt", "mine\n")
    repo.run("run", code=5)
    assert repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/attempts") == "a/1"
    repo.task("a: do a", "b: do b")
    (repo.root / "specs/a.md").unlink()
    repo.commit("a is not wanted like that any more")
    assert "start b" in repo.run("run", "--dry-run", "--jobs", "1").out
    repo.write("c.txt", "old\n")
    repo.spec("c", "c.txt")
    repo.task("a: do a", "b: do b", "c: do c")
    repo.commit("one more")
    assert "later c: a free slot" in repo.run("run", "--dry-run", "--jobs", "1").out
