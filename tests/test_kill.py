"""Killed at every boundary between two steps of the loop, then resumed: nothing lost, nothing run twice, the same tree."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Repo

KILLER = Path(__file__).parent / "killer.py"
OWN = ("workflow-state.md", "checkpoints/", "specs/")


def project(root: Path) -> Repo:
    """Four tasks with a dependency; one is sent back by verify once; each agent counts how often it ran."""
    repo = Repo(root).init()
    for name in "abcd":
        repo.write(f"src/{name}.txt", "old\n")
        repo.spec(name, f"src/{name}.txt")
    repo.task("a: do a", "b: do b (after: a)", "c: do c", "d: do d")
    runs = root.parent / f"{root.name}-runs"
    runs.mkdir()
    repo.write(
        "agent.sh",
        f'echo "$ORCHESTRATOR_ATTEMPT" >> {runs}/"$ORCHESTRATOR_TASK"\n'
        'if [ "$ORCHESTRATOR_TASK" = c ] && ! grep -q "did not land" "$ORCHESTRATOR_SPEC"; then\n'
        '  echo wrong > "$1"\nelse\n  echo "new $ORCHESTRATOR_TASK" > "$1"\nfi\n',
    )
    repo.write(
        "orchestrator.toml",
        '[agents.sh]\ncommand = ["sh", "agent.sh", "{files}"]\n[verify]\ncommand = "! grep -rq wrong src"\n'
        "[limits]\njobs = 3\n",
    )
    repo.commit("a project")
    return repo


def kill_at(repo: Repo, number: int, count: Path | None = None, argv: tuple[str, ...] = ("run",)) -> int:
    env = {**repo.env, "KILLER_COUNT": str(count or "")}
    done = subprocess.Popen(
        [sys.executable, str(KILLER), str(number), "--", *argv],
        cwd=repo.root,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    return done.wait(timeout=120)


def code_tree(repo: Repo) -> list[str]:
    return [line for line in repo.git("ls-tree", "-r", "HEAD").split("\n") if not line.split("\t")[1].startswith(OWN)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, Repo, int]:
    """An untouched project, the same one after a run nobody killed, and how many boundaries that run had."""
    folder = tmp_path_factory.mktemp("clean")
    untouched = project(folder / "untouched")
    finished = copied(untouched, folder / "finished")
    count = folder / "count"
    assert kill_at(finished, 0, count) == 0
    return untouched, finished, int(count.read_text())


def copied(repo: Repo, root: Path) -> Repo:
    shutil.copytree(repo.root, root, symlinks=True)
    runs = root.parent / f"{root.name}-runs"
    runs.mkdir()
    other = Repo(root)
    script = repo.read("agent.sh").replace(f"{repo.root.parent}/{repo.root.name}-runs", str(runs))
    other.write("agent.sh", script)
    if other.git("status", "--porcelain"):
        other.commit("its own log")
    return other


def points() -> list[float]:
    """Where to kill, as parts of the way; KILL_POINTS=all takes every boundary."""
    steps = int(os.environ.get("KILL_STEPS", "24"))
    return [number / steps for number in range(steps)]


@pytest.mark.parametrize("part", points())
def test_killed_anywhere_the_next_run_finishes(clean: tuple[Repo, Repo, int], tmp_path: Path, part: float) -> None:
    untouched, finished, boundaries = clean
    repo = copied(untouched, tmp_path / "repo")
    assert kill_at(repo, 1 + int(part * boundaries)) in {-signal.SIGKILL, 0}
    check_resumed(repo, finished)


def check_resumed(repo: Repo, finished: Repo) -> None:
    recorded = repo.git("for-each-ref", "--format=%(refname)", "refs/orchestrator/attempts").split()
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b", "c", "d"]
    assert [line.split("\t")[1] for line in code_tree(repo)] == [line.split("\t")[1] for line in code_tree(finished)]
    assert [repo.read(f"src/{name}.txt") for name in "abcd"] == [f"new {name}\n" for name in "abcd"]
    for ref in recorded:
        task, number = ref.split("/")[-2:]
        runs = (repo.root.parent / f"{repo.root.name}-runs" / task).read_text().split()
        assert runs.count(number) == 1, f"{ref} was recorded and ran again"
    assert repo.git("status", "--porcelain") == ""
    repo.git("fsck", "--strict")
    assert not [*repo.root.glob(".git/**/*.lock")][1:], "a stale lock"
    assert repo.git("worktree", "list").count("\n") <= 1
    assert not repo.git("for-each-ref", "refs/heads/orchestrator", "refs/orchestrator/advance")


@pytest.mark.parametrize("part", points()[::2])
def test_killed_anywhere_an_attempt_is_what_its_agent_did(tmp_path: Path, part: float) -> None:
    """Not what setup left, which git does not ignore; and also what git ignores, where the spec names it."""
    repo = Repo(tmp_path / "repo").init()
    runs = tmp_path / "runs"
    repo.task("one: One")
    repo.spec("one", "a.txt", "out/b.txt")
    repo.write(".gitignore", "out/\n")
    work = "mkdir -p out; echo new | tee a.txt > out/b.txt"
    repo.shell_agent(f"echo $ORCHESTRATOR_ATTEMPT >> {runs}; {work}", more='setup = "echo x > made.lock"\n')
    repo.commit("a project")
    whole, count = copied_dirty(repo, tmp_path / "whole"), tmp_path / "count"
    assert kill_at(whole, 0, count) == 0
    runs.unlink()
    assert kill_at(repo, 1 + int(part * int(count.read_text()))) in {-signal.SIGKILL, 0}
    ended = [*repo.root.glob(".orchestrator/attempts/**/ended.json")]
    said = repo.run("run")
    assert "sent back" not in said.err
    assert (repo.read("a.txt"), repo.read("out/b.txt")) == ("new\n", "new\n")
    assert {"made.lock", "out/b.txt"} & {*repo.git("ls-tree", "-r", "--name-only", "HEAD").split("\n")} == {"out/b.txt"}
    assert len(runs.read_text().split()) == 1 or not ended


EDITS = {
    "a document": ("TODO.md", ("checkpoint", "-m", "now")),
    "code": ("src/a.txt", ("task", "done", "a")),
}


@pytest.mark.parametrize("what", EDITS)
def test_killed_while_it_takes_in_what_a_person_wrote_it_leaves_that_on_the_disk(tmp_path: Path, what: str) -> None:
    path, argv = EDITS[what]
    untouched = project(tmp_path / "untouched")
    untouched.write(path, untouched.read(path) + "- [ ] e: mine\n")
    mine, count = untouched.read(path), tmp_path / "count"
    assert kill_at(copied_dirty(untouched, tmp_path / "whole"), 0, count, argv) == 0
    boundaries, steps = int(count.read_text()), int(os.environ.get("KILL_STEPS", "24"))
    for number in sorted({1 + part * boundaries // steps for part in range(steps)}):
        repo = copied_dirty(untouched, tmp_path / str(number))
        assert kill_at(repo, number, None, argv) in {-signal.SIGKILL, 0}
        repo.run("doctor", "--fix", code=None)
        here = repo.read(path)
        assert mine.rstrip() in here, f"killed at {number} of {boundaries}"
        assert not repo.git("for-each-ref", "refs/orchestrator/advance")
        shutil.rmtree(repo.root)


def copied_dirty(repo: Repo, root: Path) -> Repo:
    """Return a copy with what is not committed; the agents' log is the original's, for none of them runs."""
    shutil.copytree(repo.root, root, symlinks=True)
    return Repo(root)
