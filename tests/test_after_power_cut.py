"""What a power cut leaves that a kill does not: files that are there and empty, answers older than the machine's start."""

import json
import signal
import subprocess
import sys
import threading

import pytest
from harness import Repo

from orchestrator.lock import boot_id

# Ends the whole process group once an attempt's answer is on the disk, before its work is recorded.
_DIES = """
import os, signal, sys
from orchestrator.cli import app
from orchestrator.steps import answers

write = answers.write_whole

def die(path, data):
    write(path, data)
    if path.name == "ended.json":
        os.killpg(0, signal.SIGKILL)

answers.write_whole = die
app.run(["run"])
"""


def project(repo: Repo) -> Repo:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    return repo


def killed_with_an_answer(repo: Repo) -> None:
    argv = [sys.executable, "-c", _DIES]
    done = subprocess.run(argv, cwd=repo.root, env=repo.env, capture_output=True, process_group=0, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_work_whose_files_may_not_have_reached_the_disk_is_done_again(repo: Repo) -> None:
    killed_with_an_answer(project(repo))
    attempt = repo.root / ".orchestrator" / "attempts" / "a" / "1" / "ended.json"
    attempt.write_text(json.dumps({**json.loads(attempt.read_bytes()), "boot": "another"}))
    (repo.root / ".orchestrator" / "worktrees" / "a-1" / "a.txt").write_text("")
    said = repo.run("run").err
    assert "kept the work of a/1 (interrupted)" in said
    assert "started a/2" in said
    assert repo.read("a.txt") == "new\n"


def test_finished_work_of_a_killed_run_is_not_done_again(repo: Repo) -> None:
    killed_with_an_answer(project(repo))
    said = repo.run("run").err
    assert "kept the work of a/1 (finished)" in said
    assert "started" not in said
    assert repo.read("a.txt") == "new\n"


@pytest.mark.parametrize("more", ["", "b"])
def test_the_worktree_of_verify_is_not_used_once_the_machine_was_restarted(repo: Repo, more: str) -> None:
    project(repo)
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.run("run")
    if more:
        repo.run("task", "add", more, "do more")
        repo.spec(more, f"{more}.txt")
    (repo.root / ".git" / "worktrees" / "verify" / "HEAD").write_text("")
    mark = repo.root / ".orchestrator" / "set-up"
    mark.write_text(mark.read_text().replace(boot_id(), "another"))
    repo.run("run")
    assert sorted(repo.landed()) == ["a", *more]
    repo.git("fsck", "--strict")


@pytest.mark.parametrize(
    "left",
    [b"", b"new\n" * 512, bytes(9000), b"new\n" * 1024 + bytes(4096)],
    ids=["nothing", "its start", "zeros", "its start and zeros"],
)
def test_what_is_left_of_a_file_that_a_landing_wrote_is_mended(repo: Repo, left: bytes) -> None:
    project(repo)
    repo.shell_agent('yes new | head -n 2500 > "$1"')
    repo.commit("a larger file")
    repo.run("run")
    for name, commit in (("from", "HEAD~1"), ("to", "HEAD")):
        repo.git("update-ref", f"refs/orchestrator/advance/{name}/main", commit)
    repo.git("read-tree", "HEAD~1")  # the index follows once the files are on the disk
    repo.write("a.txt", left)
    assert "a landing was cut short" in repo.run("run").err
    assert repo.read("a.txt") == "new\n" * 2500
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("content", ["", "\0" * 67], ids=["empty", "zeros"])
def test_gits_record_of_a_worktree_that_leads_nowhere_is_dropped(repo: Repo, content: str) -> None:
    admin = project(repo).root / ".git" / "worktrees" / "a-1"
    admin.mkdir(parents=True)
    for name in ("HEAD", "commondir", "gitdir", "index"):
        (admin / name).write_text(content)
    repo.run("run")
    assert not admin.exists()
    assert repo.landed() == ["a"]


def test_what_keeps_a_pack_of_ours_from_being_joined_is_taken_away(repo: Repo) -> None:
    project(repo).run("run")
    packs = repo.root / ".git" / "objects" / "pack"
    marks = (
        ("pack-1", "orchestrator\n"),
        ("pack-2", ""),
        ("pack-3", "\0" * 11),
        ("pack-4", "a person's"),
        ("pack-5", "orch"),
    )
    for name, said in (*marks, ("pack-6", "fast-import\n")):
        (packs / f"{name}.keep").write_text(said)
    repo.run("run")
    assert [path.name for path in packs.glob("*.keep")] == ["pack-4.keep"]


def test_half_of_a_pack_of_ours_is_taken_away_and_nobody_elses(repo: Repo) -> None:
    project(repo).run("run")
    packs = repo.root / ".git" / "objects" / "pack"
    whole = {path.name for path in packs.iterdir()}
    theirs = [f"pack-{number * 40}" for number in "345"]
    for number, ending in (("1", "pack"), ("2", "idx")):
        (packs / f"pack-{number * 40}.{ending}").write_text("half")
        (packs / f"pack-{number * 40}.keep").write_text("orchestrator\n")
    for name in theirs:
        (packs / f"{name}.pack").write_text("being made")
    (packs / f"{theirs[0]}.keep").write_text("fetch-pack 4711 on host")
    (packs / f"pack-{'6' * 40}.pack").write_text("half, and its mark is lost")
    (packs / "tmp_idx_0123").write_text("half")
    another = threading.Timer(0.2, lambda: [(packs / f"{name}.idx").write_text("it") for name in theirs[1:]])
    another.start()
    repo.run("run")
    another.join()
    left = {path.name for path in packs.iterdir()} - whole
    kept = {f"{theirs[0]}.pack", f"{theirs[0]}.keep"}
    assert left == kept | {f"{name}.{ending}" for name in theirs[1:] for ending in ("pack", "idx")}
