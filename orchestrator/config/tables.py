"""A TOML text as a table, or its refusal with `file:line`: what tomllib cannot say, or would take hours to say."""

import re
import tomllib
from codecs import getincrementaldecoder
from pathlib import Path
from typing import Any

from orchestrator.config.places import broken, tokens
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import one_line

_LARGEST = 1 << 17  # characters: as many keys as fit in are read in a quarter of a second
_DEEPEST = 64  # names in one dotted key: tomllib takes time by their number squared and cubed
_SHOWN = 300  # characters: a key may have any length


def read(file: Path, name: str, most: int = _LARGEST) -> str:
    """Return the text of a file, or more than `most` characters of it; `name` is what errors call it.

    Raises:
        OSError: it cannot be read.
        OrchestratorError: it is not UTF-8; with `file:line`.
    """
    enough = 4 * most + 4
    with file.open("rb") as opened:
        data = opened.read(enough)
    try:
        return getincrementaldecoder("utf-8-sig")().decode(data, final=len(data) < enough)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refusal(f"{name}:{line}", "not UTF-8", "save it as UTF-8") from error


def table(text: str, name: str, most: int = _LARGEST) -> dict[str, Any]:
    """Return what a TOML text of at most `most` characters holds; `name` is the file that errors name.

    Raises:
        OrchestratorError: it is not TOML, too large, or has a key of more than 64 names; with `file:line`.
    """
    if len(text) > most:
        line = text.count("\n", 0, most) + 1
        said = f"larger than {most >> 10:,} KiB"
        raise refusal(f"{name}:{line}", said, "move what is not orchestrator's to a file of its own")
    deep = _deep(text)
    if deep:
        raise refusal(f"{name}:{deep}", f"a key of more than {_DEEPEST} names", "shorten it")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a ValueError of another kind: a number of thousands of digits
        where = f"{name}:{_line(error, text)}"
        raise refusal(where, f"not valid TOML: {error}", "strings need quotes; see https://toml.io") from error


def refusal(where: str, message: str, hint: str) -> OrchestratorError:
    """Return the error about something in a file."""
    return OrchestratorError(
        one_line(message, _SHOWN), where=where, hint=one_line(hint, _SHOWN), code=Exit.PRECONDITION
    )


def _line(error: Exception, text: str) -> int:
    said = re.search(r"at line (\d+)", str(error))
    if said:
        return int(said[1])
    return text.rstrip("\n").count("\n") + 1 if "end of document" in str(error) else broken(text)


def _deep(text: str) -> int:
    """Return the line of the first key with too many names, 0 where there is none."""
    dots = 0
    for token in tokens(text) if text.count(".") >= _DEEPEST else ():
        if token[0] == ".":
            dots += 1
            if dots >= _DEEPEST:
                return text.count("\n", 0, token.start()) + 1
        elif token[0][0] not in "\"'":  # what is quoted may be a name
            dots = 0
    return 0
