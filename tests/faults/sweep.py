"""The points a sweep visits, and one visit: a copy of the project, the hits one after another, a run that must finish."""

import errno
import itertools
import json
import os
import re
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import scene
from harness import Repo
from injection import KILL_AFTER, KILL_BEFORE, KINDS, Hit, Struck, failure, strike

PARTS = 50  # a full sweep is this many tests, which xdist spreads
_PAIRS = 2000  # of a full sweep
_PATIENCE = 120.0
_CAUSES = {
    "ENOSPC": ("No space left on device", "Out of diskspace"),
    "EIO": ("Input/output error",),
    "EDQUOT": ("Disk quota exceeded",),
    "SHORT": ("No space left on device", "short write", "write error"),
}

_UNDONE = re.compile(r"(?i)unable to (write|create)|couldn't (write|set)|cannot (update|lock) ref")


@dataclass(frozen=True)
class Stage:
    """What each visit needs: the library, the project nobody touched, and what a run nobody disturbed came to."""

    library: Path
    folder: Path
    untouched: Repo
    tree: str
    count: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def copy(self) -> Repo:
        return scene.copied(self.untouched, self.folder / f"visit-{next(self.numbers)}")


@dataclass
class Visit:
    """One point: what was asked, what was hit, what was wrong afterwards (and then the project is still there)."""

    hits: tuple[Hit, ...]
    struck: list[Struck] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    where: Path = Path()

    @property
    def hit(self) -> bool:
        """Whether every hit happened; one may lie behind the end of its run."""
        return len(self.struck) == len(self.hits) and all(each.fired for each in self.struck)

    def __str__(self) -> str:
        asked = ", then ".join(str(hit) for hit in self.hits)
        fired = "; ".join(each.fired for each in self.struck)
        return f"{asked}\n  hit: {fired}\n  left in: {self.where}\n  " + "\n  ".join(self.wrong)


def visit(stage: Stage, *hits: Hit) -> Visit:
    """Take the hits one after another, then run once more without any, and look."""
    repo = stage.copy()
    seen = Visit(hits, where=repo.root)
    before = scene.Kept(frozenset(), frozenset())
    try:
        for hit in hits:
            seen.struck.append(strike(stage.library, repo, hit))
            if hit.error:
                seen.wrong += _badly_said(hit, seen.struck[-1], repo.root)
            now = scene.kept(repo)
            before = scene.Kept(before.recorded | now.recorded, before.answered | now.answered)
        last = repo.run("run", code=None, timeout=_PATIENCE)
        if last.code:
            seen.wrong.append(f"the next run: exit {last.code}\n{last.out}{last.err}")
        seen.wrong += scene.wrong(repo, stage.tree, before)
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        seen.wrong.append(f"{type(error).__name__}: {error}")
    if not seen.wrong:
        scene.forget(repo)
    return seen


def _badly_said(hit: Hit, struck: Struck, root: Path) -> list[str]:
    """Return what a person cannot use in the words of a run that met a failing disk."""
    said = struck.said.out + struck.said.err
    found = [f"the run says {word}" for word in ("Traceback", "Crash report", "crash-") if word in said]
    if struck.said.code not in {0, 1, 3, 4, 5}:
        found.append(f"the run exits with {struck.said.code}")
    if struck.said.code and not _named(hit, struck, said):
        found.append("the run does not name the cause")
    # git tells paths in its own words, mostly.
    if struck.said.code and str(root) not in said and "git " not in struck.said.err:
        found.append("the run does not name the path")
    return [f"{problem}\n{said}" for problem in found]


def _named(hit: Hit, struck: Struck, said: str) -> bool:
    """Whether the cause is named. Of a failure that is over git often tells no errno: then it is what could not be done."""
    kind = "SHORT" if hit.short else errno.errorcode[hit.error]
    path = struck.fired.split("/.git/")[-1].removesuffix(".lock")
    told = path in said or _UNDONE.search(said) is not None
    return any(cause in said for cause in _CAUSES[kind]) or (told and not hit.sticky)


def kills(count: int, step: int) -> Iterator[tuple[Hit, ...]]:
    """Every `step`-th mutation, killed before or after it by turns."""
    for at in _only() or range(1, count + 1, step):
        yield (Hit(at, KILL_AFTER if at // step % 2 else KILL_BEFORE),)


def pairs(count: int, step: int) -> Iterator[tuple[Hit, ...]]:
    """A kill, and a second one during the recovery from it, which is about as long as what the first left undone."""
    for number in range(0, _PAIRS, step):
        first = 1 + number * count // _PAIRS
        for at in _only() or [first]:
            yield Hit(at), Hit(1 + _drawn("second", number) % (max(1, count - at) + 150))


def failures(count: int, step: int) -> Iterator[tuple[Hit, ...]]:
    """Every kind of failure at every mutation, once and from then on; of these one in `step`, drawn alike each time."""
    for at in _only() or range(1, count + 1):
        for kind, sticky in itertools.product(KINDS, (False, True)):
            if _only() or _drawn(kind, at, sticky) % step == 0:
                yield (failure(kind, at, sticky=sticky),)


def _drawn(*seed: object) -> int:
    return zlib.crc32(json.dumps(seed).encode())


def _only() -> list[int]:
    return [int(number) for number in os.environ.get("FAULTS_ONLY", "").split()]
