"""Worktrees: made and removed one at a time, and never through a git that believes what an agent left in them."""

import itertools
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.policy import covers
from orchestrator.repo.git import Git, GitError, joined
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import resolve
from orchestrator.repo.removal import remove_tree, vanish
from orchestrator.repo.sight import Sight
from orchestrator.repo.slots import NOTHING, Hidden, Slot, bring, clean, fresh
from orchestrator.repo.trees import differences
from orchestrator.workspace import naming, write_whole

# A worktree is made anew after a power cut, so nothing in it needs to reach the disk.
# A person's sparse checkout is not ours: a task, and verify, see the whole tree.
_FLEETING = ("-c", "core.fsync=none", "-c", "core.sparseCheckout=false")
_WHOLE = (*_FLEETING, "-c", "core.splitIndex=false")  # the index is copied: it must not be one of two files
# What is hidden is not there: git need not look for each of 20,000 files whether it is.
_SPARSELY = (
    *("-c", "core.fsync=none", "-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false"),
    *("-c", "sparse.expectFilesOutsideOfPatterns=true"),
)
_BELIEVED = "orchestrator"  # in git's own folder of a worktree, where only who asks for it comes
_PARTS = ("index", "config.worktree", "info")
_STAY = {"gitdir", "commondir", "locked", "modules", _BELIEVED}  # of git's own; `modules` are what setup cloned
_SPARE = "spare_"  # followed by a number; the worktree of an attempt ends in a dash and one
_LEFT = "undeletable_"  # followed by a number, too
_DEPTH = 2  # folders below the repository's top in which worktrees are
_TRIES = 3  # a person's own `git worktree add`, `prune` or gc at that very moment makes git fail
_NAME = re.compile(r"[0-9a-f]{40,64}|ref: refs/[\w./-]+")


class UnwantedError(Exception):
    """Nobody wants the worktree any more."""


@dataclass(frozen=True)
class Worktrees:
    """All worktrees of one leader, below `home`.

    `git worktree add` and `remove` race with themselves (24 in parallel: 3 failed, 17 with `--no-track`; 0 under one
    lock), and this leader is the only one, so a lock of this process is enough.
    """

    git: Git
    place: Place
    home: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    _lent: dict[str, Slot] = field(default_factory=dict)
    _spare: list[Slot] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def lend(self, name: str, commit: str, hidden: Hidden = NOTHING, wanted: Callable[[], bool] = lambda: True) -> Slot:
        """Return the worktree `name` at `commit`, on no branch: one that is to spare, or a new one.

        What is `hidden` is not checked out, and git in there takes it for unchanged.

        Raises:
            UnwantedError: it is not `wanted` any more now that it could be made; many are waited for in a row.
        """
        with self.lock:
            if not wanted():
                raise UnwantedError
            slot = self._spare.pop() if self._spare else None
            if slot is not None:
                if os.path.lexists(self.home / name):
                    self._remove(self.home / name)
                self._move(slot, name)
        if slot is None or not self._brought(slot, commit, hidden):
            path = self.add(name, commit, hidden, wanted)
            with naming(path):
                slot = fresh(path, self._admin(name), commit, hidden, self.home.parent)
        self._lent[name] = slot
        return slot

    def _brought(self, slot: Slot, commit: str, hidden: Hidden) -> bool:
        """Bring a slot to `commit`; False where that cannot be, so that a new one must do."""
        try:
            self._bring(slot, commit, hidden)
        except (OSError, GitError):
            slot.close()
            return False
        return True

    def _bring(self, slot: Slot, commit: str, hidden: Hidden) -> None:
        differing = differences(self.git, slot.commit, commit) if slot.commit != commit else []
        named = [change.path for change in differing]
        paths = [path for path in named if path in slot.files or not covers(hidden.patterns, path)]
        paths += [*slot.hidden.but, *hidden.but, *(["*"] if slot.hidden.patterns != hidden.patterns else [])]
        with naming(slot.admin):
            bring(slot, commit, lambda: self._forward(slot, commit, hidden), paths)
        slot.hidden = hidden

    def _forward(self, slot: Slot, commit: str, hidden: Hidden) -> None:
        """Make git write what differs; the other files were looked at just before, and are not looked at again."""
        inside = self._at(slot.path, slot.admin)
        if slot.stale:
            inside.run("checkout-index", "-f", "-q", "-u", "-z", "--stdin", stdin=joined(sorted(slot.stale)))
        settings = _hiding(slot.admin, hidden, before=bool(slot.hidden.patterns))
        if (slot.commit, slot.hidden) != (commit, hidden):
            inside.read_tree("-m", "-u", slot.commit, commit, settings=settings)

    def _fill(self, path: Path, admin: Path, commit: str, hidden: Hidden) -> None:
        """Make git write the files of `commit`, whatever is there."""
        self._at(path, admin).read_tree("--reset", "-u", commit, settings=_hiding(admin, hidden))

    def _at(self, path: Path, admin: Path) -> Git:
        """Return git for a worktree, told outright where everything is: its `.git` file is not believed."""
        return self.git.at(path).within(GIT_DIR=str(admin), GIT_WORK_TREE=str(path))

    def _move(self, slot: Slot, name: str) -> None:
        """Give a worktree another name. git's record goes first: what leads nowhere is swept away after a kill."""
        path = self.home / name
        write_whole(slot.admin / "gitdir", os.fsencode(path / ".git") + b"\n")  # half of it would lead anywhere
        slot.path = slot.path.rename(path)

    def give_back(self, name: str, sight: Sight | None) -> None:
        """Keep the worktree `name` for another attempt once it is as it was, else delete it; a ref holds its work.

        `sight` is what stands there now; None where that must not be used again.
        """
        slot = self._lent.pop(name, None)
        if slot is None or sight is None or not clean(slot, sight):
            if slot is not None:
                slot.close()
            self.remove(name)
            return
        with self.lock:
            self._move(slot, f"{_SPARE}{next(self._numbers)}")
            self._spare.append(slot)

    def close(self) -> None:
        """Delete the worktrees that are to spare."""
        with self.lock:
            for slot in self._spare:
                slot.close()
            self._spare.clear()
            for name in self.names():
                if _is_numbered(name, _SPARE):
                    self._remove(self.home / name)

    def add(self, name: str, commit: str, hidden: Hidden = NOTHING, wanted: Callable[[], bool] = lambda: True) -> Path:
        """Make the worktree `name` at `commit`, on no branch; what stood there before is replaced.

        Raises:
            UnwantedError: it is not `wanted` any more.
        """
        path = self.home / name
        with self.lock:
            if not wanted():
                raise UnwantedError
            self.home.mkdir(parents=True, exist_ok=True)
            self._made(path, commit)
        self._fill(path, self._admin(name), commit, hidden)
        return path

    def believe(self, name: str) -> None:
        """Keep what git has noted of the worktree `name`: `checkout` goes back to it, whatever runs there from now."""
        admin = self._admin(name)
        own = admin / _BELIEVED
        with naming(own):
            vanish(own)
            own.mkdir()
            for item in [*(admin / part for part in _PARTS), *admin.glob("sharedindex.*")]:
                if item.is_dir() and not item.is_symlink():
                    shutil.copytree(item, own / item.name, symlinks=True)
                elif item.is_file():
                    shutil.copy2(item, own, follow_symlinks=False)

    def _made(self, path: Path, commit: str) -> None:
        # Locked, or a person's own `git worktree prune` takes git's record of one that is just being given its name.
        how = ("--quiet", "--force", "--no-checkout", "--detach", "--lock")
        for more in reversed(range(_TRIES)):
            self._remove(path)
            try:
                self.git.run(*_FLEETING, "worktree", "add", *how, str(path), commit)
            except GitError:
                if not more:
                    raise
            else:
                return

    def remove(self, name: str) -> None:
        """Delete the worktree `name` and git's record of it. The caller has a ref that holds its work."""
        with self.lock:
            self._remove(self.home / name)

    def tip(self, name: str) -> str | None:
        """Return the commit the worktree `name` is at: what an agent committed by itself, if it did."""
        admin = self.admin(name)
        known = admin is not None and (admin / "HEAD").is_file()  # a kill within `git worktree add` leaves none
        head = (admin / "HEAD").read_text(encoding="utf-8", errors="replace").strip() if admin and known else ""
        return resolve(self.git, head.removeprefix("ref: ")) if _NAME.fullmatch(head) else None

    def names(self) -> list[str]:
        """Return the worktrees that are on disk."""
        return sorted(item.name for item in self.home.iterdir()) if self.home.is_dir() else []

    def _admin(self, name: str) -> Path:
        found = self.admin(name)
        if found is None:
            raise GitError("worktree", 0, f"git has no record of {name}")
        return found

    def admin(self, name: str) -> Path | None:
        """Return git's own folder for the worktree `name`."""
        if name in self._lent:
            return self._lent[name].admin
        return next((entry for entry in self._admins() if _points_at(entry, self.home / name)), None)

    def pointer(self, name: str) -> bytes:
        """Return what the worktree's `.git` file must hold; anything else means that it was tampered with."""
        admin = self.admin(name)
        return b"" if admin is None else b"gitdir: " + os.fsencode(admin) + b"\n"

    def checkout(self, name: str, commit: str, *, keep_ignored: bool) -> None:
        """Make the worktree `name` hold exactly `commit`, whatever code ran there since it was believed.

        That code could tell git's index not to look at some files, leave a merge open, or break either.

        Raises:
            GitError: git could not, for example because the disk is full, or it is no worktree any more.
            OSError: the same of what is no matter of git's.
        """
        path, admin = self.home / name, self._admin(name)
        if any(place.is_symlink() or not place.is_dir() for place in (path, admin, admin / _BELIEVED)):
            raise GitError("checkout", 0, f"{name} is no worktree any more")
        with naming(admin):
            _go_back(admin, commit)
        if not is_pointer(path / ".git", self.pointer(name)):
            vanish(path / ".git")
            write_whole(path / ".git", self.pointer(name))
        index = admin / _BELIEVED / "index"
        inside = self._at(path, admin).within(GIT_INDEX_FILE=str(index))
        inside.read_tree("--reset", "-u", commit, settings=_WHOLE)
        inside.run("clean", "-ffdq" if keep_ignored else "-ffdxq")
        with naming(admin):
            shutil.copy2(index, admin)

    def sweep(self) -> int:
        """Drop git's records of our worktrees that are gone from disk, half-made ones included; return how many."""
        with self.lock:
            stale = [entry for entry in self._admins() if self._is_stale(entry)]
            for entry in stale:
                self._discard(entry, _forget)
        return len(stale)

    def _is_stale(self, admin: Path) -> bool:
        target = _target(admin)
        if target is None:
            # Killed before git wrote where it leads, or a power cut emptied that file: git's own prune drops both.
            return True
        return self._was_ours(target) and not target.exists()

    def follow(self) -> None:
        """Have git find the worktrees again where the repository was moved, or copied, with them."""
        with self.lock:
            for admin in self._admins():
                target = _target(admin)
                if target is None or target.parent == self.home or not self._was_ours(target):
                    continue
                pointer = self.home / target.name / ".git"
                if pointer.is_file() and self.admin(target.name) is None:
                    # In this order: what a kill between the two leaves is found here again.
                    write_whole(pointer, b"gitdir: " + os.fsencode(admin) + b"\n")
                    write_whole(admin / "gitdir", os.fsencode(pointer) + b"\n")

    def _was_ours(self, target: Path) -> bool:
        """Whether a worktree at `target` is one of these, here or where the repository was before."""
        return target.parts[-_DEPTH - 1 : -1] == self.home.parts[-_DEPTH:]

    def _admins(self) -> list[Path]:
        folder = self.place.git_dir / "worktrees"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def undeletable(self) -> list[Path]:
        """Return what is left of worktrees with files of another user, as a container leaves them, tried once more."""
        left = [self.home / name for name in self.names() if _is_numbered(name, _LEFT)]
        for path in left:
            with suppress(PermissionError):
                remove_tree(path)
        return [path for path in left if path.exists()]

    def _remove(self, path: Path) -> None:
        records = [entry for entry in self._admins() if _points_at(entry, path)]
        self._discard(path, remove_tree)
        for entry in records:
            self._discard(entry, _forget)

    def _discard(self, place: Path, delete: Callable[[Path], None]) -> None:
        """Delete a worktree, or git's record of one; what another user owns is set aside: the next run names it."""
        try:
            delete(place)
        except PermissionError:
            names = (self.home / f"{_LEFT}{number}" for number in itertools.count(1))
            place.rename(next(name for name in names if not name.exists()))


def _hiding(admin: Path, hidden: Hidden, *, before: bool = False) -> tuple[str, ...]:
    """Return the options that make git leave out what is hidden, and bring back what was hidden `before`."""
    if not hidden.patterns and not before:
        return _FLEETING
    lines = ["/*"]
    for pattern in hidden.patterns:
        # A folder of such a name is none of them. With a slash at the end git would ask the disk about each file.
        lines += [f"!/{pattern}", f"/{pattern}/*"]
    lines += [f"/{name}" for name in hidden.but]
    write_whole(admin / "info" / "sparse-checkout", "\n".join([*lines, ""]).encode("utf-8", "surrogateescape"))
    return _SPARSELY


def _go_back(admin: Path, commit: str) -> None:
    """Bring git's own folder of a worktree back to what was believed, at `commit`."""
    for item in admin.iterdir():
        if item.name not in _STAY and not (item.name == "HEAD" and item.is_file()):
            vanish(item)
    vanish(admin / _BELIEVED / "index.lock")
    for item in (admin / _BELIEVED).iterdir():
        if item.is_dir():
            shutil.copytree(item, admin / item.name, symlinks=True)
        elif item.name != "index":
            shutil.copy2(item, admin)
    write_whole(admin / "HEAD", f"{commit}\n".encode())


def _forget(admin: Path) -> None:
    """Delete git's record of a worktree; where it leads goes last, so that a kill leaves what `sweep` can judge."""
    with suppress(FileNotFoundError):  # a person's own `git worktree prune`, or their gc, is at it, too
        for item in admin.iterdir():
            if item.name == "gitdir":
                continue
            if item.is_dir() and not item.is_symlink():
                remove_tree(item)
            else:
                item.unlink()
    remove_tree(admin)


def _target(admin: Path) -> Path | None:
    try:
        text = (admin / "gitdir").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    text = text.strip("\0\n")  # after a power cut a file may be as long as it was, and all zeros
    return Path(text).parent if text else None


def _is_numbered(name: str, what: str) -> bool:
    return name.startswith(what) and name.removeprefix(what).isdecimal()


def _points_at(admin: Path, path: Path) -> bool:
    return _target(admin) == path


def is_pointer(path: Path, expected: bytes) -> bool:
    """Whether `path` is a worktree's `.git` file as it must be."""
    try:
        return path.is_file() and not path.is_symlink() and path.read_bytes() == expected
    except PermissionError:
        return False
