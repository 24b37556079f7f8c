"""The largest and worst documents are answered at all; how soon is measured by `python -m fuzz measure`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fuzz import measure
from fuzz.__main__ import main
from fuzz.adversaries import SIZE, adversaries
from fuzz.campaign import fault
from fuzz.generator import Generator
from fuzz.parsers import NAMES, Parser, parsers

_SMALL = 1 << 16
_BREED = int(os.environ.get("FUZZ_BREED", "0"))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_taken_or_refused(name: str, tmp_path: Path) -> None:
    parser = parsers(tmp_path)[name]
    parser = Parser(parser.generator, parser.parse, lambda _parsed, _data: None)
    said = {document: fault(parser, data) for document, data in adversaries(name, _SMALL).items()}
    assert {document: wrong for document, wrong in said.items() if wrong} == {}


@pytest.mark.parametrize("name", ["text", "spec", "result", "checkpoint", "todo", "plan", "state"])
def test_none_is_refused_for_its_size_alone(name: str) -> None:
    made = adversaries(name)
    assert all(len(data) <= SIZE and data.count(b"\n") <= 50_000 for data in made.values())


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("FUZZ_DOCUMENTS"), reason="a benchmark: FUZZ_DOCUMENTS=100000 runs it, too")
def test_a_mebibyte_of_anything_stays_within_its_limits(tmp_path: Path) -> None:
    found = list(measure.costs(parsers(tmp_path)))
    assert [cost for cost in found if cost.too_much] == [], measure.report(found).text()


def planted(parse: object) -> dict[str, Parser]:
    return {"conventions": Parser(Generator("conventions", (), []), parse, lambda _parsed, _data: None)}


def test_what_takes_too_long_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SECONDS", 0.02)
    found = list(measure.costs(planted(lambda _data: _spin(0.03))))
    assert [cost.too_much for cost in found] == [True] * 3
    assert [cost.too_much for cost in measure.costs(planted(len))] == [False] * 3


def _spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory a process had at the most")
def test_what_takes_too_much_memory_is_seen() -> None:
    found = list(measure.costs(planted(lambda _data: len(b"x" * (110 << 20)))))
    assert [cost.too_much for cost in found] == [True] * 3
    assert all(109 < cost.mib < 150 for cost in found)


def test_a_parser_that_ends_the_process_is_seen() -> None:
    found = list(measure.costs(planted(lambda _data: os._exit(1))))
    assert {cost.answer for cost in found} == {"it ended without an answer"}


def test_the_command_says_it_to_people_and_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.parsers.parsers", lambda _folder: planted(len))
    target = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["measure", "--json", str(target)], catch_exceptions=False)
    assert "| conventions | " in done.output
    assert "over a limit: 0 of 3" in done.output
    assert len(json.loads(target.read_text())["series"]["costs"]) == 3


@pytest.mark.slow
@pytest.mark.skipif(not _BREED, reason="FUZZ_BREED=60 breeds documents for each parser for that many seconds")
@pytest.mark.parametrize("name", NAMES)
def test_bred_documents_break_nothing(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="pip install atheris: not for every Python and system")
    argv = [sys.executable, "-m", "fuzz", "breed", name, "--seconds", str(_BREED), "--folder", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "number_of_executed_units" in done.stderr
