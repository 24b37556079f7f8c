"""Each benchmark works at a tiny size, and none prints a figure for work that was not done. No time is asserted."""

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import crowd, cycle, growth, keeping, landing, peers, processes, projects, tokens
from bench.__main__ import main
from bench.report import Report, machine
from bench.watching import Look, Ran, Told, WrongError, watched

HERE = Path(sys.executable)


def cases(report: Report) -> list[object]:
    return [row["case"] for row in report.rows]


@pytest.fixture(autouse=True)
def unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured here, so nobody waits until other people's files are on the disk."""
    monkeypatch.setattr(os, "sync", lambda: None)


def test_landing_measures_the_program_and_git_for_people_and_machines(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    shared = ["--folder", str(tmp_path), "--runs", "1", "--json", str(target)]
    argv = [*shared, "landing", "--size", "3", "--files", "2", "--merges", "2"]
    done = CliRunner().invoke(main, argv, catch_exceptions=False)
    assert "| orchestrator run " in done.output
    found = json.loads(target.read_text())
    names = ["orchestrator run", "  its landing alone", "git merge, git's default", "git merge, as durable"]
    assert [(row["case"], row["tasks"]) for row in found["rows"]] == list(zip(names, [3, 3, 2, 2], strict=True))
    assert found["rows"][0]["verified"] == 1
    assert found["machine"].keys() == machine(tmp_path).keys()
    assert not list(tmp_path.glob("run-*"))


def test_a_cycle_measures_the_program_and_the_bare_commands(tmp_path: Path) -> None:
    wanted = [cycle.Case("scripted", 2, 2, bare=2, engines=True), cycle.Case("a command", 1, 2, "true")]
    report = cycle.cycle(tmp_path, 1, wanted, tmp_path / "no-python")
    bare = [f"  bare git commands, {name}" for name in peers.SETTINGS]
    assert cases(report) == ["scripted", *bare, "a command"]
    assert [name for engine in peers.ENGINES if (name := engine.name) not in report.notes[-1]] == []


@pytest.mark.parametrize("engine", peers.ENGINES, ids=lambda engine: engine.name)
def test_an_engine_does_every_task(tmp_path: Path, engine: peers.Engine) -> None:
    if peers.missing(HERE, engine):
        pytest.skip(f"{engine.module} is not installed here")
    assert peers.stepped(HERE, engine, 3, tmp_path).cpu > 0


def test_growth_and_brief_measure_one_kept_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = growth.growth(tmp_path, 1, [2], files=2)
    assert cases(report)[:4] == ["status", "brief", "log", "run"]
    monkeypatch.setattr(projects, "finish_attempts", None)  # a second making would fail
    rows = growth.tokens(tmp_path, [2], files=2).rows
    assert [row["ratio"] for row in rows] == [1.0]
    assert rows[0]["tokens"] > 100


def test_many_at_once_measures_the_program_and_the_commands_alone(tmp_path: Path) -> None:
    report = crowd.many(tmp_path, 1, agents=2, rounds=2, seconds=0, files=2)
    assert cases(report)[0] == "orchestrator run"
    assert cases(report)[-1] == "the same commands alone, xargs"
    assert all(row["tasks"] == 4 for row in report.rows)


def test_git_processes_are_counted_by_verb(tmp_path: Path) -> None:
    report = processes.processes(tmp_path, 2, files=2)
    counts = {row["verb"]: row["cycle"] for row in report.rows}
    assert counts["worktree"] == 3  # one for each task, one for verify
    assert counts["all"] == sum(counts.values()) - counts["all"]


def test_leading_takes_few_tokens_and_few_more_with_each_spec(tmp_path: Path) -> None:
    """At eleven specs one more question has begun, so that each further one is as dear as it gets."""
    report = tokens.tokens(tmp_path, [5, 11])
    few, conversation, more, _ = report.rows
    assert (few["case"], few["specs"], more["specs"]) == ("orchestrator", 5, 11)
    assert few["tokens"] <= 15_000
    assert more["each further spec"] <= 600
    assert conversation["ratio"] > 5


def test_a_landing_that_left_a_task_out_is_refused(tmp_path: Path) -> None:
    repo = projects.project(tmp_path / "repo", 2, 2)
    projects.finish_attempts(repo, 2)
    repo.git("update-ref", "-d", f"refs/orchestrator/attempts/{projects.task(1)}/1")
    ran = watched(repo, "--until", "PLANNING")
    with pytest.raises(WrongError, match="1 of 2 tasks landed"):
        landing.check(repo, ran, 2)
    with pytest.raises(WrongError, match="1 of 2 tasks landed"):
        cycle.check(repo, 2)


def test_a_run_whose_task_was_made_anew_is_refused(tmp_path: Path) -> None:
    repo = projects.project(tmp_path / "repo", 1, 1)
    ran = watched(repo)
    with pytest.raises(WrongError, match="not what its attempt wrote"):
        landing.check(repo, ran, 1)


def test_branches_that_git_cannot_merge_are_refused(tmp_path: Path) -> None:
    repo = projects.code(tmp_path / "repo", 1)
    branches = projects.branches(repo, 1)
    repo.write(projects.path(0), "another line\n")
    repo.commit()
    with pytest.raises(WrongError, match="CONFLICT"):
        peers.merges(repo, branches, peers.PLAIN)


def test_an_agent_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(WrongError, match="ended with 1"):
        watched(projects.project(tmp_path / "repo", 1, 1, agent="exit 1"))


def test_a_peer_at_the_same_durability_syncs(tmp_path: Path) -> None:
    repo = projects.code(tmp_path / "repo", 1)
    for settings, wanted in ((peers.PLAIN, "git's own"), (peers.DURABLE, "all")):
        repo.env |= peers.configured(settings)
        assert repo.git("config", "--default", "git's own", "core.fsync") == wanted


def test_cost_over_time_is_the_mean_of_a_hundred() -> None:
    steady = [number * 0.01 for number in range(400)]
    assert cycle.windows(steady) == [10.0, 10.0, 10.0]
    assert cycle.drift(steady) == pytest.approx(1.0)
    slowing = [*steady[:300], *(3.0 + number * 0.02 for number in range(100))]
    assert cycle.drift(slowing) == pytest.approx(2.0, abs=0.05)
    assert cycle.drift(steady[:200]) is None


def test_tasks_that_land_together_are_counted_evenly() -> None:
    assert cycle.steady([4.0, 4.001, 4.002, 4.003, 5.0, 5.001], 2.0) == pytest.approx(
        [2.5, 3, 3.5, 4, 4.5, 5], abs=0.01
    )
    assert cycle.steady([1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0]


def test_work_between_two_looks_is_even() -> None:
    looks = [Look(0.0, 0, 0.0), Look(1.0, 0, 4.0), Look(2.0, 0, 5.0)]
    assert cycle.worked([0.5, 1.0, 1.5, 3.0], looks) == [2.0, 4.0, 4.5, 6.0]


def test_spans_are_taken_task_by_task() -> None:
    told = [
        Told(at, name, task, {})
        for at, name, task in [(1, "a", "x"), (2, "a", "y"), (5, "b", "y"), (7, "b", "x"), (9, "b", "stray")]
    ]
    assert crowd.spans(Ran(9.0, told=told), "a", "b") == [3, 6]


def test_a_kept_project_is_made_anew_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    first = keeping.kept(tmp_path, "name", made.append)
    assert keeping.kept(tmp_path, "name", made.append) == first
    monkeypatch.setattr(keeping, "sources", lambda: "another-sum.")
    assert keeping.kept(tmp_path, "name", made.append) != first
    assert len(made) == 2
    assert not first.exists()
