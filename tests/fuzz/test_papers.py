"""Whatever agents say and however a person's papers look, what the program writes into them can be read again.

A sample runs always; `FUZZ_DOCUMENTS=100000 python -m pytest tests/fuzz -m slow` writes a hundred thousand pages.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import papers
from fuzz.parsers import parsers

_DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "0"))
_SEED = int(os.environ.get("FUZZ_SEED", "1"))
_PARTS = 4


def faults(folder: Path, numbers: range) -> list[str]:
    known = parsers(folder)
    found = ((number, papers.page(known, _SEED, number) or papers.answer(_SEED, number)) for number in numbers)
    return [f"papers {number}: {fault}" for number, fault in found if fault]


def test_a_sample_of_pages(tmp_path: Path) -> None:
    assert faults(tmp_path, range(150)) == []


@pytest.mark.slow
@pytest.mark.skipif(not _DOCUMENTS, reason="a campaign takes minutes: FUZZ_DOCUMENTS=100000 runs it")
@pytest.mark.parametrize("part", range(_PARTS))
def test_pages(tmp_path: Path, part: int, record_property: Callable[[str, object], None]) -> None:
    numbers = range(part, _DOCUMENTS, _PARTS)
    record_property("pages", len(numbers))
    assert faults(tmp_path, numbers) == []


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("steps.chapter.render.document", lambda *_args: b"nothing\n", "the heading `# Checkpoint: ...` is missing"),
        ("documents.todo.Todo.mark", lambda todo, _ids, _mark: todo, "became"),
    ],
)
def test_a_page_that_is_wrong_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, written: object, said: str
) -> None:
    monkeypatch.setattr(f"orchestrator.{name}", written)
    assert any(said in fault for fault in faults(tmp_path, range(12)))


def test_an_answer_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.steps.results.one_line", lambda text, _limit=0: text)
    assert any(papers.answer(_SEED, number) for number in range(50))
