"""Deleting what others left: read-only, deep, half gone, or of another user."""

import itertools
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

_DEEP = 100


def vanish(path: Path) -> None:
    """Delete whatever is at `path`, if anything is."""
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Delete the folder `path`, read-only parts included, without following a symlink; nothing there is fine.

    What somebody else deletes meanwhile is fine, too.

    Raises:
        PermissionError: files of another user are in it; all the rest is gone.
        OSError: the disk failed.
    """
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        kept: list[PermissionError] = []
        try:
            shutil.rmtree(path, onerror=_open_up(kept))
        except RecursionError:
            _flatten(path)
            shutil.rmtree(path, onerror=_open_up(kept))
        if kept and path.exists():
            raise kept[0]


def _open_up(
    kept: list[PermissionError],
) -> Callable[[Callable[..., object], str, tuple[object, BaseException, object]], None]:
    """Return what is done where something cannot be deleted; what belongs to another user is `kept`."""
    seen = set()

    def opened(function: Callable[..., object], item: str, error: tuple[object, BaseException, object]) -> None:
        why = error[1]
        if isinstance(why, FileNotFoundError) or (
            function is os.rmdir and kept and not isinstance(why, PermissionError)
        ):
            return
        if item in seen:
            raise why
        seen.add(item)
        parent = os.path.dirname(item)  # noqa: PTH120 - rmtree hands over strings, maybe with surrogates
        try:
            if not os.path.islink(parent):  # noqa: PTH114
                os.chmod(parent, stat.S_IRWXU)  # noqa: PTH101
            if os.path.islink(item) or not os.path.isdir(item):  # noqa: PTH112,PTH114
                os.unlink(item)  # noqa: PTH108
            else:
                os.chmod(item, stat.S_IRWXU)  # noqa: PTH101
                shutil.rmtree(item, onerror=opened)
        except PermissionError as again:
            kept.append(again)

    return opened


def _flatten(path: Path) -> None:
    """Move folders that stand deep to the top: Python deletes a folder within its folder's deletion, and so on."""
    pending = [path]
    names = (path / f"deep-{os.urandom(8).hex()}" for _ in itertools.count())
    while pending:
        folder = pending.pop()
        folder.chmod(stat.S_IRWXU)
        for item in list(os.scandir(folder)):
            if item.is_dir(follow_symlinks=False):
                place = Path(item.path)
                deep = len(place.parts) - len(path.parts) > _DEEP
                pending.append(place.rename(next(names)) if deep else place)
