"""The progress section of workflow-state.md: the program's items among a person's lines."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator.documents import checkbox, edits
from orchestrator.documents.blocks import fold
from orchestrator.documents.checkbox import Mark
from orchestrator.documents.codec import Text
from orchestrator.documents.scan import Item
from orchestrator.documents.source import one_line


class Progress(NamedTuple):
    """One item: its id or title, and how far it is."""

    title: str
    done: bool
    commit: str = ""
    current: bool = False
    line: int = 0


def read(text: Text) -> tuple[Progress, ...]:
    """All items with a checkbox."""
    return tuple(progress for progress, _item in _read(text))


def write(text: Text, items: Sequence[Progress], ours: Callable[[Progress], bool]) -> Text:
    """These items in the places of ours; what is left over follows the last place."""
    section = text.section("*Progress")
    if section is None:
        return edits.append_section(text, "## Progress", [_line(item, "- ") for item in items]) if items else text
    held = [(progress, item) for progress, item in _read(text) if ours(progress)]
    if not held:
        return edits.fill(text, section, [_line(item, "- ") for item in items]) if items else text
    return _replaced(text, items, held)


def _read(text: Text) -> list[tuple[Progress, Item]]:
    found = ((item, checkbox.read(text, item)) for item in text.items(text.section("*Progress")))
    return [
        (Progress(box.words, box.mark is Mark.DONE, box.commit, box.current, item.line), item)
        for item, box in found
        if box
    ]


def _replaced(text: Text, items: Sequence[Progress], held: list[tuple[Progress, Item]]) -> Text:
    """A block is an item and the notes below it: notes follow their item, and stay where it is gone."""
    named = [(fold(one_line(item.title)), item) for item in items]
    wanted = dict(reversed(named))  # of two that are called alike, the first
    blocks = {fold(old.title): _block(text, old, item, wanted.get(fold(old.title))) for old, item in held}
    bullet = text.line(held[0][1].line)[: held[0][1].start]
    fresh = [blocks.get(name) or [_line(item, bullet)] for name, item in named]
    pieces = []
    for place, (old, item) in enumerate(held):
        name = fold(old.title)
        orphans = [] if name in wanted else blocks[name][1:]
        last = place == len(held) - 1
        mine = fresh[place:] if last else fresh[place : place + 1]
        lines = [line for block in mine for line in block]
        stop = edits.end_of_item(text, item.line) + 1
        pieces.append((item.line, stop, [*lines, *orphans]))
    return edits.splice_all(text, pieces)


def _block(text: Text, old: Progress, item: Item, new: Progress | None) -> list[str]:
    """The item's lines; the first is written anew only where it says something else now."""
    stop = edits.end_of_item(text, item.line) + 1
    lines = [text.line(number) for number in range(item.line, stop)]
    if new and (new.done, new.commit, new.current) != (old.done, old.commit, old.current):
        lines[0] = _line(new, lines[0][: item.start])
    return lines


def _line(item: Progress, bullet: str) -> str:
    mark = Mark.DONE if item.done else Mark.OPEN
    commit = f" (committed: {one_line(item.commit)})" if item.commit else ""
    current = "  <-- CURRENT" if item.current else ""
    return f"{bullet}[{mark.value}] {one_line(item.title)}{commit}{current}"
