"""The tools for one file: read, write, edit."""

import hashlib

from orchestrator.agents.builtin.folder import Folder, RefusedError

LINES = 2_000
SHOWN = 30_000  # characters


def read(folder: Folder, path: str, start: int = 1, lines: int = LINES) -> str:
    """Return lines of a text file, each behind its number, and how to see what is left out.

    Raises:
        RefusedError: it cannot be read, is no text, or ends before `start`.
    """
    every = text(path, folder.read(path)).split("\n")
    if every[-1] == "":
        every.pop()  # the last line's own end begins no line
    if not every:
        return f"{path} is empty"
    if not 1 <= start <= len(every):
        raise RefusedError(f"{path}: it has {len(every)} lines")
    wanted = every[start - 1 : start - 1 + max(1, min(lines, LINES))]
    shown: list[str] = []
    size = 0
    for number, line in enumerate(wanted, start):
        numbered = f"{number:>6}\t{line}"
        size += len(numbered) + 1
        if size > SHOWN and shown:
            break
        shown.append(numbered[:SHOWN])
    end = start + len(shown) - 1
    more = f"\n(lines {start} to {end} of {len(every)}; go on with start {end + 1})" if end < len(every) else ""
    return "\n".join(shown) + more


def write(folder: Folder, path: str, content: str) -> str:
    """Replace a file by `content`, or make it.

    Raises:
        RefusedError: it cannot be written.
    """
    new = folder.write(path, _encoded(content))
    return f"{'made' if new else 'replaced'} {path} ({content.count(chr(10))} lines)"


def edited(folder: Folder, path: str, old: str, new: str, *, every: bool = False) -> bytes:
    """Return what a file will hold once `old`, which must stand there exactly once unless `every`, is `new`.

    Raises:
        RefusedError: it cannot be read, or `old` does not stand there, or not only once.
    """
    before = text(path, folder.read(path))
    if not old or old == new:
        raise RefusedError("`old` must be some text, and different from `new`")
    count = before.count(old)
    if not count:
        hint = "; its lines end with CR LF, which `old` must have, too" if "\r\n" in before and "\n" in old else ""
        raise RefusedError(f"{path}: `old` does not stand there, letter for letter{hint}")
    if count > 1 and not every:
        raise RefusedError(f"{path}: `old` stands there {count} times; give more lines around it, or set `every`")
    return _encoded(before.replace(old, new))


def digest(data: bytes) -> str:
    """Return what says whether a file holds this."""
    return hashlib.sha256(data).hexdigest()


def text(path: str, data: bytes) -> str:
    """Return a file's text.

    Raises:
        RefusedError: it is no UTF-8 text.
    """
    try:
        found = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"{path}: not UTF-8 text ({len(data):,} bytes)") from error
    if "\0" in found:
        raise RefusedError(f"{path}: a binary file ({len(data):,} bytes)")
    return found


def _encoded(content: str) -> bytes:
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RefusedError("the text has half of a surrogate pair in it, which no file can hold") from error
