"""Killed at every boundary of a run with reviews and a merge, then resumed: no answer that was recorded is paid for again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from harness import Repo

from orchestrator.testing import FakeAPI, Request
from roles.judges import ACCEPT, RESOLVE, REVIEW, at, calls, configured, merged, reject, script

KILLER = Path(__file__).parent.parent / "killer.py"
# a is wrong at first; b, made from the same base, ends only once a has landed, so that it finds the branch moved.
WORK = """
if [ "$ORCHESTRATOR_TASK" = b ]; then
  for i in $(seq 300); do grep -qx a ../../../x.txt && break; sleep 0.1; done; echo b > x.txt
elif [ "$ORCHESTRATOR_ATTEMPT" = 1 ]; then echo wrong > x.txt; else echo a > x.txt; fi
"""


def judging(request: Request) -> object:
    return reject("It says wrong.", "x.txt", 1) if "+wrong" in request.newest else ACCEPT


SCRIPT = script(review=judging, resolve=merged("a and b\n"))


def project(root: Path) -> Repo:
    """Two tasks over the same line: a is rejected once, and b, made from the same base, is merged with it."""
    repo = Repo(root).init()
    repo.write("x.txt", "old\n")
    repo.spec("a", "x.txt (shared)")
    repo.spec("b", "x.txt (shared)")
    repo.task("a: do a", "b: do b")
    repo.write("agent.sh", WORK)
    configured(repo, "", verify="true", resolver="judge", more="[limits]\njobs = 2\n")
    toml = repo.read("orchestrator.toml")
    repo.write(
        "orchestrator.toml", toml.replace('kind = "scripted"\nscript = ".agent.toml"', 'command = ["sh", "agent.sh"]')
    )
    repo.commit("a project")
    return repo


def kill_at(repo: Repo, fake: FakeAPI, number: int, count: Path | None = None) -> int:
    """Run, killed at boundary `number`; 0 kills nowhere and counts them."""
    done = subprocess.Popen(
        [sys.executable, str(KILLER), str(number), "--", "run"],
        cwd=repo.root,
        env={**repo.env, **at(fake), "KILLER_COUNT": str(count or "")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    return done.wait(timeout=120)


def recorded(repo: Repo) -> Counter[str]:
    """How many answers the attempts' refs hold: verdicts and merges."""
    bodies = repo.git("for-each-ref", "--format=%(contents)", "refs/orchestrator/attempts")
    return Counter({REVIEW: bodies.count("\nReviewed: "), RESOLVE: bodies.count("\nResolves: ")})


def asked(fake: FakeAPI) -> Counter[str]:
    """How often each question was answered, by its words."""
    said = [(role, json.dumps(each.body["messages"])) for role in (REVIEW, RESOLVE) for each in calls(fake, role)]
    return Counter(said)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, int]:
    """An untouched project, and how many boundaries a run over it has that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    untouched = project(folder / "untouched")
    finished, count = copied(untouched, folder / "finished"), folder / "count"
    with FakeAPI(SCRIPT) as fake:
        assert kill_at(finished, fake, 0, count) == 0
        assert not [question for question, times in asked(fake).items() if times > 1]
    assert finished.read("x.txt") == "a and b\n"
    return untouched, int(count.read_text())


def copied(repo: Repo, root: Path) -> Repo:
    shutil.copytree(repo.root, root, symlinks=True)
    return Repo(root)


def points() -> list[float]:
    steps = int(os.environ.get("KILL_STEPS", "24"))
    return [number / steps for number in range(steps)]


@pytest.mark.parametrize("part", points())
def test_killed_anywhere_no_recorded_answer_is_paid_for_again(
    whole: tuple[Repo, int], tmp_path: Path, part: float
) -> None:
    untouched, boundaries = whole
    repo = copied(untouched, tmp_path / "repo")
    with FakeAPI(SCRIPT) as fake:
        assert kill_at(repo, fake, 1 + int(part * boundaries)) in {-signal.SIGKILL, 0}
        known, before = recorded(repo), asked(fake)
        repo.run("run", env=at(fake))
        after = asked(fake)
    again = dict.fromkeys(known, 0)
    for (role, words), times in after.items():
        again[role] += times - 1 if (role, words) in before else 0
    answered = Counter(role for role, _words in before.elements())
    for role, times in again.items():
        # An answer that came and was not recorded was in flight; every other one counts.
        assert times <= answered[role] - known[role], f"{times} of {role!r} paid again"
    assert sorted(repo.landed()) == ["a", "b"]
    # An attempt at b that the kill cut short is made again, on a's work: then there is nothing to merge.
    assert repo.read("x.txt") in {"a and b\n", "b\n"}
    bodies = repo.git("log", "--format=%B", "--grep=^Task: ")
    assert bodies.count("Review: accept") == 2
    assert ("Resolved-by: claude-opus-5-5" in bodies) == (repo.read("x.txt") == "a and b\n")
    repo.git("fsck", "--strict")
