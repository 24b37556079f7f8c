"""A person is in the middle of a merge, revert, squash or switch: nothing of it passes for an edit, or is written over."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import Repo, appears
from test_edits import while_running

from orchestrator.repo import index_lock
from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place


def project(repo: Repo, *tasks: str, command: str = 'for f; do echo work >> "$f"; done') -> None:
    repo.task(*(f"{task}: do {task}" for task in tasks))
    for task in tasks:
        repo.spec(task, f"{task}.txt")
    repo.write("mine.txt", "1\n")
    repo.shell_agent(command)
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")


def elsewhere(repo: Repo, folder: Path) -> None:
    """Land c in another clone, and commit something here."""
    subprocess.run(["git", "clone", "-q", str(repo.root), str(folder)], env=repo.env, check=True)
    other = Repo(folder, env=repo.env)
    other.write("c.txt", "done elsewhere\n")
    other.run("task", "done", "c", "--as", "bob")
    repo.write("mine.txt", "2\n")
    repo.commit("mine")
    repo.git("fetch", "-q", str(folder), "main")


def switch(repo: Repo) -> None:
    repo.git("switch", "-q", "old")


def slow_to_switch_to(repo: Repo) -> None:
    """Make a branch `old`, whose large file takes git two seconds."""
    repo.git("config", "filter.slow.smudge", "sleep 2; cat")
    repo.git("config", "filter.slow.clean", "cat")
    repo.write("first", "x\n")
    repo.commit("the first")
    repo.git("switch", "-q", "-c", "old")
    repo.write(".gitattributes", "*.bin filter=slow\n")
    repo.write("large.bin", "large\n")
    repo.commit("large")
    repo.git("switch", "-q", "main")


UNDER_WAY = {
    "merge": (["merge", "--no-commit", "FETCH_HEAD"], "a git merge is not finished", "git merge --continue"),
    "squash": (["merge", "--squash", "FETCH_HEAD"], "what git merged or picked is not committed", "git commit"),
    "cherry-pick": (["cherry-pick", "-n", "FETCH_HEAD"], "what git merged or picked is not committed", "git commit"),
}


@pytest.mark.parametrize("name", UNDER_WAY)
def test_what_is_merged_and_not_committed_is_no_edit(repo: Repo, tmp_path: Path, name: str) -> None:
    command, why, hint = UNDER_WAY[name]
    project(repo, "a", "c")
    elsewhere(repo, tmp_path / "clone")
    repo.git(*command)
    before, tip = repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")
    said = repo.run("run", code=5)
    assert f"error: {why}\nhint: {hint}" in said.err
    assert (repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD")) == (before, tip)
    repo.git("reset", "-q", "--hard")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "c"]
    assert repo.git("log", "-1", "--format=%an", "--grep=^Task: c").strip() == "sh"
    assert repo.read("c.txt") == "work\n"


def test_a_conflict_is_called_what_it_is(repo: Repo, tmp_path: Path) -> None:
    project(repo, "a", "c")
    elsewhere(repo, tmp_path / "clone")
    repo.write("c.txt", "mine\n")
    repo.commit("mine, too")
    subprocess.run(["git", "merge", "FETCH_HEAD"], cwd=repo.root, env=repo.env, check=False, capture_output=True)
    assert "AA c.txt" in repo.git("status", "--porcelain")
    assert "error: a git merge is not finished" in repo.run("run", code=5).err
    repo.git("merge", "--abort")
    assert repo.git("status", "--porcelain") == ""


def test_a_revert_that_is_looked_at_stays_as_it_is(repo: Repo) -> None:
    project(repo, "a", "b")
    repo.spec("b", "b.txt", more="**Agent**: person\n")
    repo.commit("b is mine")
    repo.run("run", code=3)
    repo.git("revert", "-n", repo.git("log", "-1", "--format=%h", "--grep=^Task: a").strip())
    before = repo.git("status", "--porcelain")
    assert "D  specs/a.result.md" in before
    assert "error: a git revert is not finished" in repo.run("run", code=5).err
    assert repo.git("status", "--porcelain") == before


def test_a_merge_beside_a_run_is_waited_for(repo: Repo, tmp_path: Path) -> None:
    project(repo, "a", "c", command='sleep 2; for f; do echo work >> "$f"; done')
    repo.spec("c", "c.txt", more="**Agent**: person\n")
    repo.commit("c is somebody's")
    elsewhere(repo, tmp_path / "clone")

    def act() -> None:
        repo.git("merge", "--no-commit", "FETCH_HEAD")
        time.sleep(2.5)
        repo.git("commit", "-q", "--no-edit")

    said = while_running(repo, act)
    assert "waiting for you: a git merge is not finished" in said
    assert sorted(repo.landed()) == ["a", "c"]
    assert repo.git("log", "--merges", "--format=%s").startswith("Merge")


def test_a_switch_that_takes_its_time_finds_its_branch_as_it_was(repo: Repo) -> None:
    slow_to_switch_to(repo)
    project(repo, "a", command='sleep 1; for f; do echo work >> "$f"; done')
    while_running(repo, lambda: switch(repo), code=5)
    assert repo.git("status", "--porcelain", "--untracked-files=all") == ""
    repo.git("switch", "-q", "main")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_documents_that_go_on_another_branch_are_not_brought_back(repo: Repo) -> None:
    project(repo, "a", command='sleep 1; for f; do echo work >> "$f"; done')

    def act() -> None:
        repo.git("switch", "-q", "-c", "without")
        repo.git("rm", "-q", "-r", "TODO.md", "specs", "workflow-state.md", "checkpoints")
        time.sleep(2)

    while_running(repo, act, code=5)
    assert "D  TODO.md" in repo.git("status", "--porcelain")


def test_a_repository_that_was_moved_knows_its_landings(repo: Repo) -> None:
    project(repo, "a", "b")
    repo.run("run")
    moved = Repo(repo.root.with_name("moved"), env=repo.env)
    shutil.move(repo.root, moved.root)
    assert "nothing to do" in moved.run("run").out


def test_a_conflict_that_a_person_left_is_not_settled_for_them(repo: Repo) -> None:
    """Also where the file holds just what the branch has: it is theirs to say so."""
    project(repo, "a", command='echo work > "$1"')
    repo.write("a.txt", "committed\n")
    repo.commit("a file")
    repo.write("a.txt", "stashed\n")
    repo.git("stash", "push", "-q")
    repo.write("a.txt", "other\n")
    repo.commit("something else")
    subprocess.run(["git", "stash", "pop"], cwd=repo.root, env=repo.env, check=False, capture_output=True)
    repo.git("checkout", "--ours", "a.txt")
    before = repo.git("ls-files", "-u")
    assert before
    assert "uncommitted changes are in the way: a.txt" in repo.run("run", code=5).err
    assert repo.git("ls-files", "-u") == before
    assert repo.read("a.txt") == "other\n"


def test_a_message_that_is_left_from_long_ago_keeps_nobody(repo: Repo) -> None:
    project(repo, "a")
    repo.write(".git/MERGE_MSG", "a pick that was thrown away\n")
    repo.write("mine.txt", "3\n")
    repo.git("add", "mine.txt")
    repo.write("new.txt", "x\n")
    repo.git("add", "-N", "new.txt")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("diff", "--cached", "--name-only") == "mine.txt"


def test_the_views_say_what_a_run_waits_for(repo: Repo, tmp_path: Path) -> None:
    project(repo, "a", "c")
    elsewhere(repo, tmp_path / "clone")
    repo.git("merge", "--no-commit", "FETCH_HEAD")
    for argv in (["status"], ["doctor"], ["run", "--dry-run"]):
        assert "a git merge is not finished" in repo.run(*argv, code=None).out, argv


def test_a_state_file_that_a_merge_has_torn_is_rebuilt(repo: Repo) -> None:
    project(repo, "a")
    state = repo.read("workflow-state.md")
    repo.git("switch", "-q", "-c", "side")
    repo.write("workflow-state.md", f"{state}\nside words\n")
    repo.commit("side")
    repo.git("switch", "-q", "main")
    repo.write("workflow-state.md", f"{state}\nmain words\n")
    repo.commit("mine")
    with pytest.raises(AssertionError, match="git merge"):
        repo.git("merge", "-q", "side")
    repo.run("doctor", "--rebuild")
    assert repo.read("workflow-state.md") == f"{state}\nmain words\n"


def test_ctrl_c_is_heard_while_a_persons_commit_is_open(repo: Repo) -> None:
    """A document is gone, and would be brought back under git's lock of the index."""
    project(repo, "a", command='sleep 2; echo new > "$1"')
    repo.write("mine.txt", "3\n")
    ended = []

    def act() -> None:
        editor = {**repo.env, "GIT_EDITOR": "sleep 40; false"}
        with subprocess.Popen(["git", "commit", "-a"], cwd=repo.root, env=editor, start_new_session=True) as git:
            appears(repo.root / ".git/index.lock")
            (repo.root / "workflow-state.md").unlink()
            time.sleep(1.5)
            leader = json.loads(repo.read(".git/orchestrator.lock"))["pid"]
            os.kill(leader, signal.SIGINT)
            time.sleep(0.3)
            os.kill(leader, signal.SIGINT)
            begun = time.monotonic()
            while Path(f"/proc/{leader}/exe").exists() and time.monotonic() < begun + 30:
                time.sleep(0.1)
            ended.append(time.monotonic() - begun)
            os.killpg(git.pid, signal.SIGTERM)

    while_running(repo, act, code=130)
    assert ended[0] < 20


@pytest.mark.parametrize("kept", ["", "TODO.md specs workflow-state.md checkpoints"])
def test_between_its_index_and_its_head_a_switch_is_not_disturbed(repo: Repo, kept: str) -> None:
    """git gives the lock of the index back before HEAD moves: for that moment the other branch's files look like edits."""
    project(repo, "a", command='sleep 1; for f; do echo work >> "$f"; done')
    repo.git("switch", "-q", "-c", "old")
    repo.git("rm", "-q", "-r", "TODO.md", "specs", "workflow-state.md", "checkpoints")
    if kept:
        repo.git("checkout", "-q", "main", "--", *kept.split())
        repo.write("TODO.md", "- [ ] a: do a otherwise\n")
        repo.git("add", "TODO.md")
    repo.git("commit", "-q", "-m", "old")
    repo.git("switch", "-q", "main")

    hook = repo.root / ".git" / "hooks" / "post-index-change"  # git runs it in just that moment
    hook.write_text("#!/bin/sh\nsleep 2.5\n")
    hook.chmod(0o755)
    while_running(repo, lambda: switch(repo), code=5)
    hook.unlink()
    assert repo.git("status", "--porcelain", "--untracked-files=all") == ""
    assert repo.git("log", "--format=%s", "main", "--", "TODO.md").splitlines()[0] != "edit: TODO.md"
    repo.git("switch", "-q", "main")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_a_switch_may_take_longer_under_its_lock_than_it_is_waited_for_after_that(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_lock, "_SETTLING", 1.0)
    slow_to_switch_to(repo)
    repo.write(".git/hooks/post-index-change", "#!/bin/sh\nsleep 0.5\n").chmod(0o755)
    person = subprocess.Popen(["sh", "-c", "git switch -q old; exit $?"], cwd=repo.root, env=repo.env)
    appears(repo.root / ".git/index.lock")
    git = Git(repo.root, repo.env)
    with index_lock.settled_lock(git, Place(repo.root, repo.root / ".git"), []):
        assert (repo.root / ".git" / "HEAD").read_text() == "ref: refs/heads/old\n"
    assert person.wait() == 0
