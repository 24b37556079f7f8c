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
from orchestrator.repo.git import Git, split_records
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import ZERO, Move, checked_out, resolve
from orchestrator.repo.register import Register

_HOOKS = "hooks"
_ATTRIBUTES = "info/attributes"
_CONFIGURATION = ("config", "config.worktree")
_LAST = 1 << 13  # bytes at the end of a reflog that hold its last line
_ENTRY = re.compile(rb"[0-9a-f]{40} ([0-9a-f]{40,64}) ")  # of a reflog: from where, and to where
_LARGEST = 1 << 20
_SETTLE = 0.2  # seconds
_NAME = 50  # characters, of up to four bytes each: a file's name may have 255 of those
_SHARE = 10
_QUICK = 0.02  # seconds
_LINK = b"-> "
# Configuration that can run a program or pull in more of itself, by what it is not: what a person's own git writes into
# a repository in the middle of a run (a remote, a branch's upstream, an identity) is harmless.
_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol"
    r"|safecrlf|sparsecheckout|sparsecheckoutcone|abbrev|quotepath|untrackedcache|compression|bigfilethreshold)"
    r"|extensions\.(worktreeconfig|objectformat|refstorage)|branch\..*|user\..*|author\..*|committer\..*|init\..*"
    r"|remote\..*\.(fetch|push|tagopt|prune|mirror|skipdefaultupdate)|remote\.pushdefault|push\..*|pull\..*|fetch\..*"
    r"|gc\..*|maintenance\..*|pack\..*|index\..*|feature\..*|color\..*|column\..*|advice\..*|status\..*|log\..*"
    r"|rerere\..*|merge\.(ff|conflictstyle|renames|stat)|rebase\..*|stash\..*|tag\..*|commit\.(gpgsign|verbose|status)"
    r"|submodule\..*\.(url|active|branch)|lfs\..*|worktree\..*|alias\..*"
)
_HARMLESS_URL = re.compile(r"(https?|ssh|git|file)://.*|[^:]*|[\w.-]+@[\w.-]+:[^:]*|/.*")


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
    _files: dict[str, bytes] = field(default_factory=dict)
    _settings: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _sound: dict[str, bytes] = field(default_factory=dict)  # the configuration's files as git could last read them
    _looks: list[tuple[int, ...]] = field(default_factory=list)  # the configuration's files when they were last read
    _started: bool = False
    _logged: bool = False
    _seen: list[tuple[float, str, str]] = field(default_factory=list)
    _begun: float = float("-inf")  # when the last look began
    _swept: tuple[float, float] = (float("-inf"), 0.0)  # when the attempts' refs were read last, and how long it took

    def start(self) -> None:
        """Take how things are now for how they should be: once, before anything of an agent's runs."""
        with self._lock:
            if self._started:
                return
            self._looks = self._look_at_all()
            self._files, self._settings = self._read_files(), self._read_settings()
            self._sound = {
                name: file.read_bytes() for name in _CONFIGURATION if (file := self.place.git_dir / name).is_file()
            }
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
                self._restore_settings()
                self._restore_attempts(before_landing)
                self._restore_files()
                self._restore_branch()
            return {path: why for when, path, why in self._seen if when >= since}

    def _restore_attempts(self, before_landing: bool) -> None:  # noqa: FBT001 - the only caller hands on its own
        begun = self.clock()
        last, took = self._swept
        if self._started and (begun - last > _SHARE * took or (before_landing and took < _QUICK)):
            for ref, why in self.register.put_back().items():
                self._note(ref, why)
            self._swept = (self.clock(), self.clock() - begun)

    def _note(self, path: str, why: str) -> None:
        self._seen.append((self.clock(), path, why))

    def _read_files(self) -> dict[str, bytes]:
        """Return the hooks that would run and the attributes that choose filters; a linked folder by its target."""
        hooks = self.place.git_dir / _HOOKS
        paths = [hooks] if hooks.is_symlink() else [p for p in sorted(hooks.glob("*")) if p.suffix != ".sample"]
        paths.append(self.place.git_dir / _ATTRIBUTES)
        found = {}
        for path in paths:
            name = str(path.relative_to(self.place.git_dir))
            if path.is_symlink():
                found[name] = _LINK + os.fsencode(path.readlink())
            elif path.is_file() and path.stat().st_size <= _LARGEST:
                found[name] = path.read_bytes()
        return found

    def _restore_files(self) -> None:
        now = self._read_files()
        for name in sorted(now.keys() | self._files.keys()):
            if now.get(name) != self._files.get(name):
                self._note(f".git/{name}", "changed in the shared git directory")
                self._put_back(name)

    def _put_back(self, name: str) -> None:
        path = self.place.git_dir / name
        self._keep(path, name)
        before = self._files.get(name)
        if before is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if before.startswith(_LINK):
            path.symlink_to(os.fsdecode(before.removeprefix(_LINK)))
        else:
            path.write_bytes(before)
            path.chmod(0o755 if name.startswith(_HOOKS) else 0o644)

    def _keep(self, path: Path, name: str) -> None:
        """Move what stands at `path`, if anything does, out of git's reach and within a person's."""
        if path.exists() or path.is_symlink():
            self.quarantine.mkdir(parents=True, exist_ok=True)
            path.rename(self.quarantine / f"{int(self.clock() * 1000)}-{name.replace('/', '-')[:_NAME]}")

    def _read_settings(self) -> dict[tuple[str, str], list[str]]:
        """Return the settings that are not known to be harmless, by file and key, with all their values."""
        found: dict[tuple[str, str], list[str]] = {}
        for name in _CONFIGURATION:
            for record in self._listed(name) or ():
                key, _, value = record.partition("\n")
                if not _is_harmless(key, value):
                    found.setdefault((name, key), []).append(value)
        return found

    def _listed(self, name: str) -> list[str] | None:
        """Return the settings in a file as records, None where there is none that git can read."""
        there = (self.place.git_dir / name).exists()
        said = self._configure(name, "--list", "-z") if there else None
        return None if said is None else split_records(said)

    def _configure(self, name: str, *argv: str) -> bytes | None:
        # Not from within the repository: there, a file that cannot be read stops git before it has begun.
        done = self.git.at(Path(os.sep)).attempt("config", "--file", str(self.place.git_dir / name), *argv)
        return None if done.returncode else done.stdout

    def _mend(self, name: str) -> None:
        """Put back a configuration file that was deleted, or that git cannot read: it would do nothing at all."""
        path = self.place.git_dir / name
        if not path.is_file() or self._listed(name) is None:
            self._keep(path, name)
            before = self._sound.get(name)
            if before is not None:
                path.write_bytes(before)
                self._note(f".git/{name}", "deleted, or made unreadable for git")
        else:
            self._sound[name] = path.read_bytes()

    def _look_at_all(self) -> list[tuple[int, ...]]:
        """Return what is another once a configuration file has changed."""
        return [_look(self.place.git_dir / name) for name in _CONFIGURATION]

    def _restore_settings(self) -> None:
        if self._look_at_all() == self._looks:
            return
        for name in _CONFIGURATION:
            self._mend(name)
        self._looks = self._look_at_all()
        now = self._read_settings()
        for name, key in sorted(now.keys() | self._settings.keys()):
            before = self._settings.get((name, key), [])
            if now.get((name, key), []) == before:
                continue
            self._note(f".git/{name}", f"{key} was changed in the shared configuration")
            self._configure(name, "--unset-all", key)
            for value in before:
                self._configure(name, "--add", key, value)
            self._looks = []

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


def _look(path: Path) -> tuple[int, ...]:
    """Return what changes with a file's content; nobody can set its ctime back."""
    try:
        facts = path.lstat()
    except OSError:
        return ()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _is_harmless(key: str, value: str) -> bool:
    if re.fullmatch(r"remote\..*\.(url|pushurl)", key):
        return _HARMLESS_URL.fullmatch(value) is not None
    return _HARMLESS.fullmatch(key) is not None


def describe(tampered: Mapping[str, str]) -> str:
    """Return what was tampered with, a line each."""
    return listed([f"{path}: {why}" for path, why in sorted(tampered.items())])
