"""What a power cut leaves that a kill does not: files that are there and empty, answers older than the machine's start."""

import json
import signal
import subprocess
import sys

from harness import Repo

from orchestrator.workspace import boot_id

# Ends the whole process group once an attempt's answer is on the disk, before its work is recorded.
_DIES = """
import os, signal, sys
from orchestrator.cli import app
from orchestrator.steps import dispatch

write = dispatch.write_whole

def die(path, data):
    write(path, data)
    if path.name == "ended.json":
        os.killpg(0, signal.SIGKILL)

dispatch.write_whole = die
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


def test_the_worktree_of_verify_is_made_anew_once_the_machine_was_restarted(repo: Repo) -> None:
    project(repo)
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.run("run")
    repo.run("task", "add", "b", "do b")
    repo.spec("b", "b.txt")
    (repo.root / ".git" / "worktrees" / "verify" / "HEAD").write_text("")
    mark = repo.root / ".orchestrator" / "set-up"
    mark.write_text(mark.read_text().replace(boot_id(), "another"))
    repo.run("run")
    assert repo.landed() == ["a", "b"]


def test_gits_record_of_a_worktree_that_leads_nowhere_is_dropped(repo: Repo) -> None:
    admin = project(repo).root / ".git" / "worktrees" / "a-1"
    admin.mkdir(parents=True)
    for name in ("HEAD", "commondir", "gitdir", "index"):
        (admin / name).touch()
    repo.run("run")
    assert not admin.exists()
    assert repo.landed() == ["a"]
