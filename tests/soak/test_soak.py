"""A leader that has landed ten thousand tasks holds no more memory, descriptors or threads than one that landed a few.

A short soak runs always. The full one (about twenty minutes) is one command, with a table and JSON:

    cd tests && SOAK_CYCLES=10000 ../.venv/bin/python -m soak --json soak.json
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from soak import figures, soaked
from soak.figures import Soaked
from soak.leader import Sample

_CYCLES = int(os.environ.get("SOAK_CYCLES", "0"))


def test_a_short_soak_leaves_nothing_open_and_nothing_over(tmp_path: Path) -> None:
    samples = soaked.soak(tmp_path, 40, 8).samples
    assert [len(each.cycles) for each in samples] == [8] * 5
    assert list(figures.faults(samples)) == []


@pytest.mark.slow
@pytest.mark.skipif(not _CYCLES, reason="takes many minutes: SOAK_CYCLES=10000 runs it")
def test_a_long_soak_drifts_nowhere(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    found = soaked.soak(tmp_path, _CYCLES, min(100, _CYCLES // 10))
    record_property("cycles", _CYCLES)
    assert [*figures.faults(found.samples), *figures.excesses(found)] == [], figures.report(found).text()


def sample(number: int, **other: object) -> Sample:
    steady = Sample(number, [0.1] * 100, 0.2, 0.3, 100 << 20, 9, 1, 0, 10.0 * number, [])
    return replace(steady, **other)


def steady(**other: Callable[[int], object]) -> list[Sample]:
    return [sample(number, **{name: value(number) for name, value in other.items()}) for number in range(50)]


def test_a_steady_soak_is_in_order() -> None:
    found = Soaked(steady())
    assert [*figures.faults(found.samples), *figures.excesses(found)] == []
    assert "memory +0.0%, p99 +0.0%" in figures.report(found).text()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("descriptors", lambda number: 9 + number // 20, "descriptors: 9, 9"),
        ("threads", lambda number: 1 + (number == 30), "threads: 1, 1"),
        ("threads", lambda _number: 3, "3 threads when nothing runs"),
        ("children", lambda number: number, "children: 1, 2"),
        ("left", lambda number: ["left over: x"] if number == 7 else [], "plan 7: left over: x"),
    ],
)
def test_what_is_left_open_or_over_is_seen(name: str, value: Callable[[int], object], said: str) -> None:
    assert next(figures.faults(steady(**{name: value}))).startswith(said)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rss", lambda number: (100 << 20) + number * (200 << 10), "memory grew by 6."),
        (
            "cycles",
            lambda number: [0.1] * 96 + [0.2 + number / 1000] * 4,
            "the slowest hundredth of cycles became slower by 1",
        ),
    ],
)
def test_a_drift_is_seen(name: str, value: Callable[[int], object], said: str) -> None:
    found = Soaked(steady(**{name: value}))
    assert next(figures.excesses(found)).startswith(said)
    assert f"wrong: {said}" in figures.report(found).text()


def test_what_the_machine_itself_lost_is_no_drift_and_what_it_won_hides_none() -> None:
    slower = steady(cycles=lambda number: [0.1 + number / 1000] * 100)
    control = [sample(number) for number in range(10)]
    slow = [sample(number, cycles=[0.14] * 100) for number in range(10)]
    assert list(figures.excesses(Soaked(slower, [control, slow]))) == []
    assert next(figures.excesses(Soaked(steady(), [slow, control]))).startswith("the slowest hundredth")


def test_what_happens_while_it_warms_up_is_none() -> None:
    assert list(figures.excesses(Soaked(steady(rss=lambda number: (40 + min(number, 5) * 12) << 20)))) == []
