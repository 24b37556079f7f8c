"""The object database's folders: git fsyncs every object and pack it writes, and never the folder that names it.

ext4 and xfs bring the name to the disk with the next fsync of anything. btrfs does not, where all was written out
between the object's fsync and its renaming: then a ref survives a power cut, and what it points at does not. So the
folders are synced before a ref moves, also by the process that has just written what it points at.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.workspace import sync_folder

_AT_RISK = 600 * 10**9  # nanoseconds after which every file system has brought a name to the disk by itself
_FOLDERS = 256  # that git keeps loose objects in
_TICK = 10**8  # nanoseconds within which two changes may bear one time


@dataclass
class ObjectFolders:
    """The folders of one repository's objects, and when each had last changed when it was synced."""

    git_dir: Path
    _synced: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make_durable(self) -> None:
        """Bring the names of all objects to the disk that are there now. From any thread.

        Raises:
            OSError: the disk does not take them.
        """
        with self._lock:
            for _ in range(_FOLDERS):
                try:
                    self._sync()
                except FileNotFoundError:
                    continue  # packed meanwhile, by us or by a person's git: what it named is named elsewhere by now
                return
            self._sync()

    def _sync(self) -> None:
        changed = dict(self._changed())
        newest = max(changed.values())
        for folder, when in changed.items():
            if when > newest - _AT_RISK and self._synced.get(folder) != when:
                sync_folder(Path(folder))
                self._synced[folder] = when if when < newest - _TICK else 0

    def _changed(self) -> Iterator[tuple[str, int]]:
        top = self.git_dir / "objects"
        yield str(top), top.stat().st_mtime_ns
        with os.scandir(top) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    yield item.path, item.stat().st_mtime_ns
