"""Power cuts: what a disk holds, and what had been said, when the power goes at one place of a record."""

import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import mounts
from record import Entry, Kind

_BLOCK = 4096  # bytes a disk writes whole or not at all


class Cache(StrEnum):
    """What becomes of the writes in the disk's own cache: those that no flush has followed yet."""

    KEPT = "kept"
    LOST = "lost"
    SOME = "some"


@dataclass(frozen=True)
class Cut:
    """The power goes before entry `at` of the record."""

    at: int
    cache: Cache


def points(entries: Sequence[Entry]) -> list[Cut]:
    """Return a cut for each state the disk was in at some mutation, at the last moment of that state.

    A cut at any mutation leaves one of these, with no more promises to keep.
    """
    found: list[Cut] = []
    acted = pending = False
    for at, entry in enumerate(entries):
        if entry.kind is Kind.DISK:
            found += [Cut(at, Cache.KEPT)] if acted else []
            acted, pending = False, True
        elif entry.kind is Kind.FLUSH:
            found += [Cut(at, Cache.LOST), Cut(at, Cache.SOME)] if pending else []
            pending = False
        else:
            acted = True
    return [*found, Cut(len(entries), Cache.LOST)]


def promises(entries: Sequence[Entry]) -> list[Cut]:
    """Return a cut right after each thing the program said."""
    return [Cut(at, Cache.LOST) for at, entry in enumerate(entries, 1) if entry.kind is Kind.TOLD]


def image(base: Path, entries: Sequence[Entry], cut: Cut, target: Path) -> None:
    """Write to `target` what a disk that started as `base` holds after `cut`."""
    mounts.copied(base, target)
    flushed = max((n for n in range(cut.at) if entries[n].kind is Kind.FLUSH), default=0)
    with target.open("r+b") as file:
        for entry in [*entries[:flushed], *_cached(entries[flushed : cut.at], cut)]:
            if entry.kind is Kind.DISK:
                os.pwrite(file.fileno(), entry.data, entry.offset)


def _cached(entries: Sequence[Entry], cut: Cut) -> Iterator[Entry]:
    """Yield what survives of the cache."""
    chance = random.Random(cut.at)  # noqa: S311 - the same cut is the same image each time
    for entry in entries if cut.cache is not Cache.LOST else ():
        for block in _blocks(entry):
            if cut.cache is Cache.KEPT or chance.random() < 0.5:
                yield block


def _blocks(entry: Entry) -> Iterator[Entry]:
    at = 0
    while at < len(entry.data):
        size = _BLOCK - (entry.offset + at) % _BLOCK
        yield Entry(entry.kind, entry.offset + at, entry.data[at : at + size])
        at += size


def events(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the events that the program had told by the end of `entries`."""
    said = b"".join(entry.data for entry in entries if entry.kind is Kind.TOLD)
    return [event for event in map(json.loads, said.splitlines()) if "event" in event]
