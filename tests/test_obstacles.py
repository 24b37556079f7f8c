"""What is the user's and stands where a landing, or a restore, must write: it is named, and stays."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from harness import Repo

IGNORED = ".agent.toml\n.orchestrator/\n"


def project(repo: Repo, agent: str, *files: str, ignored: str = "") -> Repo:
    repo.write(".gitignore", IGNORED + ignored)
    repo.task("a: do a")
    repo.spec("a", *files)
    repo.shell_agent(agent)
    repo.commit("a project")
    return repo


def refused(repo: Repo, *names: str) -> None:
    said = repo.run("run", code=5)
    assert f"uncommitted changes are in the way: {', '.join(names)}" in said.err
    assert repo.landed() == []


def test_a_file_that_git_ignores(repo: Repo) -> None:
    project(repo, "echo template > .env; echo a > a.txt", ".env", "a.txt", ignored=".env\n")
    repo.write(".env", "SECRET\n")
    refused(repo, ".env")
    assert repo.read(".env") == "SECRET\n"
    assert not (repo.root / "a.txt").exists()


def test_an_edit_in_the_second_in_which_git_wrote_the_file(repo: Repo) -> None:
    """By its size and its second it is what git knows: only the index's own time has git look into the file."""
    repo.write("a.txt", "1\n")
    project(repo, "echo 2 > a.txt", "a.txt")
    repo.git("config", "core.trustctime", "false")
    index = repo.root / ".git" / "index"
    written = index.stat().st_mtime_ns
    os.utime(repo.root / "a.txt", ns=(written, written))
    repo.git("update-index", "--refresh")
    os.utime(index, ns=(written, written))
    repo.write("a.txt", "7\n")
    os.utime(repo.root / "a.txt", ns=(written, written))
    time.sleep(1.1)
    refused(repo, "a.txt")
    assert repo.read("a.txt") == "7\n"


def test_an_edit_in_the_second_in_which_a_landing_wrote_the_file(repo: Repo) -> None:
    repo.write("a.txt", "1\n")
    project(repo, "echo 2 > a.txt", "a.txt")
    repo.git("config", "core.trustctime", "false")
    edit = f"cp -p a.txt {repo.root.parent}/landed; echo 7 > a.txt; touch -r {repo.root.parent}/landed a.txt; sleep 1.2"
    repo.once_before_git("orchestrator: land", edit)
    repo.run("run")
    assert (repo.landed(), repo.git("status", "--short")) == (["a"], " M a.txt")


def test_a_file_that_was_only_touched_is_not_in_the_way(repo: Repo) -> None:
    repo.write("a.txt", "1\n")
    project(repo, "echo 2 > a.txt", "a.txt")
    for name in ("a.txt", "TODO.md"):
        os.utime(repo.root / name, (1, 1))
    repo.run("run")
    assert (repo.landed(), repo.read("a.txt"), repo.git("diff-files")) == (["a"], "2\n", "")


def test_what_was_touched_while_others_are_in_the_way_is_not_named(repo: Repo) -> None:
    for name in ("a.txt", "b.txt"):
        repo.write(name, "1\n")
    project(repo, "echo 2 > a.txt; echo 2 > b.txt", "a.txt", "b.txt")
    repo.run("checkpoint", "-m", "the plan")
    repo.write("a.txt", "mine\n")
    os.utime(repo.root / "b.txt", (1, 1))
    refused(repo, "a.txt")


def test_a_file_that_git_ignores_and_that_holds_the_same_already(repo: Repo) -> None:
    project(repo, "echo template > .env", ".env", ignored=".env\n")
    repo.write(".env", "template\n")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_the_hint_puts_it_away(repo: Repo) -> None:
    project(repo, "echo template > .env", ".env", ignored=".env\n")
    repo.write(".env", "SECRET\n")
    refused(repo, ".env")
    repo.git("stash", "push", "--all", "--", ".env")
    repo.run("run")
    assert repo.git("show", "stash@{0}^3:.env") == "SECRET"


def test_a_folder_of_ignored_files_where_a_file_comes(repo: Repo) -> None:
    project(repo, "echo agent > data", "data", ignored="data\n")
    repo.write("data/deep/mine", "mine\n")
    refused(repo, "data")
    assert repo.read("data/deep/mine") == "mine\n"


def test_ignored_files_in_a_folder_that_becomes_a_file(repo: Repo) -> None:
    repo.write("d/a", "1\n")
    project(repo, "rm -r d; echo f > d", "d", "d/", ignored="*.mine\n")
    repo.write("d/x.mine", "mine\n")
    refused(repo, "d")
    (repo.root / "d/x.mine").unlink()
    repo.run("run")
    assert repo.read("d") == "f\n"


def test_a_file_where_a_folder_comes(repo: Repo) -> None:
    project(repo, "mkdir d; echo f > d/f", "d/f", ignored="d\n")
    repo.write("d", "mine\n")
    refused(repo, "d")
    assert repo.read("d") == "mine\n"


@pytest.mark.parametrize("agent", ["echo agent >> d/f", "echo agent > d/new"])
def test_a_link_in_a_folders_place(repo: Repo, agent: str) -> None:
    repo.write("d/f", "1\n")
    project(repo, agent, "d/")
    (repo.root / "d").rename(repo.root.parent / "elsewhere")
    (repo.root / "d").symlink_to(repo.root.parent / "elsewhere")
    refused(repo, "d")
    assert (repo.root / "d").is_symlink()


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_an_edit_that_git_was_told_not_to_look_at(repo: Repo, flag: str) -> None:
    repo.write("a.txt", "1\n")
    project(repo, "echo agent >> a.txt", "a.txt")
    repo.write("a.txt", "1\nmine\n")
    repo.git("update-index", flag, "a.txt")
    before = repo.git("ls-files", "-v", "a.txt")
    for _ in range(2):
        refused(repo, "a.txt")
    assert (repo.read("a.txt"), repo.git("ls-files", "-v", "a.txt")) == ("1\nmine\n", before)


def test_what_a_restore_would_bring_back_over_a_file_that_is_ignored_by_now(repo: Repo) -> None:
    repo.write(".env", "old\n")
    project(repo, "echo 1 > a.txt", "a.txt")
    repo.run("run")
    repo.git("rm", "-q", "--cached", ".env")
    repo.write(".gitignore", f"{IGNORED}.env\n")
    repo.commit("untrack")
    repo.write(".env", "SECRET\n")
    said = repo.run("restore", "2", code=5)
    assert "in the way: .env" in said.err
    assert repo.read(".env") == "SECRET\n"


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_a_landing_that_cannot_write_says_why_and_goes_on_later(repo: Repo) -> None:
    repo.write("src/f", "1\n")
    repo.write("a.txt", "1\n")
    project(repo, "echo 2 >> src/f; echo 2 >> a.txt", "src/f", "a.txt")
    (repo.root / "src").chmod(0o555)
    try:
        said = unprivileged(repo, "run")
        assert (said.returncode, "src/f" in said.stderr, "Permission denied" in said.stderr) == (1, True, True)
        assert repo.git("status", "--short") == ""
    finally:
        (repo.root / "src").chmod(0o755)
    repo.run("run")
    assert (repo.read("src/f"), repo.landed(), repo.git("status", "--short")) == ("1\n2\n", ["a"], "")
    assert repo.git("log", "--format=%an", "--grep=^edit:") == ""


def unprivileged(repo: Repo, *argv: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as somebody whom a read-only folder stops."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*drop, sys.executable, "-m", "orchestrator", *argv]
    return subprocess.run(command, cwd=repo.root, env=repo.env, capture_output=True, text=True, check=False)


def cut_short(repo: Repo, moment: str, agent: str, *files: str, carried_out: bool = False) -> None:
    """A run that is killed at one git of its landing; `carried_out`: which comes to its end all the same."""
    project(repo, agent, *files)
    repo.run("checkpoint", "-m", "the plan")
    repo.once_before_git(moment, "kill -9 $PPID" if carried_out else "kill -9 $PPID; exit 1")
    repo.run("run", code=-9)


def test_an_edit_made_after_a_kill_at_the_very_end_of_a_landing(repo: Repo) -> None:
    repo.write("a.txt", "1\n")
    cut_short(repo, "orchestrator: settled", "echo 2 >> a.txt; echo 3 >> a.txt", "a.txt", carried_out=True)
    assert (repo.landed(), repo.git("status", "--short")) == (["a"], "")
    repo.write("a.txt", "1\n2\n")  # what half a write of the landing could have left, too
    repo.run("run")
    assert repo.read("a.txt") == "1\n2\n"


def test_a_landing_of_many_files_that_was_cut_short_is_settled(repo: Repo) -> None:
    """The system takes a quarter of the stack for the arguments of a process, which more names than fit."""
    cut_short(
        repo, "orchestrator: land", "mkdir long; seq -f 'long/%0200.0f' 1400 | xargs touch", "long/", carried_out=True
    )
    command = f"ulimit -s 1024; exec {sys.executable} -m orchestrator run"
    subprocess.run(["sh", "-c", command], cwd=repo.root, env=repo.env, capture_output=True, check=True)
    assert (repo.landed(), repo.git("status", "--short")) == (["a"], "")


@pytest.mark.parametrize("moment", ["orchestrator: land", "orchestrator: settled"])
@pytest.mark.parametrize("name", ["trunk", "main/x", f"{'n' * 120}/{'m' * 120}"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_landing_cut_short_on_a_branch_that_was_renamed_since(
    repo: Repo, moment: str, name: str, *, packed: bool
) -> None:
    repo.write("a.txt", "1\n")
    cut_short(repo, moment, "echo 2 > a.txt; echo 3 > b.txt", "a.txt", "b.txt")
    repo.git("branch", "-m", name)
    if packed:
        repo.git("pack-refs", "--all")
        (repo.root / ".git/index.lock").unlink(missing_ok=True)
        repo.git("commit", "-q", "--allow-empty", "-m", "mine")
    assert "a landing was cut short" in repo.run("doctor", code=1).out
    assert "a landing was cut short" in repo.run("run").err
    assert (repo.landed(), repo.read("a.txt"), repo.git("status", "--short")) == (["a"], "2\n", "")
    assert repo.git("for-each-ref", "refs/orchestrator/advance") == ""
    assert "edit:" not in repo.git("log", "--format=%s")


def test_a_landing_that_an_older_version_left_under_the_branch_s_own_name_is_settled(repo: Repo) -> None:
    repo.git("commit", "-q", "--allow-empty", "-m", "first")
    repo.git("switch", "-q", "-c", "feature/x")
    cut_short(repo, "orchestrator: settled", "echo 2 > a.txt", "a.txt")
    for what in ("from", "to"):
        ref = f"refs/orchestrator/advance/{what}"
        repo.git("update-ref", f"{ref}/feature/x", f"{ref}/feature%2Fx")
        repo.git("update-ref", "-d", f"{ref}/feature%2Fx")
    assert "a landing was cut short" in repo.run("run").err
    assert (repo.landed(), repo.git("status", "--short")) == (["a"], "")
    assert repo.git("for-each-ref", "refs/orchestrator/advance") == ""


@pytest.mark.parametrize("deed", ["an edit taken back", "a new file"])
def test_a_branch_that_is_gone_is_not_one_that_was_renamed(repo: Repo, deed: str) -> None:
    repo.write("a.txt", "1\n")
    project(repo, "echo 3 > a.txt; echo agent > new.txt", "a.txt", "new.txt")
    repo.run("checkpoint", "-m", "the plan")
    repo.git("switch", "-q", "-c", "side")
    repo.once_before_git("orchestrator: land", "kill -9 $PPID; exit 1")
    repo.run("run", code=-9)
    (repo.root / ".git/index.lock").unlink(missing_ok=True)
    repo.git("reset", "-q", "--hard")
    repo.git("clean", "-fdq")
    repo.git("switch", "-q", "main")
    repo.git("branch", "-q", "-D", "side")
    repo.write("a.txt", "2\n")
    repo.commit("mine")
    path, text = ("a.txt", "1\n") if deed == "an edit taken back" else ("new.txt", "agent\n")
    repo.write(path, text)
    said = repo.run("run", code=None)
    assert "cut short" not in said.err
    assert repo.read(path) == text


def test_what_was_cut_short_on_another_branch_is_left_to_that_branch(repo: Repo) -> None:
    repo.write("a.txt", "1\n")
    cut_short(repo, "orchestrator: settled", "echo 2 > a.txt", "a.txt")
    repo.git("switch", "-q", "-c", "other")
    assert "cut short" not in repo.run("doctor").out
    assert "cut short" not in repo.run("run").err
    repo.git("switch", "-q", "main")
    assert "a landing was cut short" in repo.run("run").err
    assert (repo.landed(), repo.git("status", "--short")) == (["a"], "")
