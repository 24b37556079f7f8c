"""What the samples of a soak come to: drifts from an early part of it to its end, and which of them are too much."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.report import Report

from soak.leader import Sample

MEMORY = 0.05
TIME = 0.10
_WARM = 0.1  # of the soak, which is not looked at
_PART = 0.2  # of the soak, which stands for its beginning or end
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Soaked:
    """The samples of a soak, and those of a new project beside each of its two parts: none of a short one."""

    samples: Sequence[Sample]
    controls: Sequence[Sequence[Sample]] = ()

    @property
    def machine(self) -> float:
        """How much slower the machine itself was at the end: by the slowest hundredth of a new project's cycles."""
        if not self.controls:
            return 1.0
        early, late = map(_hundredth, self.controls)
        return late / early


def spans(plans: int) -> tuple[range, range]:
    """Return the plans of the two parts that are held against each other: the first after the warm-up, and the last."""
    warm, size = int(plans * _WARM), max(1, int(plans * _PART))
    return range(warm, warm + size), range(plans - size, plans)


def read(file: Path) -> list[Sample]:
    """Return the samples of a soak."""
    return [Sample(**json.loads(line)) for line in file.read_text().splitlines()]


def parts(found: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the first part after the warm-up, and the last part."""
    early, late = spans(len(found))
    return found[early.start : early.stop], found[late.start : late.stop]


def drift(early: float, late: float) -> float:
    """Return by how much more the end has."""
    return late / early - 1 if early else 0.0


def memory(samples: Sequence[Sample]) -> float:
    """Return the drift of the memory after each plan."""
    early, late = parts(samples)
    return drift(median(each.rss for each in early), median(each.rss for each in late))


def slowest(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return how long 99 of 100 cycles take at most, early and late."""
    early, late = parts(samples)
    return _hundredth(early), _hundredth(late)


def _hundredth(samples: Sequence[Sample]) -> float:
    cycles = list(chain.from_iterable(each.cycles for each in samples))
    return quantiles(cycles, n=100, method="inclusive")[98] if len(cycles) > 1 else cycles[0]


def faults(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield what must never be, however short the soak: something left open, or left over."""
    _, *settled = samples
    for what in ("descriptors", "threads", "children"):
        numbers = [getattr(each, what) for each in settled]
        if len({*numbers}) > 1:
            yield f"{what}: {', '.join(map(str, numbers[:40]))}"
    if settled and settled[-1].threads > 1:
        yield f"{settled[-1].threads} threads when nothing runs"
    for each in samples:
        yield from (f"plan {each.plan}: {what}" for what in each.left)


def excesses(soaked: Soaked) -> Iterator[str]:
    """Yield the drifts that are too much: a question to a long soak on a quiet machine."""
    if memory(soaked.samples) > MEMORY:
        yield f"memory grew by {memory(soaked.samples):.1%}"
    if delay(soaked) > TIME:
        yield f"the slowest hundredth of cycles became slower by {delay(soaked):.1%}"


def delay(soaked: Soaked) -> float:
    """Return by how much slower the slowest hundredth became, beside the machine's own drift."""
    early, late = slowest(soaked.samples)
    return drift(early * soaked.machine, late)


def report(soaked: Soaked) -> Report:
    """Return the soak as a table, a row for each tenth of it."""
    samples = soaked.samples
    cycles = sum(len(each.cycles) for each in samples)
    made = Report(
        f"Soak: {cycles} tasks in one process, {len(samples)} plans one after another",
        ("cycles", "MiB", "descriptors", "threads", "median ms", "p99 ms", "cpu ms", "opening ms", "status+brief ms"),
    )
    size = max(1, len(samples) // 10)
    for first in range(0, len(samples), size):
        _row(made, samples, first, samples[first : first + size])
    early, late = slowest(samples)
    made.notes += [
        f"from the second tenth on to the end: memory {memory(samples):+.1%}, p99 {delay(soaked):+.1%}",
        f"p99 on the clock {drift(early, late):+.1%}, of a new project at the same times {soaked.machine - 1:+.1%}",
        "cycle: from a task's start to its landing, four at once; opening: from the start of a run to its first attempt",
        *(f"wrong: {fault}" for fault in [*faults(samples), *excesses(soaked)]),
    ]
    made.series["samples"] = [each.__dict__ for each in samples]
    return made


def _row(made: Report, samples: Sequence[Sample], first: int, tenth: Sequence[Sample]) -> None:
    times = list(chain.from_iterable(each.cycles for each in tenth))
    before = samples[first - 1].cpu if first else 0.0
    made.row(
        cycles=sum(len(each.cycles) for each in samples[: first + len(tenth)]),
        MiB=median(each.rss for each in tenth) / _MIB,
        descriptors=tenth[-1].descriptors,
        threads=tenth[-1].threads,
        median_ms=median(times) * 1000,
        p99_ms=_hundredth(tenth) * 1000,
        cpu_ms=(tenth[-1].cpu - before) / len(times) * 1000,
        opening_ms=median(each.opening for each in tenth) * 1000,
        **{"status+brief ms": median(each.verbs for each in tenth) * 1000},
    )
