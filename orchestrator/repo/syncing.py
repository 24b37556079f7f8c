"""What was checked out reaches the disk: git never syncs it, and a power cut would leave the files empty."""

import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath

from orchestrator.workspace import naming, sync_folder

_SIDE_BY_SIDE = 4


def sync(path: Path) -> None:
    """Bring a file to the disk.

    Raises:
        OSError: the disk does not take it, or it is a symlink.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        with naming(path):
            os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(paths: Sequence[Path]) -> None:
    """Bring many files to the disk, but for those that somebody deletes: all are on their way before one is waited for.

    On ext4 200 small files take 19 ms so, and 45 when sixteen threads sync them at once.

    Raises:
        OSError: the disk does not take one.
    """
    there = [path for path in paths if _send(path)]
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(there) or 1)) as pool:
        list(pool.map(_sync, there))


def _sync(path: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        sync(path)


def _send(path: Path) -> bool:
    """Have the system write a file out, without waiting for it, where it can be told so; False where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return False
        if hasattr(os, "posix_fadvise"):
            # Linux starts to write what is dirty, and lets go of what is not.
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    return True


def sync_folders_of(root: Path, paths: Iterable[str]) -> None:
    """Fsync the folders of `paths`: on btrfs a name would else lead to a version two landings old."""
    folders = {PurePosixPath(folder) for folder in {path.rpartition("/")[0] for path in paths}}
    above = {parent for folder in folders for parent in folder.parents}
    for folder in sorted(folders | above):
        place = root / folder
        if place.is_dir():
            sync_folder(place)
