"""Whatever stands in a document, its parser takes it byte for byte, or refuses it with `file:line` and what to do.

A sample runs always. The full campaign (100,000 documents for each parser, about twenty minutes) is one command:

    FUZZ_DOCUMENTS=100000 python -m pytest tests/fuzz -m slow

FUZZ_SEED=2 throws others. A failure names its document, which FUZZ_SEED=1 FUZZ_ONLY=todo:4711 throws again.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fuzz import campaign
from fuzz.campaign import throw
from fuzz.generator import Generator
from fuzz.parsers import NAMES, Parser, parsers
from orchestrator.documents.codec import Text
from orchestrator.errors import OrchestratorError

_DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "0"))
_SEED = int(os.environ.get("FUZZ_SEED", "1"))
_ONLY = os.environ.get("FUZZ_ONLY", "")
_SAMPLE = 500
_PARTS = 4

full = pytest.mark.skipif(not _DOCUMENTS, reason="a campaign takes minutes: FUZZ_DOCUMENTS=100000 runs it")


def test_every_parser_is_thrown_at(tmp_path: Path) -> None:
    assert tuple(parsers(tmp_path)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_sample(name: str, tmp_path: Path) -> None:
    tally = throw(parsers(tmp_path)[name], _SEED, range(_SAMPLE))
    assert not tally.broken, "\n".join(tally.broken)
    assert tally.accepted > _SAMPLE / 20
    assert sum(tally.refused.values()) > _SAMPLE / 20


@full
@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_a_campaign(name: str, part: int, tmp_path: Path, record_property: object) -> None:
    tally = throw(parsers(tmp_path)[name], _SEED, range(part, _DOCUMENTS, _PARTS))
    for what, count in (("documents", tally.documents), ("taken", tally.accepted), ("broken", len(tally.broken))):
        record_property(what, count)
    assert not tally.broken, "\n".join(tally.broken)


@pytest.mark.skipif(not _ONLY, reason="FUZZ_ONLY=todo:4711 throws that document alone")
def test_one_document_again(tmp_path: Path) -> None:
    name, _, number = _ONLY.partition(":")
    tally = throw(parsers(tmp_path)[name], _SEED, [int(number)])
    assert not tally.broken, "\n".join(tally.broken)


def kept(parsed: Text, data: bytes) -> None:
    assert parsed.render() == data


def seen(parse: Callable[[bytes], Any], holds: Callable[[Any, bytes], None] = lambda _parsed, _data: None) -> str:
    """Return what is said of a parser that breaks its word over documents with an `x`."""
    tally = throw(Parser(Generator("planted", ("a", "x"), [b"a\nx\n"]), parse, holds), 1, range(100))
    assert tally.documents == 100 or len(tally.broken) == 20
    return "\n".join(tally.broken)


def refusing(where: str, hint: str = "do so", message: str = "no") -> Callable[[bytes], None]:
    def parse(data: bytes) -> None:
        if b"x" in data:
            raise OrchestratorError(message, where=where, hint=hint)

    return parse


def hanging(data: bytes) -> None:
    while b"x" in data:
        pass


def test_a_sound_parser_breaks_nothing() -> None:
    assert seen(lambda data: Text.parse(data, "x.md"), kept) == ""


@pytest.mark.parametrize(
    ("parse", "said"),
    [
        (lambda data: 1 // (b"x" not in data), "ZeroDivisionError"),
        (refusing("x.md"), "refused without a line: 'x.md'"),
        (refusing("x.md:0"), "refused without a line"),
        (refusing("x.md:99"), "refused with line 99, of"),
        (refusing("x.md:1", hint=""), "refused without a hint"),
        (refusing("x.md:1", message="no" * 1_000), "a refusal of 2008 characters"),
        (refusing("x.md:1", hint="no" * 1_000), "with a hint of 2000"),
    ],
)
def test_a_broken_promise_is_seen(parse: Callable[[bytes], Any], said: str) -> None:
    assert said in seen(parse)


def test_a_byte_that_is_lost_is_seen_and_the_document_made_small() -> None:
    def parse(data: bytes) -> Text:
        return Text.parse(data.replace(b"x", b"y"), "x.md")

    said = seen(parse, kept)
    assert "AssertionError in kept: assert parsed.render() == data" in said
    assert "\n  b'x'\n" in said


def test_a_parser_that_hangs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "PATIENCE", 0.05)
    assert "no answer within 0.05 s" in seen(hanging)


def test_a_document_has_its_number_whatever_was_thrown_before(tmp_path: Path) -> None:
    one, other = (parsers(tmp_path)["todo"].generator for _ in range(2))
    late = one.document(1, 40)
    assert [other.document(1, number) for number in range(50)][40] == late
    assert one.document(2, 40) != late


def test_what_breeds_by_coverage_has_not_imported_the_program_before_it_looks() -> None:
    code = "import sys, fuzz.__main__; sys.exit('orchestrator' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True)
