"""Edits of accepted documents: what was asked for stands there, all else is byte for byte what it was."""

import random
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any

from fuzz.vocabulary import MARKDOWN, ODD, TODO
from orchestrator.documents.codec import Text
from orchestrator.documents.state import PhaseRow, PhaseStatus, Progress, State
from orchestrator.documents.todo import Mark, Todo
from orchestrator.errors import DocumentError

_TITLES = ("a title", "x (after: y)", "---", "- -", "`k`: v", "[ ] box", "<!-- c", "```", "| a |", "**b**: c", "")


def todo(parsed: Todo, before: bytes) -> None:
    """Mark and add; every task that was there is still the same."""
    chance = random.Random(len(before))  # noqa: S311 - the same edits every time
    ids = [task.id for task in parsed.tasks]
    for mark in Mark:
        marked = parsed.mark(ids, mark)
        assert marked.tasks == Todo.parse(marked.render(), "x.md").tasks
        assert marked.text.scan == Text.parse(marked.render(), "x.md").scan
        assert [task.mark for task in marked.tasks] == [mark] * len(ids)
        assert marked.mark(ids, mark).render() == marked.render()
        _only_changes(before, marked.render(), {task.line for task in parsed.tasks})
    if not parsed.task("fuzz-added"):
        headings = ("", "New", *(task.headings[-1] for task in parsed.tasks if task.headings))
        added = _asked(lambda: parsed.add("fuzz-added", _words(chance), chance.choice(headings), ids[:2]))
        if added:
            assert [task.id for task in added.tasks if task.id != "fuzz-added"] == ids
            assert added.tasks == Todo.parse(added.render(), "x.md").tasks
            _only_adds(before, added.render())


def state(parsed: State, before: bytes) -> None:
    """Every edit, each on the untouched document: the second time it changes nothing more."""
    chance = random.Random(len(before))  # noqa: S311 - the same edits every time
    row = PhaseRow("Testing", PhaseStatus.COMPLETE, "09:00", "10:00")
    title = f"b: {_title(chance)}"
    items = [Progress("one", done=True, commit="abc"), Progress(title, done=False, current=True)]
    edits: list[Callable[[State], State]] = [
        lambda old: old.with_field("Current phase", "TESTING"),
        lambda old: old.with_field("Fuzz", "new"),
        lambda old: old.with_phase_rows([row]),
        lambda old: old.with_progress(items, lambda item: item.title.partition(":")[0] in {"one", "a", "b"}),
        lambda old: old.with_blocking({"key": _words(random.Random(1))}, lambda _: True),  # noqa: S311
        lambda old: old.with_blocking({}, lambda _: True),
    ]
    for edit in edits:
        _twice(parsed, edit)
    added = _asked(lambda: parsed.with_decisions([f"09:15: {_words(chance)}"], lambda _words: False, 1))
    if added:
        _read_alike(added)
        assert len(added.decisions) == len(parsed.decisions) + 1
        _only_adds(before, added.render())
    trimmed = _asked(lambda: parsed.with_decisions(["09:16: one", "09:17: two"], lambda _words: True, 1))
    if trimmed:
        _read_alike(trimmed)


def _twice(parsed: State, edit: Callable[[State], State]) -> None:
    once = _asked(lambda: edit(parsed))
    if once:
        _read_alike(once)
        assert edit(once).render() == once.render()


def _read_alike(made: State) -> None:
    """What an edit gives says the same as its bytes do when they are read anew."""
    anew = State.parse(made.render(), "x.md")
    for name in ("phase", "workflow", "started", "last_checkpoint", "phases", "progress", "blocking", "decisions"):
        assert getattr(made, name) == getattr(anew, name), name
    assert made.text.scan == anew.text.scan


def _asked(edit: Callable[[], Any]) -> Any:
    """Return what an edit gives, None where it is refused: then with the line and what to do."""
    try:
        return edit()
    except DocumentError as error:
        refusal = error
    assert refusal.line >= 1
    assert refusal.hint
    return None


def _words(chance: random.Random) -> str:
    made = chance.choice((*_TITLES, *MARKDOWN, *TODO)) + chance.choice(("", "", *ODD))
    return made if chance.random() < 0.7 else f"some {made}"


def _title(chance: random.Random) -> str:
    """Return a title as a task list can hold it."""
    try:
        return Todo.parse(f"- [ ] b: {_words(chance)}".encode()).tasks[0].title
    except DocumentError:
        return "two"


def _only_changes(before: bytes, after: bytes, lines: set[int]) -> None:
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=True)
    assert {number for number, (old, new) in enumerate(pairs, 1) if old != new} <= lines


def _only_adds(before: bytes, after: bytes) -> None:
    """Every old line is still there, in order; a last line without an end may have got the document's."""
    rest = iter(after.removeprefix(BOM_UTF8).split(b"\n"))
    *lines, last = before.removeprefix(BOM_UTF8).split(b"\n")
    assert all(line in rest for line in lines)
    assert not last or any(line in {last, last + b"\r"} for line in rest)
