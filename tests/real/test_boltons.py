"""The README's worked example, word for word: four agents modernise a real package, also when killed.

The expected tree is not the program's: it is what the agent's command makes of the untouched package.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from harness import Repo
from readme_blocks import blocks

pytestmark = pytest.mark.real

PACKAGE = "boltons-23.1.1"
REAL = dict(os.environ)  # before any fixture hides the home directory: it may say which package index to use
KILLS = 10
FEWEST_MODULES = 20
# Seconds between the wanted progress and the kill: start-up, recovery, agents at work, verify. A run in which all attempts
# are recorded lands them, and is over, within two seconds.
MOMENTS = (0.4, 0.1, 1.1, 0.0, 1.2, 0.7, 0.25, 1.0, 0.05, 0.9)


@pytest.fixture
def package(tmp_path: Path) -> Repo:
    """The package as the README's first block makes it: fetched, unpacked, committed."""
    made = Repo(tmp_path / PACKAGE)
    theirs = {name: value for name, value in REAL.items() if not name.startswith("GIT_")}
    ours = {name: value for name, value in made.env.items() if name.startswith(("GIT_", "PATH"))}
    _shell(blocks()["package"], tmp_path, theirs | ours)
    return made


def _shell(script: str, cwd: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def planned(package: Repo) -> Repo:
    """The package with a plan, as the README's second block writes it."""
    _shell(blocks()["plan"], package.root, package.env)
    return package


def modernised(planned: Repo, folder: Path) -> Path:
    """A copy of the package on which the agent's command ran once, without the program."""
    shutil.copytree(planned.root, folder, ignore=shutil.ignore_patterns(".git", ".orchestrator"))
    modules = [str(path.relative_to(folder)) for path in (folder / "boltons").glob("[a-z]*.py")]
    command = ["ruff", "check", "--fix", "--exit-zero", "--no-cache", "--silent", "--select", "UP,SIM"]
    subprocess.run([*command, "--target-version", "py311", *modules], cwd=folder, env=planned.env, check=True)
    todo = folder / "TODO.md"
    todo.write_text(todo.read_text().replace("\n- [ ]", "\n- [x]"))
    return folder


def contents(root: Path, paths: list[str]) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in paths}


def check_finished(repo: Repo, expected: Path) -> None:
    """Complete, clean, green, one commit per task, and the very files that were expected."""
    tasks = sorted(path.stem for path in (repo.root / "boltons").glob("[a-z]*.py"))
    assert sorted(repo.landed()) == tasks
    assert repo.git("log", "--format=%(trailers:key=Task,valueonly,separator=%x2C)").count(",") == 0
    assert repo.git("status", "--porcelain") == ""
    theirs = [path for path in repo.git("ls-files", "-z").split("\0") if path and not _is_ours(path)]
    assert contents(repo.root, theirs) == contents(expected, theirs)
    assert theirs == [path for path in files(expected) if not _is_ours(path)]
    changed = repo.git("diff", "--name-only", repo.git("rev-list", "--max-parents=0", "HEAD"), "HEAD", "--", "boltons")
    assert len(changed.split()) >= FEWEST_MODULES
    repo.git("fsck", "--strict")
    assert repo.run("run").code == 0, "a finished run has nothing to do"
    _shell(blocks()["verify"], repo.root, repo.env)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def _is_ours(path: str) -> bool:
    """Whether the leader keeps this document; the tasks in it are checked through the history."""
    return path == "workflow-state.md" or path.startswith("checkpoints/") or path.endswith(".result.md")


def test_the_worked_example(planned: Repo, tmp_path: Path) -> None:
    expected = modernised(planned, tmp_path / "expected")
    _shell(blocks()["carry-out"], planned.root, planned.env)
    check_finished(planned, expected)


def test_the_worked_example_killed_ten_times(planned: Repo, tmp_path: Path) -> None:
    expected = modernised(planned, tmp_path / "expected")
    landed = [start_and_kill(planned, 3 * number, moment) for number, moment in enumerate(MOMENTS)]
    assert None not in landed, f"the run was over before the tenth kill: {landed}"
    planned.run("run", timeout=300)
    check_finished(planned, expected)


def start_and_kill(repo: Repo, enough: int, moment: float) -> int | None:
    """Start a run, and `moment` seconds after `enough` attempts have been recorded kill it whole.

    Returns how many tasks had landed, None where the run had ended by itself.
    """
    leader = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run"],
        cwd=repo.root,
        env=repo.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(repo.git("for-each-ref", "refs/orchestrator/attempts").splitlines()) < enough and leader.poll() is None:
        time.sleep(0.05)
    time.sleep(moment)
    if leader.poll() is not None:
        return None
    kill_tree(leader.pid)
    leader.wait()
    return len(repo.landed())


def kill_tree(pid: int) -> None:
    """Kill a process and everything below it; stopped first, so that nothing is born while we look."""
    leader = psutil.Process(pid)
    leader.suspend()
    for process in [leader, *leader.children(recursive=True)]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
