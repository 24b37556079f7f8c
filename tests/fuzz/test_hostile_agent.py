"""Whole runs with an agent that leaves the worst names and says the worst words: no traceback, nothing forged or lost."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import aftermath
import pytest
from harness import Repo

_DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "0"))
_SEED = int(os.environ.get("FUZZ_SEED", "1"))
_TASKS = ("t1", "t2", "t3", "t4", "t5", "t6")
_VERBS = (("status",), ("brief",), ("diff", "HEAD~2"), ("inspect", "t1"), ("doctor",))


def project(repo: Repo, number: int) -> None:
    for task in _TASKS:
        repo.spec(task, f"{task}/**", more="\n**Allow**: symlinks\n")
    repo.task(*(f"{task}: do {task}" for task in _TASKS))
    repo.write(
        "orchestrator.toml",
        f'[agents.hostile]\ncommand = ["{sys.executable}", "-m", "fuzz.agent", "{_SEED}/{number}"]\nenv = ["PYTHONPATH"]\n'
        "[limits]\nattempts = 1\njobs = 2\n",
    )
    repo.commit("a project")


def wrong(repo: Repo, number: int) -> list[str]:
    """Return what is wrong after a run of the round of that number."""
    project(repo, number)
    env = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)])}
    said = [repo.run(*argv, code=None, env=env, timeout=120) for argv in (("run",), *_VERBS)]
    found = [f"traceback: {each.err[-500:]}" for each in said if "Traceback" in each.err or "crash" in each.err.lower()]
    found += [] if said[0].code in {0, 1} else [f"exit {said[0].code}: {said[0].err[-500:]}"]
    landed = repo.landed()
    letters = {task for task in _TASKS if "**Status**: Dead letter" in _result(repo, task)}
    if sorted([*landed, *letters]) != sorted(_TASKS):
        found.append(f"landed {landed}, dead {sorted(letters)}")
    return [*found, *aftermath.left(repo), *aftermath.uncommitted(repo), *aftermath.unsound(repo)]


def _result(repo: Repo, task: str) -> str:
    file = repo.root / "specs" / f"{task}.result.md"
    return file.read_text() if file.exists() else ""


def test_a_run(repo: Repo) -> None:
    assert wrong(repo, 0) == []


@pytest.mark.skipif(not _DOCUMENTS, reason="a campaign takes minutes: FUZZ_DOCUMENTS=100000 runs it")
@pytest.mark.slow
def test_runs(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rounds = max(1, _DOCUMENTS // 2_000)
    repos = (Repo(tmp_path / f"repo-{number}").init() for number in range(rounds))
    found = [f"round {number}: {fault}" for number, repo in enumerate(repos) for fault in wrong(repo, number)]
    record_property("runs", rounds)
    assert found == []
