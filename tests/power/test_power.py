"""The power cut at any file-system mutation of a run: nothing acknowledged is lost, and the next run finishes.

One run on a disk that records all it is told is enough to cut the power anywhere in it, any number of times: what the
disk held at each mutation follows from the record. What was in the disk's own cache is kept, all lost, or some of it.

Takes root, for mounts. A sample runs always. The full sweep (over 3,000 cuts; more than an hour) is one command and
prints its figures:

    POWER_STEP=1 python -m pytest tests/power -m slow            # all cuts on all file systems
    POWER_STEP=5 python -m pytest tests/power -m slow -k xfs     # one cut in five on one of them

Attempts run beside each other, so no two recordings are the same: a failure says which mutation came last and keeps the
image as the cut left it.
"""

import os
from collections.abc import Sequence

import check
import cut as cuts
import pytest
from careless import CARELESS, Careless
from cut import Cut
from mounts import FILE_SYSTEMS
from play import Recording
from studio import Studio

PARTS = 10  # a full sweep is this many tests for each file system
_SAMPLE = 3
_STEP = int(os.environ.get("POWER_STEP", "0"))

full = pytest.mark.skipif(
    not _STEP, reason="a full sweep takes over an hour: POWER_STEP=1 runs it, POWER_STEP=5 a fifth"
)


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_after_a_power_cut_nothing_acknowledged_is_lost(studio: Studio, file_system: str) -> None:
    recording = studio.recording(file_system)
    every = cuts.points(recording.entries)
    few = len(every) // _SAMPLE
    assert not found(recording, every[few - 1 :: few])


@pytest.mark.parametrize("careless", CARELESS)
def test_a_program_that_promises_too_early_is_found_out(studio: Studio, careless: Careless) -> None:
    recording = studio.recording("ext4", careless)
    assert any(check.wrong(recording, cut) for cut in reversed(cuts.promises(recording.entries)))


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_a_power_cut_anywhere(studio: Studio, file_system: str, part: int, record_property) -> None:  # noqa: ANN001
    recording = studio.recording(file_system)
    chosen = cuts.points(recording.entries)[part * _STEP :: PARTS * _STEP]
    wrong = found(recording, chosen)
    record_property(f"cuts on {file_system}", len(chosen))
    record_property(f"failed on {file_system}", len(wrong))
    assert not wrong, "\n\n".join(wrong)


def found(recording: Recording, chosen: Sequence[Cut]) -> list[str]:
    return [check.report(recording, cut, wrong) for cut in chosen if (wrong := check.wrong(recording, cut))]
