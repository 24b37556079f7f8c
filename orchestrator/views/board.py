"""What a live view shows, kept from events: who is at work, how far the plan is, the last checkpoint."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.clock import Clock
from orchestrator.events import Event
from orchestrator.plaintext import one_line
from orchestrator.views.plain_lines import numbered, short


@dataclass
class Row:
    """One attempt at work; `began` and `heard` are monotonic seconds, `logs` is where its output is kept."""

    task: str
    attempt: int
    agent: str
    began: float
    heard: float
    logs: Path


@dataclass(frozen=True)
class Shown:
    """A row at one moment, safe to print; `elapsed` and `quiet` (since its last output) are in seconds."""

    who: str
    agent: str
    elapsed: float
    quiet: float


# What models do while an attempt waits to be landed, as the view calls it.
_BESIDE = {"review.started": "review", "resolve.started": "merge"}
_ENDS = {"review.ended": "review", "resolve.ended": "merge"}


@dataclass
class Board:
    """The state behind the live view; any thread may tell it of events, one draws from it."""

    clock: Clock
    done: int = 0
    total: int = 0
    dead: int = 0
    checkpoint: str = ""
    verifying: str = ""
    began: float = 0.0
    _rows: dict[tuple[str | int, ...], Row] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Start the clock of the run."""
        self.began = self.clock.monotonic()

    def take(self, event: Event) -> None:
        """Keep what `event` changes."""
        key = (event.task, event.attempt)
        with self._lock:
            if event.name == "attempt.started":
                self._rows[key] = self._row(event, event.task)
            elif event.name == "attempt.recorded":
                self._rows.pop(key, None)
            elif event.name in _BESIDE:
                self._rows[_BESIDE[event.name], *key] = self._row(event, f"{_BESIDE[event.name]} {event.task}")
            elif event.name in _ENDS:
                self._rows.pop((_ENDS[event.name], *key), None)
            elif event.name.startswith("agent.") and key in self._rows:
                self._rows[key].heard = self.clock.monotonic()
            else:
                self._count(event)

    def _row(self, event: Event, name: str) -> Row:
        now, facts = self.clock.monotonic(), event.facts
        return Row(name, event.attempt, str(facts.get("agent")), now, now, Path(str(facts.get("logs") or "")))

    def _count(self, event: Event) -> None:
        facts = event.facts
        match event.name:
            case "skipping":
                done, dead, todo = (facts.get(key) or () for key in ("done", "dead", "todo"))
                self.done, self.dead = _size(done), _size(dead)
                self.total = self.done + self.dead + _size(todo)
            case "landed":
                self.done += 1
                self._pin(facts.get("checkpoint"), facts.get("commit"))
            case "dead":
                self.dead += 1
            case "checkpointed":
                self._pin(facts.get("number"), facts.get("commit"))
            case "verify.started":
                self.verifying = short(facts.get("commit"))
            case "verify.ended":
                self.verifying = ""

    def _pin(self, number: object, commit: object) -> None:
        if numbered(number):
            self.checkpoint = f"{numbered(number)} ({short(commit)})"

    def rows(self) -> list[Shown]:
        """Return who is at work now, the longest first."""
        with self._lock:
            rows = sorted(self._rows.values(), key=lambda row: row.began)
        return [self._shown(row) for row in rows]

    def _shown(self, row: Row) -> Shown:
        now = self.clock.monotonic()
        quiet = min([now - row.heard, *_ages(row.logs, self.clock.now().timestamp())])
        return Shown(one_line(f"{row.task}/{row.attempt}", 48), one_line(row.agent, 24), now - row.began, quiet)

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self.clock.monotonic() - self.began


def _size(items: object) -> int:
    return len(items) if isinstance(items, list | tuple) else 0


def _ages(logs: Path, now: float) -> list[float]:
    """Return how long ago each output log was written to; the disk knows it without an event per line."""
    ages = []
    for name in ("stdout.log", "stderr.log"):
        try:
            facts = (logs / name).stat()
        except OSError:
            continue
        if facts.st_size:
            ages.append(max(0.0, now - facts.st_mtime))
    return ages
