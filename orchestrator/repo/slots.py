"""Slots: worktrees that are used again. Cleaned to what they were before an agent had them, brought to another commit.

To make a worktree anew costs a checkout and a removal of every file; to bring a used one forward costs the files that
differ. Nothing in it is believed: a file stays only when its stat mark is the one it had, git's index is put back as
it was and compares every file with it once more, and a worktree with anything odd about it is not used again.
"""

import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from orchestrator.policy import covers, is_glob
from orchestrator.repo.sight import Sight, look
from orchestrator.repo.walk import Mark, mark
from orchestrator.workspace import TEMPORARY, beneath, write_whole

# What git keeps of a worktree: files, and folders with what may be in them.
_FILES = {"HEAD", "commondir", "gitdir", "index", "locked", "ORIG_HEAD", "COMMIT_EDITMSG"}
_FOLDERS = {"info": {"sparse-checkout"}, "logs": {"HEAD"}, "refs": set[str]()}
_OURS = stat.S_IRUSR | stat.S_IWUSR
_DROPPED = ("ORIG_HEAD", "COMMIT_EDITMSG", "logs/HEAD", "info/sparse-checkout")


@dataclass(frozen=True)
class Hidden:
    """Files of the commit that a worktree does not show: what `patterns` (git's own) cover, `but` some by name."""

    patterns: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: tuple[str, ...], but: Iterable[str]) -> "Hidden":
        """Return what `patterns` hide where `but` may name anything: what they do not hide makes no difference."""
        return cls(patterns, tuple(shown for path in but for shown in _shown(patterns, path)))


def _shown(patterns: Sequence[str], path: str) -> Iterator[str]:
    """Yield what of the hidden `path` stands for, in git's words: itself, all of a folder, or nothing."""
    folder = path.rstrip("/") + "/"
    if any(pattern.startswith(folder) for pattern in patterns):
        yield f"{folder}**"
    elif is_glob(path) or covers(patterns, path):
        yield path


NOTHING = Hidden()


@dataclass
class Slot:
    """One worktree that holds exactly `commit`.

    Attributes:
        path: where it stands.
        admin: git's own folder for it.
        commit: what it holds.
        files: each file's mark.
        folders: each folder's mode.
        hidden: what of the commit is not there.
        index: git's index as it was, in a file without a name: it grows with the plan, and nobody else can open it.
        written: the index's time in nanoseconds, by which git judges what may have changed unseen.
        held: the index's mark; while it has that, it is as it was.
        commondir: what git's folder must say.
        modes: of the worktree itself, and of its `.git` file.
        stale: files to be checked out again.
    """

    path: Path
    admin: Path
    commit: str
    hidden: Hidden
    files: dict[str, Mark]
    folders: dict[str, int]
    index: IO[bytes]
    written: int
    held: Mark
    commondir: bytes
    modes: tuple[int, int]
    stale: set[str] = field(default_factory=set)

    def close(self) -> None:
        """Let go of what was kept; a full disk may refuse what was still to be written, and nobody needs it."""
        with suppress(OSError):
            self.index.close()

    @property
    def newest(self) -> float:
        """When its newest file was written, in seconds of the wall clock; 0 for none."""
        return max((facts[2] for facts in self.files.values()), default=0) / 1e9


def fresh(path: Path, admin: Path, commit: str, hidden: Hidden, home: Path) -> Slot:
    """Return a worktree that git has just made; `home` is a folder of ours for what is kept of it."""
    sight = look(path)
    commondir = (admin / "commondir").read_bytes()
    kept = TemporaryFile(prefix=".", suffix=TEMPORARY, dir=home)  # noqa: SIM115 - open for as long as the slot is used
    written, held = _keep_index(admin, kept)
    files, folders = dict(sight.files), dict(sight.folders)
    return Slot(path, admin, commit, hidden, files, folders, kept, written, held, commondir, _modes(path))


def _keep_index(admin: Path, kept: IO[bytes]) -> tuple[int, Mark]:
    """Keep git's index, and return its time in nanoseconds and its mark."""
    kept.seek(0)
    kept.truncate()
    with (admin / "index").open("rb") as index:
        shutil.copyfileobj(index, kept)
        kept.flush()
        facts = os.fstat(index.fileno())
        return facts.st_mtime_ns, mark(facts)


def _index_is_held(slot: Slot) -> bool:
    try:
        return mark((slot.admin / "index").lstat()) == slot.held
    except FileNotFoundError:
        return False


def _put_index_back(slot: Slot) -> None:
    slot.index.seek(0)
    (slot.admin / "index").unlink(missing_ok=True)
    with (slot.admin / "index").open("xb") as index:
        shutil.copyfileobj(slot.index, index)
    os.utime(slot.admin / "index", ns=(slot.written, slot.written))


def clean(slot: Slot, sight: Sight) -> bool:
    """Take away what an agent made or changed, as `sight` shows it; False where the worktree is better made anew."""
    modes = (slot.folders.get(folder, mode) == mode for folder, mode in sight.folders.items())
    if sight.oddities or not all(modes) or not _is_sane(slot):
        return False
    changed = [path for path, seen in sight.files.items() if slot.files.get(path) != seen]
    try:
        for path in changed:
            with beneath(slot.path, os.path.dirname(path)) as folder:  # noqa: PTH120 - may hold surrogates
                os.unlink(os.path.basename(path), dir_fd=folder)  # noqa: PTH119
        for path in sorted(sight.folders.keys() - slot.folders.keys(), reverse=True):
            with beneath(slot.path, os.path.dirname(path)) as folder:  # noqa: PTH120
                os.rmdir(os.path.basename(path), dir_fd=folder)  # noqa: PTH119
        for name in _DROPPED:
            (slot.admin / name).unlink(missing_ok=True)
    except OSError:
        return False
    slot.stale = {*changed, *(slot.files.keys() - sight.files.keys())} & slot.files.keys()
    return True


def _is_sane(slot: Slot) -> bool:
    """Whether all that git keeps of the worktree is of the kind that git makes, and leads nowhere else.

    An agent that runs with its user's rights can put anything there: what is opened here, or replaced, must not be a
    link, a pipe or somebody's file by another name.
    """
    admin = slot.admin
    try:
        return (
            not admin.is_symlink()
            and _holds(admin, _FILES, _FOLDERS)
            and all(_holds(admin / name, files) for name, files in _FOLDERS.items() if (admin / name).exists())
            and slot.modes == _modes(slot.path)
            and _is_plain((slot.path / ".git").lstat())
            and (admin / "commondir").read_bytes() == slot.commondir
        )
    except OSError:
        return False


def _holds(place: Path, files: Collection[str], folders: Collection[str] = ()) -> bool:
    """Whether nothing but these is in the folder `place`: plain files, and folders."""
    with os.scandir(place) as found:
        return all(
            stat.S_ISDIR(item.stat(follow_symlinks=False).st_mode)
            if item.name in folders
            else item.name in files and _is_plain(item.stat(follow_symlinks=False))
            for item in found
        )


def _is_plain(facts: os.stat_result) -> bool:
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and facts.st_mode & _OURS == _OURS


def _modes(path: Path) -> tuple[int, int]:
    """Return the modes of a worktree and of its `.git` file, which no `Sight` shows."""
    return path.lstat().st_mode, (path / ".git").lstat().st_mode


def bring(slot: Slot, commit: str, check_out: Callable[[], object], paths: Collection[str]) -> None:
    """Bring a clean slot to `commit`.

    Args:
        slot: it was cleaned, and stands where it is to be used.
        commit: what it holds afterwards.
        check_out: makes git write what differs from the index.
        paths: what differs between its commit and the new one, files and patterns.
    """
    # An agent that used no git, and a commit that the next one starts from, too, leave nothing to do but this look.
    if not _index_is_held(slot):
        _put_index_back(slot)
    write_whole(slot.admin / "HEAD", f"{commit}\n".encode())
    check_out()
    _look_again(slot, {*paths, *slot.stale})
    slot.commit, slot.stale = commit, set()
    if not _index_is_held(slot):
        slot.written, slot.held = _keep_index(slot.admin, slot.index)


def _look_again(slot: Slot, paths: Collection[str]) -> None:
    if any(is_glob(path) for path in paths):
        sight = look(slot.path)
        slot.files, slot.folders = dict(sight.files), dict(sight.folders)
        return
    for path in paths:
        facts = _facts(slot, path)
        if facts is None:
            slot.files.pop(path, None)
        else:
            slot.files[path] = mark(facts)
    for folder in {path[:at] for path in paths for at, char in enumerate(path) if char == "/"}:
        facts = _facts(slot, folder)
        if facts is None:
            slot.folders.pop(folder, None)
        else:
            slot.folders[folder] = facts.st_mode


def _facts(slot: Slot, path: str) -> os.stat_result | None:
    try:
        return os.lstat(f"{slot.path}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None
