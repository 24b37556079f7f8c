"""The guard: what an agent could change in the shared git directory to run code later, or to move the branch by itself.

A linked worktree shares hooks, configuration and refs with the user's checkout. Without a sandbox nothing stops an
agent from writing there; so it is looked at after each attempt, put back, and held against whoever was running.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.repo.git import Git, GitError, split_records
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import OURS, ZERO, Move, move, resolve

_WATCHED = ("hooks", "info")
_LARGEST = 1 << 20
_SETTLE = 0.2  # seconds
# Configuration that names a program to run or a file of more configuration. A person's `git remote add` in the middle
# of a run is none of it.
_RUNS_CODE = re.compile(
    r"core\.(hookspath|fsmonitor|sshcommand|editor|pager|attributesfile|askpass|gitproxy|worktree)|include\..*"
    r"|includeif\..*|filter\..*|diff\..*\.(command|textconv)|diff\.external|merge\..*\.driver|alias\..*|credential\..*"
    r"|gpg\..*program|remote\..*\.(vcs|uploadpack|receivepack)|sequence\.editor|uploadpack\.packobjectshook"
)


@dataclass
class Guard:
    """Watches one repository while agents work in it.

    Args:
        git: the leader's git.
        place: the repository.
        branch: the branch only the leader and the person at the checkout may move.
        moving: held by whoever of this program moves the branch.
        quarantine: where a planted file is kept, for a person to look at.
    """

    git: Git
    place: Place
    branch: str
    moving: threading.Lock
    quarantine: Path
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _files: dict[str, bytes] = field(default_factory=dict)
    _settings: dict[str, str] = field(default_factory=dict)
    _logged: bool = False
    _seen: list[tuple[float, str, str]] = field(default_factory=list)

    def start(self) -> None:
        """Take how things are now for how they should be."""
        with self._lock:
            self._files, self._settings = self._read_files(), self._read_settings()
            self._logged = self._last_through_head() == resolve(self.git, self.branch)

    def check(self, since: float) -> dict[str, str]:
        """Put back what was changed, and return every path that was tampered with since the moment `since`."""
        with self._lock:
            self._restore_files()
            self._restore_settings()
            self._restore_branch()
            return {path: why for when, path, why in self._seen if when >= since}

    def _note(self, path: str, why: str) -> None:
        self._seen.append((self.clock(), path, why))

    def _read_files(self) -> dict[str, bytes]:
        found = {}
        for folder in _WATCHED:
            for path in sorted((self.place.git_dir / folder).rglob("*")):
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
                    found[str(path.relative_to(self.place.git_dir))] = path.read_bytes()
                elif path.is_symlink():
                    found[str(path.relative_to(self.place.git_dir))] = b"-> " + str(path.readlink()).encode()
        return found

    def _restore_files(self) -> None:
        now = self._read_files()
        for name in sorted(now.keys() | self._files.keys()):
            if now.get(name) == self._files.get(name):
                continue
            self._note(f".git/{name}", "changed in the shared git directory")
            self._put_back(name)

    def _put_back(self, name: str) -> None:
        path = self.place.git_dir / name
        if path.exists() or path.is_symlink():
            kept = self.quarantine / f"{int(self.clock() * 1000)}-{name.replace('/', '-')}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.rename(kept)
        before = self._files.get(name)
        if before is not None and not before.startswith(b"-> "):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(before)
            path.chmod(0o755 if name.startswith("hooks/") else 0o644)

    def _read_settings(self) -> dict[str, str]:
        output = self.git.attempt("config", "--local", "--list", "-z").stdout
        pairs = (record.partition("\n") for record in split_records(output))
        return {key: value for key, _, value in pairs if _RUNS_CODE.fullmatch(key)}

    def _restore_settings(self) -> None:
        now = self._read_settings()
        for key in sorted(now.keys() | self._settings.keys()):
            before = self._settings.get(key)
            if now.get(key) == before:
                continue
            self._note(".git/config", f"{key} was changed in the shared configuration")
            if before is None:
                self.git.attempt("config", "--local", "--unset-all", key)
            else:
                self.git.attempt("config", "--local", "--replace-all", key, before)

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
            kept = f"{OURS}/lost/branch-{tip[:12]}"
            try:
                move(self.git, [Move(kept, tip), Move(self.branch, known, tip)], "undo a move from outside")
            except GitError:
                return  # somebody moved it again meanwhile: the next look decides
        self._note(self.branch, f"moved to {tip[:12]} from outside the checkout; undone, kept as {kept}")

    def _moved_from_outside(self) -> str | None:
        """Return where the branch is when the checkout's HEAD, though on it, never went there."""
        named = self.git.attempt("symbolic-ref", "--quiet", "HEAD").stdout.decode("utf-8", "replace").strip()
        tip, known = resolve(self.git, self.branch), self._last_through_head()
        if named != self.branch or tip is None or known is None or resolve(self.git, known) is None:
            return None
        return tip if tip != known else None

    def _last_through_head(self) -> str | None:
        log = self.place.git_dir / "logs" / "HEAD"
        if not log.is_file():
            return None
        lines = log.read_bytes().rstrip(b"\n").rsplit(b"\n", 1)
        words = lines[-1].split(b" ", 2)
        found = words[1].decode("ascii", "replace") if len(words) > 1 else ""
        return found if re.fullmatch(r"[0-9a-f]{40,64}", found) and found != ZERO else None


def describe(tampered: Mapping[str, str]) -> str:
    """Return what was tampered with, a line each."""
    return "\n".join(f"{path}: {why}" for path, why in sorted(tampered.items()))
