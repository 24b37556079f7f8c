"""Text from outside, made safe: what a terminal would act upon is gone, what was meant to be read is all there."""

import pytest

from orchestrator.plaintext import safe_text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("\x1b[31m\x1b[1m1 failed\x1b[0m, \x1b[38;5;2m5 passed\x1b[39;49;00m", "1 failed, 5 passed"),
        ("\x1b]8;;http://example.org\x07a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b(Bplain\x9b2K\x1b[?25l", "plain"),
        ("\x1b\x1b[0m[31mforged", "[31mforged"),
        ("an end \x1b[", "an end ["),
        ("never closed \x1b]0;title\nnext line", "never closed ]0;title\nnext line"),
        ("one\r\ntwo\u202e\x00", "one\ntwo"),
    ],
)
def test_what_a_terminal_acts_upon_goes_and_words_stay(said: str, read: str) -> None:
    assert safe_text(said) == read
    assert safe_text(read) == read
