"""The guard: what an agent could change in the shared git directory to run code later, or to move the branch by itself.

A linked worktree shares hooks, configuration and refs with the user's checkout. Without a sandbox nothing stops an
agent from writing there; so it is looked at after each attempt, put back, and held against whoever was running.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.plaintext import listed
from orchestrator.repo import undo
from orchestrator.repo.git import Git
from orchestrator.repo.gitdirs import git_dirs
from orchestrator.repo.keepsakes import Keepsakes
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import ZERO, Move, checked_out, resolve
from orchestrator.repo.register import Register
from orchestrator.repo.replacements import Replacements
from orchestrator.repo.watch import Watch

_LAST = 1 << 13  # bytes at the end of a reflog that hold its last line
_ENTRY = re.compile(rb"[0-9a-f]{40} ([0-9a-f]{40,64}) ")  # of a reflog: from where, and to where
_SETTLE = 0.2  # seconds
_SHARE = 10
_QUICK = 0.02  # seconds


@dataclass
class Guard:
    """Watches one repository while agents work in it.

    Args:
        git: the leader's git.
        place: the repository.
        register: what the attempts' refs must say.
        branch: the branch only the leader and the person at the checkout may move.
        moving: held by whoever of this program moves the branch.
        quarantine: where a planted file is kept, for a person to look at.
    """

    git: Git
    place: Place
    register: Register
    branch: str
    moving: threading.Lock
    quarantine: Path
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watches: dict[Path, Watch] = field(default_factory=dict)
    _replacements: Replacements = field(init=False)
    _keepsakes: Keepsakes = field(init=False)
    _told: list[str] = field(default_factory=list)
    _started: bool = False
    _logged: bool = False
    _seen: list[tuple[float, str, str]] = field(default_factory=list)
    _begun: float = float("-inf")  # when the last look began
    _swept: tuple[float, float] = (float("-inf"), 0.0)  # when the attempts' refs were read last, and how long it took

    def __post_init__(self) -> None:
        """Look at what a person's git would show as something else, too."""
        self._replacements = Replacements(self.git, self.place)
        self._keepsakes = Keepsakes(self.git, self.place)

    def start(self) -> None:
        """Take how things are now for how they should be: once, before anything of an agent's runs."""
        with self._lock:
            if self._started:
                return
            self._watches = {folder: self._watch(folder) for folder in git_dirs(self.place.git_dir)}
            for watch in self._watches.values():
                watch.start()
            self._replacements.start()
            self._keepsakes.start()
            self.register.start()
            self._started = True
            self._logged = self._last_through_head() == resolve(self.git, self.branch)

    def sweep(self, since: float, *, before_landing: bool = False) -> dict[str, str]:
        """Put back what was changed, and return every path that was tampered with since the moment `since`.

        The attempts' refs are read as far as that takes a tenth of the time at most: planted or changed, such a ref
        decides nothing, for the leader goes by what it recorded itself. Before a landing they are read in any case
        where that is quick. Attempts that end together share a look: one that began after this call sees what it would.
        """
        asked = self.clock()
        with self._lock:
            if before_landing or self._begun <= asked:
                self._begun = self.clock()
                self._restore_files()
                self._restore_attempts(before_landing)
                self._restore_branch()
                self._told += self._keepsakes.look() if self._started else ()
            return {path: why for when, path, why in self._seen if when >= since}

    def told(self) -> list[str]:
        """Return what a person should hear of since this was asked last: sentences."""
        with self._lock:
            told, self._told = self._told, []
        return told

    def _restore_attempts(self, before_landing: bool) -> None:  # noqa: FBT001 - the only caller hands on its own
        begun = self.clock()
        last, took = self._swept
        if self._started and (begun - last > _SHARE * took or (before_landing and took < _QUICK)):
            for ref, why in [*self.register.put_back().items(), *self._replacements.put_back().items()]:
                self._note(ref, why)
            self._swept = (self.clock(), self.clock() - begun)

    def _note(self, path: str, why: str) -> None:
        self._seen.append((self.clock(), path, why))
        self._told.append(f"put back {path}: {why}")

    def _watch(self, folder: Path) -> Watch:
        name = (Path(".git") / folder.relative_to(self.place.git_dir)).as_posix()
        return Watch(self.git, folder, name, self.place.root, self.quarantine, self.clock)

    def _restore_files(self) -> None:
        """Before git is asked anything: what it is told by these files it would believe."""
        if not self._started:
            return
        top, there = self._watches[self.place.git_dir], set(git_dirs(self.place.git_dir))
        for folder in there:
            if folder not in self._watches:
                self._watches[folder] = self._watch(folder)
                self._watches[folder].start_new(top)
        # One that cannot be found any more may still be run from: behind a link, or in a folder that nobody can list.
        self._watches = {folder: watch for folder, watch in self._watches.items() if folder in there or watch.is_there}
        for watch in self._watches.values():
            for path, why in watch.restore():
                self._note(path, why)
            self._told += watch.told
            watch.told.clear()

    def _restore_branch(self) -> None:
        """Undo a move of the branch that did not come through the checkout: no reflog entry of its HEAD says it."""
        if not self._logged:
            return
        with self.moving:
            tip = self._moved_from_outside()
            if tip is None:
                return
            time.sleep(_SETTLE)  # a person's own git writes the branch a moment before the reflog of HEAD
            known = self._last_through_head()
            if tip != self._moved_from_outside() or known is None:
                return
            kept = undo.undo_move(self.git, self.place.git_dir, Move(self.branch, known, tip), "branch")
        if kept:  # else somebody moved it again meanwhile: the next look decides
            self._note(self.branch, f"moved to {tip[:12]} from outside the checkout; undone, kept as {kept.ref}")

    def _moved_from_outside(self) -> str | None:
        """Return where the branch is when the checkout's HEAD, though on it, never went there."""
        named = checked_out(self.git)
        tip, known = resolve(self.git, self.branch), self._last_through_head()
        if named != self.branch or tip is None or known in {None, tip}:
            return None
        return tip if resolve(self.git, str(known)) else None

    def _last_through_head(self) -> str | None:
        log = self.place.git_dir / "logs" / "HEAD"
        if not log.is_file():
            return None
        with log.open("rb") as file:
            file.seek(-min(_LAST, log.stat().st_size), os.SEEK_END)
            line = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        # No message holds a tab: an entry behind half of one, which a full disk left, is found all the same.
        found = _ENTRY.findall(line.rpartition(b"\t")[0] or line)
        return found[-1].decode() if found and found[-1] != ZERO.encode() else None


def describe(tampered: Mapping[str, str]) -> str:
    """Return what was tampered with, a line each."""
    return listed([f"{path}: {why}" for path, why in sorted(tampered.items())])
