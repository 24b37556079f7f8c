"""Markdown tables: cells by column name, and a cell changed in place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.documents import edits
from orchestrator.documents.blocks import fold
from orchestrator.documents.codec import Section, Text
from orchestrator.documents.scan import MAX_PARTS, Kind
from orchestrator.documents.source import one_line

_PIPE: Final = re.compile(r"(?<!\\)\|")
_RULE: Final = frozenset(" \t|:-")


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the header."""

    line: int
    cells: Mapping[str, str]

    def cell(self, column: str) -> str:
        """The cell below that header (folded), "" where there is none."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """The first table of a section; `last` is its last line."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    line: int
    last: int


def read(text: Text, section: Section | None) -> Table | None:
    """The section's first table."""
    lines = list(_lines(text, section)) if section else []
    if not lines:
        return None
    header = tuple(fold(cell) for cell in cells(text.line(lines[0])))
    below = [number for number in lines[1:] if not _is_rule(text.line(number))]
    if len(below) > MAX_PARTS:
        raise text.error(below[MAX_PARTS], f"more than {MAX_PARTS:,} table rows", hint="split the table")
    rows = tuple(Row(number, dict(zip(header, cells(text.line(number)), strict=False))) for number in below)
    return Table(header, rows, lines[0], lines[-1])


def cells(line: str) -> tuple[str, ...]:
    r"""A row's cells; `\|` is a pipe that belongs to the text."""
    inner = line.strip().removeprefix("|")
    parts = _PIPE.split(inner) if "\\" in inner else inner.split("|")
    if parts[-1].strip() == "":
        parts.pop()
    return tuple(part.strip().replace("\\|", "|") for part in parts)


def row(values: Mapping[str, str], columns: tuple[str, ...]) -> str:
    """A new row."""
    return "| " + " | ".join(escape(values.get(column, "--")) for column in columns) + " |"


def escape(value: str) -> str:
    """Any text as the inside of one cell."""
    return one_line(value).replace("\\|", "|").replace("|", "\\|")


def change(text: Text, table: Table, line: int, values: Mapping[str, str]) -> Text:
    """The row with other values in these columns; widths stay wherever the new text fits."""
    old = text.line(line)
    parts = _PIPE.split(old)
    first = int(old.lstrip().startswith("|"))
    for index, column in enumerate(table.columns, first):
        if column in values and index < len(parts) and _plain(parts[index]) != values[column]:
            parts[index] = _padded(parts[index], escape(values[column]))
    return edits.replace(text, {line: "|".join(parts)})


def _plain(part: str) -> str:
    return part.strip().replace("\\|", "|")


def _padded(old: str, value: str) -> str:
    lead = old[: len(old) - len(old.lstrip())] or " "
    return (lead + value + (" " if old[-1:].isspace() else "")).ljust(len(old))


def _lines(text: Text, section: Section) -> Iterator[int]:
    """The consecutive table rows that come first in the section."""
    number = section.start
    while number < section.stop and text.kind(number) is not Kind.TABLE:
        number += 1
    while number < section.stop and text.kind(number) is Kind.TABLE:
        yield number
        number += 1


def _is_rule(line: str) -> bool:
    return "-" in line and set(line) <= _RULE
