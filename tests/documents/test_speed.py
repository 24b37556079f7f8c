"""A file of 1 MiB answers soon, whatever is in it. The bound is generous: it catches what is not linear."""

import time
from collections.abc import Callable

import pytest

from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Mark, Todo
from orchestrator.errors import DocumentError

SIZE = 1 << 20
SECONDS = 1.0
PARSERS = [Todo.parse, State.parse, Spec.parse, Result.parse, Checkpoint.parse]


def fill(unit: str, head: str = "") -> bytes:
    return (
        (head + unit * min(49_000 // unit.count("\n"), SIZE // len(unit)))
        .encode()[:SIZE]
        .decode(errors="ignore")
        .encode()
    )


def run(unit: str) -> bytes:
    return (unit * SIZE).encode()[:SIZE].decode(errors="ignore").encode()


ADVERSARIES = {
    "text": fill("some words on a line\n"),
    "items": fill("- [ ] some words xx\n"),
    "headings": fill("## heading\n"),
    "one name": fill("## Goal\n"),
    "markers": fill("- " * 5_000 + "a\n"),
    "one line of markers": b"- [ ] a" + run("* - ")[: SIZE - 7],
    "spaces": b"# a" + b" " * (SIZE - 4) + b"#",
    "annotations": b"- [ ] a: " + run("(after: b)")[: SIZE - 9],
    "comments": run("<!--"),
    "arrows": b"- [ ] a" + run("<--")[: SIZE - 7],
    "accents": b"- [ ] " + run("\u00e9")[: SIZE - 6],
    "stairs": "".join(" " * 2 * step + "- a\n" for step in range(700)).encode()
    + fill("lazy line\n")[:400_000],
    "fields": fill("**a**: b\n"),
    "bold": b"**" + run("a")[2:],
    "table": fill("| a | b |\n", "**Current phase**: A\n## Phase Status\n| Phase | Status |\n|---|---|\n"),
    "cells": b"**Current phase**: A\n## Phase Status\n" + run("|")[:SIZE - 60],
    "files": fill("- a (b)\n", "## Goal\ng\n## Files to Modify\n"),
    "result": fill("- a words\n  b words\n", "## Result: x\n**Status**: Complete\n**Issues**:\n"),
    "conflicts": run("<"),
    "keys": b"---\n" + "".join(f"k{number}: v\n" for number in range(6_000)).encode() + b"---\n",
    "flow": b"---\na: " + b"[" * 65_000 + b"\n---\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ADVERSARIES)
def test_no_adversary_is_refused_for_its_size_alone(name: str) -> None:
    assert len(ADVERSARIES[name]) <= SIZE
    assert ADVERSARIES[name].count(b"\n") <= 50_000


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__self__.__name__)
@pytest.mark.parametrize("name", ADVERSARIES)
def test_a_mebibyte_answers_whatever_is_in_it(name: str, parse: Callable[[bytes, str], object]) -> None:
    started = time.perf_counter()
    try:
        parse(ADVERSARIES[name], "x.md")
    except DocumentError as error:
        assert len(error.message) < 300  # noqa: PT017 - an answer and a refusal are both in time
    assert time.perf_counter() - started < SECONDS


def test_ten_thousand_items_are_read_and_marked() -> None:
    source = "".join(f"- [ ] t{number}: words (after: t{number - 1})\n" for number in range(10_000)).encode()
    started = time.perf_counter()
    marked = Todo.parse(source).mark([f"t{number}" for number in range(10_000)], Mark.DONE)
    assert time.perf_counter() - started < SECONDS
    assert marked.render() == source.replace(b"[ ]", b"[x]")
