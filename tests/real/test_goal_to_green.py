"""From a goal to a green package, on a real one: planned, worked at by three at once, sent back, rejected, merged, done.

The models' words are scripted; all else is real: the package, its tests, git, HTTP, and in one of two runs Claude Code.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import humanized
import pytest
from harness import Repo
from humanized import AGENTS_LINES, GOAL, PERSONS_LINES, WORKS, Words
from installed import claude_code

from orchestrator.testing import FakeAPI

pytestmark = pytest.mark.real

AGENTS = 3
MODEL = 'model = "claude-opus-5-5"'


@dataclass(frozen=True)
class Project:
    """The package with a configuration, and the model's server."""

    repo: Repo
    fake: FakeAPI

    def tests(self) -> subprocess.CompletedProcess[str]:
        """Run the package's own tests in the person's checkout."""
        command = ["sh", "-c", humanized.tests(self.repo)]
        return subprocess.run(command, cwd=self.repo.root, capture_output=True, text=True, check=False)

    def most_at_work(self, stream: str) -> int:
        """How many attempts were under way at one time, by a run's stream of events."""
        names = [json.loads(line).get("event") for line in stream.splitlines()]
        changes = {"attempt.started": 1, "attempt.recorded": -1}
        return max(accumulate(changes.get(name, 0) for name in names))


@pytest.fixture(params=["anthropic", "claude_code"])
def project(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Project]:
    humanized.package(repo)
    works = humanized.builtin if request.param == "anthropic" else humanized.claude_code
    worker = f'[agents.worker]\nkind = "{request.param}"\n{MODEL}\n'
    if request.param == "claude_code":
        worker += f"command = [{json.dumps(str(claude_code()))}]\n"
    repo.write(
        "orchestrator.toml",
        f'{worker}\n[agents.claude]\nkind = "anthropic"\n{MODEL}\n\n'
        '[roles]\nworker = "worker"\nplanner = "claude"\nreviewer = "claude"\nresolver = "claude"\n\n'
        f"[verify]\ncommand = {json.dumps(humanized.tests(repo))}\n\n[limits]\njobs = {AGENTS}\nbudget = 20.0\n",
    )
    repo.commit("a configuration")
    with FakeAPI(Words(repo, works).script()) as fake:
        repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
        yield Project(repo, fake)


def test_a_goal_becomes_a_green_package_and_the_log_tells_how(project: Project) -> None:
    repo = project.repo
    repo.run("plan", GOAL, timeout=240)
    assert "approve or reject 0001" in repo.run("run", code=3, timeout=240).err
    repo.run("approve", "0001")
    ran = repo.run("run", "--events", "jsonl", code=None, timeout=400)
    assert ran.code == 0, ran.out[-3_000:] + ran.err[-3_000:]

    assert project.tests().returncode == 0
    assert sorted(repo.landed()) == sorted(work.name for work in WORKS)
    assert PERSONS_LINES + AGENTS_LINES in repo.read("README.md")
    assert repo.git("status", "--porcelain") == ""
    assert project.most_at_work(ran.out) == AGENTS

    def told(task: str) -> str:
        return repo.git("log", "-1", "--format=%B", f"--grep=^Task: {task}$")

    _, package, configured, *story = repo.git("log", "--reverse", "--format=%s").split("\n")
    assert (package, configured) == (humanized.PACKAGE, "a configuration")
    assert story[0].startswith(f"plan: {GOAL[:40]}")
    assert story[1] == "approved: checkpoint 0001"
    assert sorted(story[2:]) == sorted(
        [
            "the README shows a small size",
            "spec: size-rounding: what attempt 1 ran into",
            "spec: natural-list: what attempt 1 ran into",
            *(f"{work.name}: {work.title}" for work in WORKS),
        ]
    )
    assert "Attempt: 2" in told("size-rounding")
    assert "Attempt: 2" in told("natural-list")
    assert "Resolved-by: claude-opus-5-5" in told("readme-sizes")
    assert all("Review: accept (claude-opus-5-5)" in told(work.name) for work in WORKS)
    assert "an empty list raises IndexError" in repo.git("log", "-p", "--format=%B", "--", "specs/natural-list.md")
    assert "999.9 kB" in repo.git("log", "-p", "--format=%B", "--", "specs/size-rounding.md")
