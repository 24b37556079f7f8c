"""Documents thrown at one parser: what became of each, and what a parser must never do, by the number that repeats it."""

import re
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from fuzz.parsers import Parser
from orchestrator.errors import OrchestratorError

PATIENCE = 5.0  # seconds after which a parser hangs: it takes a thousandth of that
_SAID = 500  # characters of an error that somebody reads
_SHOWN = 300
_WHERE = re.compile(r"[^:\n]+:([1-9][0-9]*)")
_TRIES = 400  # of leaving pieces out
_ENOUGH = 20  # broken promises: the rest will be more of the same


class HangError(Exception):
    """A parser did not come back."""


@dataclass
class Tally:
    """What became of the documents: how many were taken, why others were not, and every promise that was broken."""

    documents: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def throw(parser: Parser, seed: int, numbers: Iterable[int]) -> Tally:
    """Throw the documents of these numbers."""
    tally = Tally()
    for number in numbers:
        data = parser.generator.document(seed, number)
        wrong = fault(parser, data, tally)
        tally.documents += 1
        if wrong:
            small = _smallest(parser, data, wrong)
            tally.broken.append(f"FUZZ_SEED={seed} FUZZ_ONLY={parser.name}:{number}: {wrong}\n  {small[:_SHOWN]!r}")
        if len(tally.broken) >= _ENOUGH:
            break
    return tally


def fault(parser: Parser, data: bytes, tally: Tally | None = None) -> str:
    """Return which promise the parser broke over `data`; empty for none."""
    counts = tally or Tally()
    try:
        with _limited():
            return _broken(parser, data, counts)
    except HangError:
        return f"no answer within {PATIENCE:g} s"
    except BaseException as error:  # noqa: BLE001 - whatever a parser raises is what is looked for
        return _told(error)


def _broken(parser: Parser, data: bytes, counts: Tally) -> str:
    try:
        parsed = parser.parse(data)
    except OrchestratorError as error:
        counts.refused[_kind(error)] += 1
        return _badly_refused(error, data)
    parser.holds(parsed, data)
    counts.accepted += 1
    return ""


def _badly_refused(error: OrchestratorError, data: bytes) -> str:
    """Return what a person cannot use in a refusal."""
    where = _WHERE.fullmatch(error.where)
    if not where:
        return f"refused without a line: {error.where!r}: {error.message[:_SHOWN]}"
    if int(where[1]) > data.count(b"\n") + 4:  # front matter stands in a frame of its own
        return f"refused with line {where[1]}, of {data.count(10)} lines"
    if not error.hint:
        return f"refused without a hint: {error.message[:_SHOWN]}"
    if len(str(error)) > _SAID or len(error.hint) > _SAID:
        return f"a refusal of {len(str(error))} characters, with a hint of {len(error.hint)}"
    return ""


def _kind(error: OrchestratorError) -> str:
    return re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"|[0-9]+", "_", error.message)[:60]


def _told(error: BaseException) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {at.name}: {at.line}: {str(error)[:_SHOWN]}"


def _smallest(parser: Parser, data: bytes, wrong: str) -> bytes:
    """Return a small document that breaks the same promise; one that hangs the parser as it is."""
    kind = wrong.partition(":")[0]
    if kind.startswith("no answer"):
        return data
    return shrunk(data, lambda less: fault(parser, less).partition(":")[0] == kind)


@contextmanager
def _limited() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def shrunk(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return a small part of `data` that fails alike: pieces are left out, large ones first, as long as that lasts."""
    size, tries = max(1, len(data) // 2), 0
    while size and tries < _TRIES:
        at = 0
        while at < len(data) and tries < _TRIES:
            less = data[:at] + data[at + size :]
            tries += 1
            if fails(less):
                data = less
            else:
                at += size
        size //= 2
    return data
