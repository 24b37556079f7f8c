"""The whole process tree killed, or the disk failing, at any file-system mutation: the next run finishes, nothing is lost.

A sample runs always, with every twentieth kill. The full sweeps (some 1,750 mutations; hours) are one command each, and
print their figures:

    FAULTS_STEP=1 python -m pytest tests/faults -m slow -n auto                       # all of them
    FAULTS_STEP=1 python -m pytest tests/faults -m slow -n auto -k killed_anywhere    # one sweep
    FAULTS_STEP=10 python -m pytest tests/faults -m slow -n auto                      # one point in ten
    FAULTS_STEP=1 FAULTS_ONLY="700 700 701" python -m pytest tests/faults -m slow     # these mutations again

Attempts run beside each other, so mutation 700 is not the same in every run: a failure says which mutation was hit and
keeps its project. FAULTS_TRACE=FILE appends every mutation to FILE: its number, the pid, the operation, the path.
"""

import os
import signal
from collections.abc import Iterable
from itertools import islice

import pytest
import scene
from injection import KILL_AFTER, KINDS, Hit, failure, strike
from sweep import PARTS, Stage, failures, kills, pairs, visit

_EVERY, _PARTS, _PAIRS, _FAILURES = 20, 12, 10, 12
_STEP = int(os.environ.get("FAULTS_STEP", "0"))

full = pytest.mark.skipif(not _STEP, reason="a full sweep takes hours: FAULTS_STEP=1 runs it, FAULTS_STEP=10 a tenth")


def test_a_kill_takes_the_whole_tree_at_once(stage: Stage) -> None:
    repo = stage.copy()
    struck = strike(stage.library, repo, Hit(stage.count // 2))
    assert struck.said.code == -signal.SIGKILL
    assert struck.fired.startswith(f"{stage.count // 2} ")
    assert "Traceback" not in struck.said.err
    scene.forget(repo)


def test_a_kill_after_a_mutation_lets_it_happen(stage: Stage) -> None:
    there = []
    for hit in (Hit(1), Hit(1, KILL_AFTER)):
        repo = stage.copy()
        assert strike(stage.library, repo, hit).fired.endswith("/.git/orchestrator.lock")
        there.append((repo.root / ".git" / "orchestrator.lock").exists())
        scene.forget(repo)
    assert there == [False, True]


@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_every_twentieth_mutation_the_next_run_finishes(
    stage: Stage, part: int, record_property: object
) -> None:
    sweep(stage, islice(kills(stage.count, _EVERY), part, None, _PARTS), record_property)


@pytest.mark.parametrize("hits", range(_PAIRS))
def test_killed_again_while_it_recovers_the_next_run_finishes(stage: Stage, hits: int) -> None:
    seen = visit(stage, *next(islice(pairs(stage.count, 2000 // _PAIRS), hits, None)))
    assert not seen.wrong, str(seen)


@pytest.mark.parametrize("number", range(_FAILURES))
def test_a_failing_disk_is_named_and_the_next_run_finishes(stage: Stage, number: int) -> None:
    kind = KINDS[number % len(KINDS)]
    at = 1 + (2 * number + 1) * stage.count // (2 * _FAILURES)
    seen = visit(stage, failure(kind, at, sticky=number // len(KINDS) % 2 == 1))
    assert not seen.wrong, str(seen)


def test_half_a_write_of_the_lock_is_made_whole(stage: Stage) -> None:
    seen = visit(stage, failure("SHORT", 2, sticky=False))
    assert seen.struck[0].fired.endswith("/.git/orchestrator.lock")
    assert seen.struck[0].said.code == 0
    assert not seen.wrong, str(seen)


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere(stage: Stage, part: int, record_property: object) -> None:
    sweep(stage, islice(kills(stage.count, _STEP), part, None, PARTS), record_property)


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_twice(stage: Stage, part: int, record_property: object) -> None:
    sweep(stage, islice(pairs(stage.count, _STEP), part, None, PARTS), record_property)


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_failing_anywhere(stage: Stage, part: int, record_property: object) -> None:
    sweep(stage, islice(failures(stage.count, _STEP), part, None, PARTS), record_property)


def sweep(stage: Stage, points: Iterable[tuple[Hit, ...]], record) -> None:  # noqa: ANN001 - pytest names no type for it
    seen = [visit(stage, *hits) for hits in points]
    bad = [str(each) for each in seen if each.wrong]
    for name, number in (("points", len(seen)), ("hit", sum(each.hit for each in seen)), ("failed", len(bad))):
        record(name, number)
    assert not bad, "\n\n".join(bad)
