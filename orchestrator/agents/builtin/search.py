"""The tools for many files: glob and grep."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from orchestrator import process
from orchestrator.agents.builtin import matcher
from orchestrator.agents.builtin.files import text
from orchestrator.agents.builtin.folder import Folder, RefusedError, check
from orchestrator.policy import covers, is_glob

MOST = 200  # paths or lines
_ENOUGH = 16 << 20  # bytes of all files that one grep reads
_SECONDS = 10.0


def glob(folder: Folder, pattern: str) -> str:
    """Return the files that a pattern of specs covers: `src/`, `**/*.py`.

    Raises:
        RefusedError: the pattern is odd, or there are too many files.
    """
    check(pattern)
    found = [path for path in folder.walk() if covers([pattern], path)]
    if not found:
        return "no file"
    more = f"\n(and {len(found) - MOST:,} more)" if len(found) > MOST else ""
    return "\n".join(sorted(found)[:MOST]) + more


def grep(
    folder: Folder, pattern: str, token: str, cancel: threading.Event, *, where: str = "**", fold: bool = False
) -> str:
    """Return the lines that a regular expression finds, as `path:line: text`.

    An expression may take for ever on an innocent line, and nothing ends Python's own search: so another process
    searches, which is given the files' text and ends by a time limit.

    Args:
        folder: the worktree.
        pattern: in Python's syntax.
        token: marks the process that searches.
        cancel: ends it.
        where: a file or a pattern of files.
        fold: whether capitals and small letters are the same.

    Raises:
        RefusedError: the expression or the pattern is odd, or takes too long.
    """
    texts, left_out = _texts(folder, where)
    wanted = {"pattern": pattern, "fold": fold, "most": MOST, "files": texts}
    try:
        ended = process.run(
            [sys.executable, "-I", "-S", str(Path(matcher.__file__))],
            cwd=folder.spool,
            env={},
            limits=process.Limits(_SECONDS, None),
            token=token,
            cancel=cancel,
            stdin=json.dumps(wanted).encode(),
        )
    except process.StartError as error:
        raise RefusedError(str(error)) from error
    if ended.cause is not process.Cause.EXIT:
        raise RefusedError(f"the search did not end within {_SECONDS:g} s: simplify the expression")
    if ended.code != 0:
        raise RefusedError(f"not a regular expression of Python's: {ended.last_lines(1)}")
    return (ended.stdout.rstrip("\n") or "no line") + left_out


def _texts(folder: Folder, where: str) -> tuple[list[tuple[str, str]], str]:
    texts: list[tuple[str, str]] = []
    size = skipped = 0
    for path in _paths(folder, where):
        try:
            data = folder.read(path)
            found = text(path, data)
        except RefusedError:
            skipped += 1
            continue
        size += len(data)
        if size > _ENOUGH:
            return texts, f"\n(only the first {_ENOUGH >> 20} MiB were searched; say `where` to look)"
        texts.append((path, found))
    return texts, f"\n({skipped:,} files are large or no text, and were left out)" if skipped else ""


def _paths(folder: Folder, where: str) -> Iterator[str]:
    check(where)
    if is_glob(where):
        return (path for path in folder.walk() if covers([where], path))
    folder.read(where)  # one file by name: what is wrong with it is said
    return iter([where])
