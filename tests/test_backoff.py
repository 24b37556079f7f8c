"""How long is waited before something is tried again."""

import pytest

from orchestrator.failure import backoff


@pytest.mark.parametrize(
    ("row", "least", "most"),
    [(1, 1.0, 2.0), (2, 2.0, 4.0), (8, 128.0, 256.0), (9, 150.0, 300.0), (9_999, 150.0, 300.0)],
)
def test_a_wait_doubles_up_to_the_longest_however_long_the_row(row: int, least: float, most: float) -> None:
    assert (backoff(row, 2.0, 0.0), backoff(row, 2.0, 1.0)) == (least, most)
