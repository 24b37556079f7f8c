"""What a live view shows, kept from events: who is at work, how far the plan is, the last checkpoint."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.budget import usd
from orchestrator.clock import Clock
from orchestrator.events import Event
from orchestrator.plaintext import one_line
from orchestrator.views.plain_lines import numbered, short


@dataclass
class Row:
    """One attempt at work.

    Attributes:
        task: the task's id.
        attempt: its number.
        agent: who is at it.
        began: when, in monotonic seconds.
        heard: when something was last heard of it, in monotonic seconds.
        logs: where its output is kept.
        turn: answers of a model so far; 0 where there is none, or nobody says.
        tool: the tool it used last.
        tokens: what it took so far.
        micros: what it cost so far, in millionths of a US dollar.
    """

    task: str
    attempt: int
    agent: str
    began: float
    heard: float
    logs: Path
    turn: int = 0
    tool: str = ""
    tokens: int = 0
    micros: int = 0

    def hear(self, facts: Mapping[str, object], now: float) -> None:
        """Take in what an agent says of itself."""
        self.heard = now
        self.turn = _whole(facts, "turn", self.turn)
        self.tokens = _whole(facts, "tokens", self.tokens)
        self.micros = _whole(facts, "micros", self.micros)
        self.tool = str(facts.get("tool") or self.tool)

    @property
    def doing(self) -> str:
        """How far it is, in a few words; empty for an agent that does not say."""
        parts = [f"turn {self.turn}"] if self.turn else []
        parts += [self.tool] if self.tool else []
        parts += [f"{self.tokens:,} tokens"] if self.tokens else []
        parts += [f"{usd(self.micros)} USD"] if self.micros else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Shown:
    """A row at one moment, safe to print; `elapsed` and `quiet` (since its last output) are in seconds."""

    who: str
    agent: str
    elapsed: float
    quiet: float
    doing: str = ""


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
            elif event.name in {"attempt.recorded", "attempt.paused", "attempt.unbegun"}:
                self._rows.pop(key, None)
            elif event.name in _BESIDE:
                self._rows[_BESIDE[event.name], *key] = self._row(event, f"{_BESIDE[event.name]} {event.task}")
            elif event.name in _ENDS:
                self._rows.pop((_ENDS[event.name], *key), None)
            elif event.name.startswith("agent.") and key in self._rows:
                self._rows[key].hear(event.facts, self.clock.monotonic())
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
        who, agent = one_line(f"{row.task}/{row.attempt}", 48), one_line(row.agent, 24)
        return Shown(who, agent, now - row.began, quiet, one_line(row.doing, 80))

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self.clock.monotonic() - self.began


def _whole(facts: Mapping[str, object], key: str, otherwise: int) -> int:
    found = facts.get(key)
    return found if isinstance(found, int) else otherwise


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
