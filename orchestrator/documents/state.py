"""workflow-state.md: the current phase, the phase table, progress, what blocks, and the decisions log."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from orchestrator.documents import edits, table
from orchestrator.documents.blocking import Blocking
from orchestrator.documents.blocking import read as read_blocking
from orchestrator.documents.blocking import write as write_blocking
from orchestrator.documents.blocks import fold
from orchestrator.documents.codec import Text
from orchestrator.documents.progress import Progress
from orchestrator.documents.progress import read as read_progress
from orchestrator.documents.progress import write as write_progress
from orchestrator.documents.source import one_line, shown

__all__ = ["Blocking", "PhaseRow", "PhaseStatus", "Progress", "State"]

_COLUMNS: Final = ("Phase", "Status", "Entered", "Completed")


class PhaseStatus(StrEnum):
    """Where a phase stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    BLOCKED = "BLOCKED"


class PhaseRow(NamedTuple):
    """One row of the phase table."""

    name: str
    status: PhaseStatus
    entered: str = "--"
    completed: str = "--"
    line: int = 0

    def cells(self) -> dict[str, str]:
        """The row by column."""
        return dict(zip(map(fold, _COLUMNS), (self.name, self.status.value, self.entered, self.completed), strict=True))


@dataclass(frozen=True)
class State:
    """The document; each edit gives a new one and leaves all other bytes alone. What it says is read when asked for."""

    text: Text

    @classmethod
    def parse(cls, data: bytes, path: str = "workflow-state.md") -> "State":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        state = cls(Text.parse(data, path))
        for name in ("phase", "workflow", "started", "last_checkpoint", "phases", "progress", "blocking", "decisions"):
            getattr(state, name)
        return state

    @cached_property
    def phase(self) -> str:
        """The phase it names."""
        return _phase(self.text)

    @cached_property
    def workflow(self) -> str:
        """The workflow's name, "" when absent."""
        return self.text.word("Workflow")

    @cached_property
    def started(self) -> str:
        """When the work started, as it stands there."""
        return self.text.word("Started")

    @cached_property
    def last_checkpoint(self) -> str:
        """When the last checkpoint was written, as it stands there."""
        return self.text.word("Last checkpoint")

    @cached_property
    def phases(self) -> tuple[PhaseRow, ...]:
        """The phase table."""
        return tuple(_rows(self.text))

    @cached_property
    def progress(self) -> tuple[Progress, ...]:
        """The items under progress."""
        return read_progress(self.text)

    @cached_property
    def blocking(self) -> tuple[Blocking, ...]:
        """The blocking issues."""
        return read_blocking(self.text)

    @cached_property
    def decisions(self) -> tuple[str, ...]:
        """The decisions log."""
        return self.text.entries("Decisions Log")

    def render(self) -> bytes:
        """The bytes, unchanged but for the edits."""
        return self.text.render()

    def _with(self, text: Text) -> "State":
        return self if text is self.text else State(text)

    def with_field(self, key: str, value: str) -> "State":
        """The field with that value, in place; behind the last one when it is new."""
        return self._with(edits.set_field(self.text, key, value))

    def with_phase_rows(self, rows: Sequence[PhaseRow]) -> "State":
        """Known phases changed cell by cell, others appended to the table."""
        text = self.text
        for row in rows:
            text = _with_row(text, row)
        return self._with(text)

    def with_progress(self, items: Sequence[Progress], ours: Callable[[Progress], bool]) -> "State":
        """The program's own items (`ours` says which) replaced by these; a person's lines stay."""
        return self._with(write_progress(self.text, items, ours))

    def with_blocking(self, entries: Mapping[str, str], ours: Callable[[Blocking], bool]) -> "State":
        """The program's own entries (`ours` says which) replaced by these; a person's lines stay."""
        return self._with(write_blocking(self.text, entries, ours))

    def with_decisions(self, lines: Sequence[str], ours: Callable[[str], bool], keep: int) -> "State":
        """More decisions at the end of the log; of the program's own (`ours` says which) only the last `keep` stay."""
        fresh = [f"- {one_line(line)}" for line in lines]
        section = self.text.section("Decisions Log")
        if section is None:
            return self._with(edits.append_section(self.text, "## Decisions Log", fresh)) if fresh else self
        items = self.text.items(section)
        if not items:
            return self._with(edits.append_lines(self.text, section, fresh)) if fresh else self
        held = [item.line for item in items if ours(self.text.content(item))]
        surplus = held[: max(0, len(held) + len(fresh) - keep)]
        end = edits.end_of_item(self.text, items[-1].line) + 1
        return self._with(edits.splice_all(self.text, [*((line, line + 1, []) for line in surplus), (end, end, fresh)]))


def _phase(text: Text) -> str:
    phase = text.word("Current phase")
    if not phase:
        line = text.title.line if text.title else 1
        raise text.error(line, "`**Current phase**` is missing", hint="add a line `**Current phase**: PLANNING`")
    return phase


def _rows(text: Text) -> Iterator[PhaseRow]:
    found = table.read(text, text.section("Phase Status"))
    if found and not {"phase", "status"} <= set(found.columns):
        raise text.error(
            found.line,
            "the phase table has no columns `Phase` and `Status`",
            hint=f"start it with the line: | {' | '.join(_COLUMNS)} |",
        )
    for row in found.rows if found else ():
        yield PhaseRow(row.cell("phase"), _status(text, row), row.cell("entered"), row.cell("completed"), row.line)


def _status(text: Text, row: table.Row) -> PhaseStatus:
    word = row.cell("status")
    try:
        return PhaseStatus(fold(word).replace(" ", "_").replace("-", "_").upper())
    except ValueError:
        raise text.error(
            row.line,
            f"the phase status `{shown(word)}` is unknown",
            hint=f"write one of: {', '.join(PhaseStatus)}",
        ) from None


def _with_row(text: Text, row: PhaseRow) -> Text:
    section = text.section("Phase Status")
    found = table.read(text, section)
    head = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    fresh = table.row(row.cells(), tuple(map(fold, _COLUMNS)))
    if section is None:
        return edits.append_section(text, "## Phase Status", [*head, fresh])
    if found is None:
        return edits.append_lines(text, section, [*head, fresh])
    for known in found.rows:
        if fold(known.cell("phase")) == fold(row.name):
            changes = {column: value for column, value in row.cells().items() if column != "phase"}
            return table.change(text, found, known.line, changes)
    return edits.insert(text, found.last, [table.row(row.cells(), found.columns)])
