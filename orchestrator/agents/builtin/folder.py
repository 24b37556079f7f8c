"""The worktree as the file tools see it: every path is opened one component at a time, so that none leads out.

What a path looks like proves nothing while commands may put symlinks in its way. Each folder is opened below the one
before it and never through a link; what is odd is refused, not mended.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.documents.paths import fault
from orchestrator.policy import BYPRODUCTS, protected
from orchestrator.workspace import beneath

LARGEST = 1 << 20  # bytes of a file that is read or written
MOST = 100_000  # entries that one walk looks at
_LONGEST = 1_000  # characters of a path that a walk still goes into
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_SPOOLED = "spooled"
_WORDS = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "a part of the path is no folder, or a symlink, and none is followed",
    errno.ELOOP: "a symlink, and none is followed",
}


class RefusedError(Exception):
    """What a tool does not do, in words for the model."""


@dataclass(frozen=True)
class Folder:
    """One worktree.

    Attributes:
        root: its real name.
        spool: a folder on the same disk and outside of it, where a file is made before it gets its name.
    """

    root: Path
    spool: Path

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            RefusedError: the path is odd, leads through a symlink, or to what is no plain file of at most 1 MiB.
        """
        folder, name = _parts(path)
        try:
            with beneath(self.root, folder) as handle:
                _plain(path, os.lstat(name, dir_fd=handle))
                with os.fdopen(os.open(name, _READ, dir_fd=handle), "rb") as file:
                    _plain(path, os.fstat(file.fileno()))
                    data = file.read(LARGEST + 1)
        except OSError as error:
            raise refusal(path, error) from error
        if len(data) > LARGEST:
            raise RefusedError(f"{path}: larger than {LARGEST:,} bytes; use bash to see parts of it")
        return data

    def write(self, path: str, data: bytes) -> bool:
        """Replace a file, or make it and the folders it needs; whether it was new. Whole or not at all.

        Raises:
            RefusedError: the path is odd, protected, leads through a symlink, or to what is no plain file.
        """
        folder, name = _parts(path)
        if guarded := protected(path):
            raise RefusedError(f"{path}: never taken from an agent: {guarded}")
        if len(data) > LARGEST:
            raise RefusedError(f"{path}: more than {LARGEST:,} bytes")
        try:
            with beneath(self.root, folder, make=True) as handle:
                mode = _mode(path, name, handle)
                spooled = self._spooled(data, mode)
                os.replace(spooled, name, dst_dir_fd=handle)
        except OSError as error:
            raise refusal(path, error) from error
        return mode is None

    def _spooled(self, data: bytes, mode: int | None) -> Path:
        """Write a file that is no longer there under its own name: one it had a second name for stays untouched."""
        spooled = self.spool / _SPOOLED
        spooled.unlink(missing_ok=True)
        with os.fdopen(os.open(spooled, _WRITE, 0o666), "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
        return spooled

    def walk(self) -> Iterator[str]:
        """Yield the paths of all plain files, folder by folder, but git's own, tools' byproducts and what is closed.

        Raises:
            RefusedError: there are too many to look at.
        """
        pending, seen = [""], 0
        while pending:
            folder = pending.pop()
            try:
                with beneath(self.root, folder) as handle, os.scandir(handle) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:  # gone, made a symlink, or closed to everybody, by a command
                continue
            seen += len(entries)
            if seen > MOST:
                raise RefusedError(f"more than {MOST:,} files here; use bash")
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.casefold() == ".git" or entry.name in BYPRODUCTS or len(path) > _LONGEST:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path


def check(path: str) -> None:
    """Refuse a path, or a pattern, that is odd by itself."""
    found = fault(path)
    if found:
        raise RefusedError(f"{found[0]}: {found[1]}")


def refusal(path: str, error: OSError) -> RefusedError:
    """Return what the system said about a path."""
    return RefusedError(f"{path}: {_WORDS.get(error.errno or 0, error.strerror or 'it cannot be opened')}")


def _parts(path: str) -> tuple[str, str]:
    check(path)
    if path.endswith("/"):
        raise RefusedError(f"{path}: a folder; name a file in it")
    folder, _, name = path.rpartition("/")
    return folder, name


def _plain(path: str, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise RefusedError(f"{path}: a folder; glob `{path}/**` shows what is in it")
    if stat.S_ISLNK(facts.st_mode):
        raise RefusedError(f"{path}: {_WORDS[errno.ELOOP]}")
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedError(f"{path}: neither a file nor a folder")


def _mode(path: str, name: str, handle: int) -> int | None:
    """Return the permissions of the file that is to be replaced, None where there is none."""
    try:
        facts = os.lstat(name, dir_fd=handle)
    except FileNotFoundError:
        return None
    _plain(path, facts)
    return stat.S_IMODE(facts.st_mode) & 0o777
