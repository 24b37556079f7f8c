"""What a benchmark found: a table for people, JSON for machines, and on which machine it was."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

Cell = str | int | float | None


@dataclass
class Report:
    """The rows of one benchmark.

    Attributes:
        title: what was measured, in one line.
        columns: the names of the cells, in order; the key of each in the JSON too.
        rows: one mapping per row; a missing cell stays empty.
        notes: sentences a reader needs to judge the figures.
        series: figures over time, for the JSON alone.
    """

    title: str
    columns: Sequence[str]
    rows: list[Mapping[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)

    def row(self, **cells: Cell) -> None:
        """Add a row; the keyword `a_b` fills the column `a b`."""
        self.rows.append({name.replace("_", " "): value for name, value in cells.items()})

    def text(self) -> str:
        """Return the table, aligned, with its notes below."""
        cells = [[_shown(row.get(name)) for name in self.columns] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        lines = [_line(row, widths) for row in [list(self.columns), ["-" * width for width in widths], *cells]]
        return "\n".join([f"## {self.title}", "", *lines, "", *(f"- {note}" for note in self.notes)])

    def json(self, machine: Mapping[str, Cell]) -> str:
        """Return everything, the series included."""
        facts = {"title": self.title, "machine": machine, "rows": self.rows, "notes": self.notes, "series": self.series}
        return json.dumps(facts, indent=1, ensure_ascii=False)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]) + " |"


def _shown(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value


def ratio(ours: float, theirs: float) -> float | None:
    """Return how long ours takes when theirs takes 1."""
    return ours / theirs if theirs else None


def machine(folder: Path) -> dict[str, Cell]:
    """Return what a figure depends on: versions, processors, load, and the file system the repositories were on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "git": subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()[-1],
        "processors": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 2),
        "file system": _file_system(folder.resolve()),
        "program": _program(),
    }


def _file_system(folder: Path) -> str:
    mounted = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(mounted, key=lambda part: len(part.mountpoint)).fstype if mounted else "unknown"


def _program() -> str:
    """Return which program was measured: the commit of this checkout, marked where files differ from it."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "no checkout"
