"""The power cut at any file-system mutation of a run: nothing acknowledged is lost, and the next run finishes.

One run on a disk that records all it is told is enough to cut the power anywhere in it, any number of times: what the
disk held at each mutation follows from the record. What was in the disk's own cache is kept, all lost, or some of it.

`play` records a run on the disk that `disk` serves, `cut` makes of the record what a cut would leave, `check` looks at it.

Takes root, for mounts. A sample runs always. The full sweeps (some 5,600 cuts at half a second) are one command, and
print their figures:

    POWER_STEP=1 python -m pytest tests/power -m slow             # all cuts on all file systems, an hour
    POWER_STEP=10 python -m pytest tests/power -m slow            # one cut in ten, six minutes
    POWER_STEP=5 python -m pytest tests/power -m slow -k xfs      # one in five on one of them

Attempts run beside each other, so no two recordings are the same: a failure says which mutation came last and keeps the
image as the cut left it.
"""

import os
from collections.abc import Callable, Sequence

import check
import cut as cuts
import pytest
from careless import CARELESS, Careless
from cut import Cut
from mounts import FILE_SYSTEMS
from play import Manner, Recording
from studio import Studio

_SAMPLE = 2
_STEP = int(os.environ.get("POWER_STEP", "0"))
_PARTS = 5  # tests that share the cuts of one recording
_RECOVERIES, _AGAIN = 10, 20  # recoveries that are cut, and the cuts in each, of a full sweep

full = pytest.mark.skipif(not _STEP, reason="a full sweep takes an hour: POWER_STEP=1 runs it, POWER_STEP=10 a tenth")
Record = Callable[[str, object], None]


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_after_a_power_cut_nothing_acknowledged_is_lost(studio: Studio, file_system: str) -> None:
    recording = studio.recording(file_system)
    assert not found(recording, spread(cuts.points(recording.entries), _SAMPLE))


@pytest.mark.parametrize("careless", CARELESS)
def test_a_program_that_promises_too_early_is_found_out(studio: Studio, careless: Careless) -> None:
    recording = studio.recording("ext4", Manner(careless))
    assert any(check.wrong(recording, cut) for cut in reversed(cuts.promises(recording.entries)))


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("manner", [Manner(), Manner(stirred=True)], ids=str)
@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_a_power_cut_anywhere(
    studio: Studio, file_system: str, manner: Manner, part: int, record_property: Record
) -> None:
    recording = studio.recording(file_system, manner)
    sweep(recording, cuts.points(recording.entries)[part * _STEP :: _PARTS * _STEP], record_property)


@full
@pytest.mark.slow
@pytest.mark.parametrize("number", range(_RECOVERIES))
@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_a_power_cut_again_while_it_recovers(
    studio: Studio, file_system: str, number: int, record_property: Record
) -> None:
    first = studio.recording(file_system)
    cut = spread(cuts.points(first.entries), _RECOVERIES)[number]
    second = studio.recovery(first, cut)
    sweep(second, spread(cuts.points(second.entries), max(1, _AGAIN // _STEP)), record_property)


def spread(every: Sequence[Cut], many: int) -> list[Cut]:
    """Return `many` of the cuts, each from the middle of its share."""
    return [every[(2 * number + 1) * len(every) // (2 * many)] for number in range(many)]


def sweep(recording: Recording, chosen: Sequence[Cut], record_property: Record) -> None:
    wrong = found(recording, chosen)
    record_property(f"cuts on {recording.kind.name}", len(chosen))
    record_property(f"failed on {recording.kind.name}", len(wrong))
    assert not wrong, "\n\n".join(wrong)


def found(recording: Recording, chosen: Sequence[Cut]) -> list[str]:
    return [check.report(recording, cut, wrong) for cut in chosen if (wrong := check.wrong(recording, cut))]
