"""Many built-in agents at once in one leader: bounded memory, and a Ctrl-C that ends all of it and loses nothing.

A few of them run always. Fifty are one command, which prints its figures:

    TEAM=50 python -m pytest tests/crowd/test_team.py -m slow
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aftermath
import crowd
import pytest
import team
from harness import Repo

from orchestrator.testing import FakeAPI, Request, Script

_TEAM = int(os.environ.get("TEAM", "0"))
_FEW = 5
_SAMPLE = 10
_A_WORKER = 1024  # KiB of the leader's memory at most, and as much for eight turns more
_ENDS = 5.0  # seconds
_BUSY = 10.0  # seconds that a machine may lose on the way when all of its cores are taken

full = pytest.mark.skipif(not _TEAM, reason="fifty agents at once take minutes: TEAM=50 runs them")


@dataclass(frozen=True)
class Cost:
    """What a team costs its leader, in KiB: in its middle, when all wait for the model, and at most."""

    together: int
    peak: int


def measured(folder: Path, size: int, turns: int = 4) -> Cost:
    """Let a team of `size` do its work, and hold what came of it against what was to come."""
    hall = team.Hall(size, turns, until=turns - 1)
    with FakeAPI(hall.script()) as fake:
        repo = team.project(folder / f"team-{size}-{turns}", size, fake)
        with team.running(repo) as leader:
            assert hall.full.wait(120)
            together = leader.resident()
            hall.go.set()
            leader.end()
            assert leader.process.returncode == 0
        assert asked(fake) == Counter({(name, 1 + turn): 1 for name in team.tasks(size) for turn in range(turns)})
    assert sorted(repo.landed()) == team.tasks(size)
    assert [repo.git("show", f"HEAD:src/{name}.txt") for name in team.tasks(size)] == [
        f"new {name}" for name in team.tasks(size)
    ]
    assert aftermath.found(repo) == []
    crowd.forget(repo)
    return Cost(together, leader.peak)


def asked(fake: FakeAPI) -> Counter[tuple[str, int]]:
    """Return how often each turn of each worker was asked for."""
    requests = [Request(each.body) for each in fake.requests if each.path == "/v1/messages"]
    return Counter((team.whose(each), team.turn(each)) for each in requests)


def test_a_worker_more_costs_the_leader_little(square: Path) -> None:
    few, more = measured(square, _FEW), measured(square, _SAMPLE)
    assert (more.peak - few.peak) / (_SAMPLE - _FEW) < _A_WORKER, f"{few}, {more}"


@full
@pytest.mark.slow
def test_a_worker_more_costs_the_leader_little_in_a_whole_team(square: Path, record_property: Callable) -> None:
    few, many = measured(square, _FEW), measured(square, _TEAM)
    longer = measured(square, _TEAM, turns=12)
    record_property(f"KiB with {_FEW}", few.peak)
    record_property(f"KiB with {_TEAM}", many.peak)
    record_property(f"KiB with {_TEAM} of 12 turns", longer.peak)
    record_property("KiB a worker", (many.peak - few.peak) // (_TEAM - _FEW))
    assert (many.peak - few.peak) / (_TEAM - _FEW) < _A_WORKER
    assert (longer.peak - many.peak) / _TEAM < _A_WORKER


def test_ctrl_c_twice_ends_a_team_and_loses_nothing(square: Path) -> None:
    assert stopped(square, _SAMPLE) < _ENDS + _BUSY


@full
@pytest.mark.slow
def test_ctrl_c_twice_ends_a_whole_team_and_loses_nothing(square: Path, record_property: Callable) -> None:
    seconds = stopped(square, _TEAM)
    record_property("ms to the end", int(seconds * 1000))
    assert seconds < _ENDS


def test_ctrl_c_twice_while_a_team_starts(square: Path) -> None:
    assert stopped_early(square, _SAMPLE, _SAMPLE) < _ENDS + _BUSY


@full
@pytest.mark.slow
@pytest.mark.parametrize("starting", [1, 25, 50])
def test_ctrl_c_twice_while_a_whole_team_starts(square: Path, starting: int, record_property: Callable) -> None:
    seconds = stopped_early(square, _TEAM, min(starting, _TEAM))
    record_property(f"ms to the end, {starting} started", int(seconds * 1000))
    assert seconds < _ENDS


def stopped(folder: Path, size: int) -> float:
    """Stop a team in the middle of everything; return the seconds from the second Ctrl-C to the end."""
    stage = team.Stage(size)
    with FakeAPI(Script(otherwise=stage.reply)) as fake:
        repo = team.project(folder / f"stopped-{size}", size, fake)
        with team.running(repo) as leader:
            stage.wait(leader)
            seconds = interrupted(leader)
        stage.over.set()
        assert_nothing_lost(repo, fake, size)
    return seconds


def stopped_early(folder: Path, size: int, starting: int) -> float:
    """Stop a team once so many have started, while the first call loads what it needs; return the seconds it took."""
    stage = team.Stage(size)
    stage.over.set()
    with FakeAPI(Script(otherwise=stage.reply)) as fake:
        repo = team.project(folder / f"early-{size}-{starting}", size, fake)
        with team.running(repo) as leader:
            leader.wait_for("attempt.started", starting)
            seconds = interrupted(leader)
        assert_nothing_lost(repo, fake, size)
    return seconds


def interrupted(leader: team.Running) -> float:
    leader.interrupt()
    leader.wait_for("draining")
    leader.interrupt()
    seconds = leader.end()
    assert leader.process.returncode == 130
    return seconds


def assert_nothing_lost(repo: Repo, fake: FakeAPI, size: int) -> None:
    """Assert that what a stopped team did is there, and that the next run goes on from it and pays for none of it."""
    assert aftermath.carrying(f"HOME={repo.env['HOME']}") == []
    assert aftermath.processes(repo) == []
    assert aftermath.unsound(repo) == []
    begun = {name for name, _turn in asked(fake)}
    known = {name: replies(repo, name) for name in team.tasks(size)}
    done = {ref.split("/")[0] for ref in refs(repo)}
    said = repo.run("run", timeout=120)
    assert begun <= done | {*re.findall(r"(w\d\d)/1 can go on where it was stopped", said.err)}
    again = [(name, turn) for (name, turn), times in asked(fake).items() if times > 1]
    assert [(name, turn) for name, turn in again if turn <= known[name] or name in done] == []
    assert [key for key in again if asked(fake)[key] > 2] == []
    assert sorted(repo.landed()) == team.tasks(size)
    assert refs(repo) == [f"{name}/1" for name in team.tasks(size)]
    assert [repo.git("show", f"HEAD:src/{name}.txt") for name in team.tasks(size)] == [
        f"new {name}" for name in team.tasks(size)
    ]
    assert aftermath.found(repo) == []
    crowd.forget(repo)


def replies(repo: Repo, task: str) -> int:
    """Return how many of the model's replies a task's attempt has written down."""
    journal = repo.root / ".orchestrator" / "attempts" / task / "1" / "turns.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return sum(json.loads(line)["kind"] == "reply" for line in lines)


def refs(repo: Repo) -> list[str]:
    return repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/attempts").split()
