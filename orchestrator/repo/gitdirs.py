"""Where git reads configuration and hooks from in one repository: its own folder, its worktrees', its submodules'."""

import os
from collections.abc import Iterator
from pathlib import Path

_BELOW = ("worktrees", "modules")


def git_dirs(top: Path) -> Iterator[Path]:
    """Yield the git directory `top` and all below it; a repository without any costs two looks at the disk.

    What is made or deleted meanwhile may be missing.
    """
    yield top
    pending = [f"{top}/{name}" for name in _BELOW]
    while pending:
        for found in _folders(pending.pop()):
            if os.path.lexists(f"{found.path}/HEAD"):
                yield Path(found.path)
                pending += [] if found.is_symlink() else [f"{found.path}/{name}" for name in _BELOW]
            elif not found.is_symlink():
                pending.append(found.path)  # a submodule's name may have slashes


def _folders(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [item for item in found if item.is_dir()]
    except OSError:  # nothing there, or nothing that can be read
        return []
