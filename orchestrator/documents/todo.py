"""TODO.md: the tasks as checkboxes under headings, and the edits a leader makes to them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Final, NamedTuple

from orchestrator.documents import checkbox, edits, fields, source, task_id
from orchestrator.documents.blocks import fold
from orchestrator.documents.checkbox import Checkbox, Mark
from orchestrator.documents.codec import Section, Text
from orchestrator.documents.scan import Heading, Item
from orchestrator.documents.source import one_line, shown

__all__ = ["Mark", "Task", "Todo"]


class Task(NamedTuple):
    """One top-level checkbox. `headings` are those it stands under, outermost first, without the document's title."""

    id: str
    title: str
    headings: tuple[str, ...]
    after: tuple[str, ...]
    mark: Mark
    line: int
    column: int


@dataclass(frozen=True)
class Todo:
    """The document and its tasks, in order."""

    text: Text
    tasks: tuple[Task, ...]

    @classmethod
    def parse(cls, data: bytes, path: str = "TODO.md") -> "Todo":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        bom, whole = source.decode(data, path)
        text = Text(path, bom, whole)
        tasks = plain_tasks(whole)
        if tasks is None:
            return cls.of(Text.of(bom, whole, path))
        # Plain ids are in small letters, and no plain title ends in a bracket: there is no slip to look for.
        made = cls(text, tasks)
        _refuse_twins(text, tasks, made.by_id)
        return made

    @classmethod
    def of(cls, text: Text) -> "Todo":
        """The tasks of a document."""
        tasks = tuple(_tasks(text))
        made = cls(text, tasks)
        _refuse_twins(text, tasks, made.places)
        _refuse_slips(text, tasks, made.places)
        return made

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The tasks' ids, in order."""
        return tuple([task.id for task in self.tasks])

    @cached_property
    def by_id(self) -> Mapping[str, Task]:
        """The tasks by their ids, in order."""
        return dict(zip(self.ids, self.tasks, strict=True))

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each task stands among them, by its id in small letters."""
        return {name.casefold(): place for place, name in enumerate(self.ids)}

    @cached_property
    def ticked(self) -> frozenset[str]:
        """The ids of the tasks marked as done."""
        done = Mark.DONE
        return frozenset([task.id for task in self.tasks if task.mark is done])

    def render(self) -> bytes:
        """The bytes, unchanged but for the edits."""
        return self.text.render()

    def task(self, name: str) -> Task | None:
        """The task of that id, in any case."""
        place = self.places.get(name.casefold())
        return None if place is None else self.tasks[place]

    def mark(self, ids: Iterable[str], mark: Mark) -> "Todo":
        """These tasks with that mark: one byte changes per line, none where the mark stands already."""
        places = [place for name in ids if (place := self.places.get(name.casefold())) is not None]
        changed = [place for place in places if self.tasks[place].mark is not mark]
        if not changed:
            return self
        tasks = list(self.tasks)
        for place in changed:
            tasks[place] = tasks[place]._replace(mark=mark)
        lines = {self.tasks[place].line: self._marked(self.tasks[place], mark) for place in changed}
        made = Todo(edits.overwrite(self.text, lines), tuple(tasks))
        vars(made).update(ids=self.ids, places=self.places)
        return made

    def drop(self, ids: Iterable[str]) -> "Todo":
        """These tasks marked `[-]`: not to be done, and still on the list."""
        return self.mark(ids, Mark.DROPPED)

    def add(self, name: str, title: str, heading: str, after: Sequence[str] = ()) -> "Todo":
        """One more open task below a heading; the heading is made at the end when it is missing."""
        label = f"{name}: {one_line(title)}" + (f" (after: {', '.join(after)})" if after else "")
        section = self._section(heading)
        if section:
            line = f"{self._bullet(section)}[ ] {label}"
            todo = Todo.of(edits.append_lines(self.text, section, [line]))
        else:
            todo = Todo.of(edits.append_section(self.text, f"## {one_line(heading)}", ["", f"- [ ] {label}"]))
        self._refuse_garbled(todo.task(name), title, tuple(after))
        return todo

    def _marked(self, task: Task, mark: Mark) -> str:
        line = self.text.line(task.line)
        return line[: task.column] + mark.value + line[task.column + 1 :]

    def _section(self, heading: str) -> Section | None:
        """The lines directly below a heading, up to the next one of any level."""
        headings = self.text.scan.headings
        stops = [*(other.line for other in headings), self.text.count + 1]
        if not heading:
            return Section(Heading(0, 0, "", ""), 1, stops[0])
        found = [n for n, other in enumerate(headings) if other.name == fold(heading)]
        return Section(headings[found[-1]], headings[found[-1]].line + 1, stops[found[-1] + 1]) if found else None

    def _bullet(self, section: Section) -> str:
        """The indent, marker and space of the section's last item, counted on when it is numbered."""
        items = self.text.items(section)
        if not items:
            return "- "
        line, item = self.text.line(items[-1].line), items[-1]
        lead, marker = line[: item.start].split(item.marker, 1)
        if item.marker[:-1].isdigit():
            return f"{lead}{int(item.marker[:-1]) + 1}{item.marker[-1]}{marker}"
        return f"{lead}{item.marker}{marker}"

    def _refuse_garbled(self, task: Task | None, title: str, after: tuple[str, ...]) -> None:
        if task is None or task.title != one_line(title) or task.after != after:
            raise self.text.error(
                self.text.count,
                f"`{shown(title)}` cannot be added as a task: it would be read as something else",
                hint=f"leave out trailing notes in brackets; {task_id.RULE}",
            )


_MARKS: Final = {" ": Mark.OPEN, "x": Mark.DONE, "X": Mark.DONE, "-": Mark.DROPPED}
_LINES: Final = re.compile(
    r"(?m)^(?:- \[([ xX-])\] ([a-z0-9][a-z0-9_-]{0,63}): ([^\s<](?:[^<\n]*[^\s<>)])?)|(.*))$"  # a plain task, or not
)
_FIRST: Final = itemgetter(0)
_PROSE: Final = re.compile(r"(?:[A-Za-z(][^<]*)?")
_SLIP: Final = re.compile(r"\((?:after|needs|depends on)[ \t]+([^():]+)\)\Z", re.IGNORECASE)
_HEADING: Final = re.compile(r"(#{1,6}) ([^#\s<](?:[^#<]*[^#\s<])?)")


def plain_tasks(whole: str) -> tuple[Task, ...] | None:
    """Return the tasks of a document in which every line is plain; None where one is not, and the scanner is needed.

    Plain are headings, paragraphs, blank lines and `- [ ] id: title` without anything behind the title: what a long
    list mostly is. Of ten thousand lines this takes a ninth of what the scanner does.
    """
    rows = _LINES.findall(whole)
    others = [(number, rows[number - 1][3]) for number in _places([*map(_FIRST, rows)], "")]
    found = {number: match for number, line in others if (match := _HEADING.fullmatch(line))}
    if not all(_PROSE.fullmatch(line) for number, line in others if number not in found):
        return None
    headings = [Heading(number, len(match[1]), match[2], fold(match[2])) for number, match in found.items()]
    above = [(1, ()), *_above(headings, [heading.line + 1 for heading in headings])]
    tasks: list[Task] = []
    new, marks = tuple.__new__, _MARKS
    for (start, names), stop in zip(above, [*found, len(rows)], strict=True):
        # What `Task(...)` does, in half of the time.
        tasks += [
            new(Task, (name, title, names, (), marks[mark], number, 3))
            for number, (mark, name, title, _) in enumerate(rows[start - 1 : stop], start)
            if mark
        ]
    return tuple(tasks)


def _places(values: Sequence[str], wanted: str) -> Iterator[int]:
    """Yield where `wanted` stands among `values`, counted from 1: where it is rare, sooner than to look at each."""
    place = 0
    for _ in range(values.count(wanted)):
        place = values.index(wanted, place) + 1
        yield place


def _above(headings: Sequence[Heading], lines: Iterable[int]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each of `lines` with the headings it stands under, outermost first, without the document's title."""
    ahead = iter(headings)
    following = next(ahead, None)
    title = _naming(headings)
    above: tuple[Heading, ...] = ()
    names: tuple[str, ...] = ()
    for line in lines:
        while following and following.line < line:
            level = following.level
            above = (*(outer for outer in above if outer.level < level), following)
            names = tuple(heading.text for heading in above if heading != title)
            following = next(ahead, None)
        yield line, names


def _tasks(text: Text) -> Iterator[Task]:
    boxes = [(item, box) for item in text.scan.items if not item.depth and (box := checkbox.read(text, item))]
    above = dict(_above(text.scan.headings, [item.line for item, _ in boxes]))
    for item, box in boxes:
        yield _task(text, item, above[item.line], box)


def _naming(headings: Sequence[Heading]) -> Heading | None:
    """The heading that names the whole document: a title that is not one of several of its level."""
    alone = [heading.level for heading in headings].count(1) < 2  # noqa: PLR2004 - one is unique
    return fields.title(headings) if alone else None


def _task(text: Text, item: Item, headings: tuple[str, ...], box: Checkbox) -> Task:
    name, title = task_id.split(box.words)
    if not box.words:
        raise text.error(item.line, "a task without a title", hint="write `- [ ] id: title`")
    if name and not task_id.valid(name):
        raise text.error(item.line, f"`{shown(name)}` cannot be an id", hint=task_id.RULE)
    name = name or task_id.slug(title)
    if not name:
        raise text.error(
            item.line, f"no id can be made from the title `{shown(title)}`", hint="write `- [ ] id: title`"
        )
    return Task(name, title or name, headings, box.after, box.mark, item.line, box.column)


def _refuse_slips(text: Text, tasks: Iterable[Task], places: Mapping[str, int]) -> None:
    """Refuse `(after x)` where x is a task: without its colon it would be no dependency, but part of the title."""
    for task in [task for task in tasks if task.title.endswith(")")]:
        slip = _SLIP.search(task.title)
        names = [name.strip("` ") for name in slip[1].split(",")] if slip else []
        if names and all(name.casefold() in places for name in names):
            raise text.error(
                task.line,
                f"`{shown(task.title)}` ends in what looks like a dependency and is none",
                hint=f"write `(after: {', '.join(names)})`, with a colon",
            )


def _refuse_twins(text: Text, tasks: Collection[Task], names: Iterable[str]) -> None:
    """Refuse two tasks of one id; `names` are all ids, which are one where they differ only in capitals."""
    if len(set(names)) == len(tasks):
        return
    seen: dict[str, Task] = {}
    for task in tasks:
        first = seen.setdefault(task.id.casefold(), task)
        if first is not task:
            raise text.error(
                task.line,
                f"the id `{task.id}` is taken (line {first.line})",
                hint="write an id of its own before the title: `- [ ] id: title`",
            )
