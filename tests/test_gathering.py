"""Which attempts are waited for before a landing begins."""

from datetime import UTC, datetime

from orchestrator.leader.gathering import Gathering


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_the_first_attempt_of_a_run_and_one_by_itself_wait_for_nobody() -> None:
    clock = Clock()
    gathering = Gathering(clock)
    gathering.ended()
    assert not gathering.waits()
    assert gathering.pause(1) == 1
    gathering.landed()
    clock.seconds += 60
    gathering.ended()
    assert not gathering.waits()
    assert gathering.pause(1) == 1


def test_right_after_a_landing_those_that_end_one_after_the_other_are_waited_for_but_not_for_long() -> None:
    clock = Clock()
    gathering = Gathering(clock)
    gathering.landed()
    waited = 0.0
    while True:
        gathering.ended()  # one every 60 ms, and no end of it
        if not gathering.waits():
            break
        clock.seconds += 0.06
        waited += 0.06
    assert 0.5 <= waited < 0.6


def test_right_after_a_landing_nobody_is_waited_for_once_it_is_quiet() -> None:
    clock = Clock()
    gathering = Gathering(clock)
    gathering.ended()
    gathering.landed()
    assert gathering.waits()
    assert 0.09 < gathering.pause(1) < 0.11
    clock.seconds += 0.11
    assert not gathering.waits()
    assert gathering.pause(1) == 1
