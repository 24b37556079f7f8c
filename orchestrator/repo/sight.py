"""What stands in a worktree: each file's mark and mode, seen in one walk."""

import itertools
import marshal
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.apart import apart
from orchestrator.repo import walk
from orchestrator.repo.standby import SilentError, Standby
from orchestrator.repo.walk import LENGTH, Mark, Walked

_HERE = 16  # walks that a process makes itself: a short run starts no other
_TRIES = 3  # times in a row that the other may fail

_ODD: Mark = (0, 0, 0, 0)


@dataclass(frozen=True)
class Sight:
    """One walk over a worktree.

    Attributes:
        files: the mark of each file and symlink, which says "unchanged since": ctime cannot be set back by an agent.
        modes: the mode of each.
        folders: the mode of each folder.
        oddities: what has no place in a tree, and why.
    """

    files: Mapping[str, Mark]
    modes: Mapping[str, int]
    folders: Mapping[str, int]
    oddities: Mapping[str, str]


def look(worktree: Path) -> Sight:
    """Walk `worktree` without following a symlink; the `.git` pointer at its top is not part of it.

    Raises:
        OSError: what is there cannot be looked at.
    """
    walked = _WALKER.walk(worktree.absolute())
    return Sight(*(walk.walk(os.fspath(worktree)) if walked is None else walked))


class Walker:
    """Walks for a process that has many walks to make, for as long as it can.

    Each look at a file lets go of the interpreter's lock: with sixteen attempts that want it, a walk of 200 files took
    4 ms instead of 1.
    """

    def __init__(self) -> None:
        self._walks = itertools.count()
        self._standby = Standby(_start, (str(walk.__file__),))
        self._failed = 0

    def walk(self, worktree: Path) -> Walked | None:
        """Return what is in `worktree`; None where the caller must walk.

        Raises:
            OSError: what is there cannot be looked at.
        """
        if next(self._walks) < _HERE or self._failed >= _TRIES:
            return None
        try:
            failure, walked = self._asked(os.fsencode(worktree))
        except (SilentError, OSError):  # it died, or cannot be started
            self._failed += 1
            return None
        self._failed = 0
        if failure:
            raise OSError(*failure)
        return walked

    def _asked(self, folder: bytes) -> tuple[tuple[int, str, str] | None, Walked | None]:
        with self._standby.asking() as process:
            if process.stdin is None or process.stdout is None:
                raise ValueError("no pipe")
            process.stdin.write(len(folder).to_bytes(LENGTH) + folder)
            process.stdin.flush()
            length = int.from_bytes(process.stdout.read(LENGTH))
            answer = process.stdout.read(length)
            if not length or len(answer) < length:
                raise ValueError("it ended in the middle of an answer")
            failure, walked = marshal.loads(answer)  # noqa: S302 - the words of our own child
            return failure, walked


def _start(argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the program that walks; it works nowhere, and ends with its pipe."""
    return apart(
        lambda: subprocess.Popen(
            [sys.executable or "", "-I", "-S", "-X", "utf8", *argv],
            cwd=os.sep,
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    )


_WALKER = Walker()


def footing(sight: Sight) -> dict[str, Mark]:
    """Return the files' marks, with a name for each oddity that is there: setup may bring a repository of its own."""
    return {**sight.files, **dict.fromkeys(sight.oddities, _ODD)}


def was_there(known: Mapping[str, Mark] | None, oddity: str) -> bool:
    """Whether an oddity is part of a `footing`."""
    return known is not None and known.get(oddity) == _ODD
