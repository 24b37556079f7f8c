"""What the program writes about an agent's words into a person's papers: every page can be read again."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fuzz import words
from fuzz.parsers import Parser
from orchestrator import plan
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.result import Result, Status
from orchestrator.documents.state import State
from orchestrator.documents.todo import Mark, Todo
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.plaintext import one_line, safe_text
from orchestrator.plan import Standing
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.steps.chapter import Chapter, Happened, Page, write
from orchestrator.steps.results import result_document
from orchestrator.steps.standing import CHECKPOINTS, STATE, TODO, phases_in

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_TRIES = 8


def page(parsers: Mapping[str, Parser], seed: int, number: int) -> str:
    """Write what a landing says into papers of that number; return what is wrong with it, "" also where it is refused."""
    chance = random.Random(f"{seed}/papers/{number}")  # noqa: S311 - the same papers every time
    said = words.texts(seed, number, 3)
    state = _taken(parsers["state"], seed, number, lambda data: State.parse(data, STATE))
    todo = _taken(parsers["plan"], seed, number, lambda data: _planned(data, state)) if state else None
    if not todo:
        return ""
    made = plan.build(todo, {}, phases_in(state))
    task = chance.choice([task.id for task in todo.tasks if task.mark is Mark.OPEN])
    chapter = Chapter(made, todo, state, Standing(), {}, _WHEN, "w", blocked={task: one_line(said[0])}, number=7)
    happened = Happened(task, f"{said[1]} landed", landed=task, files=[one_line(said[2])], decisions=said)
    try:
        written, first = write(chapter, happened)
        _, second = write(written, Happened("end", "the end", why="end of session"))
    except DocumentError:
        return ""
    return _unreadable(first) or _unreadable(second) or _untrue(todo, first, task)


def _taken(parser: Parser, seed: int, number: int, parse: Callable[[bytes], Any]) -> Any:
    """Return the first of eight documents that can be taken, None where none can."""
    for place in range(_TRIES):
        try:
            return parse(parser.generator.document(seed, number * _TRIES + place))
        except DocumentError:
            continue
    return None


def _planned(data: bytes, state: State) -> Todo:
    """Return a list of tasks that makes a plan with something to do."""
    todo = Todo.parse(data, TODO)
    plan.build(todo, {}, phases_in(state))
    if not any(task.mark is Mark.OPEN for task in todo.tasks):
        raise DocumentError(TODO, 1, "nothing to do", hint="")
    return todo


def _unreadable(page: Page) -> str:
    readers = {TODO: Todo.parse, STATE: State.parse, CHECKPOINTS: Checkpoint.parse}
    for path, data in page.files.items():
        read = next(reader for start, reader in readers.items() if path.startswith(start))
        try:
            read(data or b"", path)
        except DocumentError as error:
            return f"{error}\n{data!r}"
    return ""


def _untrue(before: Todo, page: Page, task: str) -> str:
    """Return what the list of tasks says other than that this one is done."""
    after = Todo.parse(page.files.get(TODO) or b"", TODO)
    marks = {each.id: each.mark for each in after.tasks}
    wanted = {each.id: Mark.DONE if each.id == task else each.mark for each in before.tasks}
    return "" if marks == wanted else f"{wanted} became {marks}"


def answer(seed: int, number: int) -> str:
    """Write the result document of a task with such words; return what is wrong with it."""
    chance = random.Random(f"{seed}/answers/{number}")  # noqa: S311 - the same answers every time
    said = words.texts(seed, number, 4)
    task = Todo.parse(b"- [ ] a: do a\n").tasks[0]._replace(title=one_line(said[0]) or "a")
    attempts = [_attempt(place, text, chance) for place, text in enumerate(said, 1)]
    told = _told(said[3])
    status = chance.choice(list(Status))
    data = result_document(
        task, status, attempts, told, files=[one_line(said[1])], last_words=safe_text(said[2]), verified="clean: true"
    )
    try:
        read = Result.parse(data, "a.result.md")
    except DocumentError as error:
        return f"{error}\n{data!r}"
    seen = (read.status, len(read.attempts), [row.number for row in read.attempts])
    return "" if seen == (status, 4, [1, 2, 3, 4]) else f"{seen} in {data!r}"


def _told(text: str) -> Result | None:
    try:
        return Result.parse(f"## Result: x\n\n**Status**: Complete\n**Decisions**: {text}\n".encode(), "r.md")
    except DocumentError:
        return None


def _attempt(number: int, text: str, chance: random.Random) -> Attempt:
    failure = chance.choice((None, *Failure))
    fate = chance.choice(list(Fate))
    return Attempt("a", number, "0" * 40, "0" * 40, "0" * 40, text, fate, failure, 1.5, safe_text(text), b"", _WHEN)
