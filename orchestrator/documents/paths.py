"""Paths as a spec names them: what a path may be, and every trick that is refused."""

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 4_096

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/-][A-Za-z0-9_./-]*\Z")
_SHORT_GIT: Final = re.compile(r"git~[0-9]+\Z", re.IGNORECASE)
# Control and format characters cannot be seen, and `.g\\u200cit` is `.git` to HFS+.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def fault(path: str) -> tuple[str, str] | None:
    """What is wrong with a path (a file, `directory/` or a glob) and the fix; None when nothing is."""
    return _written(path) or _rooted(path) or _components(path)


def _written(path: str) -> tuple[str, str] | None:
    if not path:
        return "an empty path", "write `- path (note)`"
    if len(path) > MAX_LENGTH:
        return f"a path longer than {MAX_LENGTH:,} characters", "name a directory above it: `- directory/`"
    if not _PLAIN.match(path) and any(unicodedata.category(letter) in _HIDDEN for letter in path):
        return "a path with a control or invisible character", "rename the file, or name its directory"
    if "\\" in path:
        return "a path with a backslash", "write `/` between directories"
    if path[0] == "-":
        return "a path that starts with `-`", "rename the file: tools would take it for an option"
    if path[-1] in ":,;":
        return f"a path that ends with `{path[-1]}`", "write the note in brackets: `- path (note)`"
    return None


def _rooted(path: str) -> tuple[str, str] | None:
    if path[0] == "/" or _DRIVE.match(path):
        return "an absolute path", "write it from the repository's root, without a leading `/` or drive"
    if path[0] == "~":
        return "a path in a home directory", "write it from the repository's root"
    if path.startswith("./"):
        return "a path that starts with `./`", f"write `{path.lstrip('./') or '**'}`"
    return None


def _components(path: str) -> tuple[str, str] | None:
    for part in path.removesuffix("/").split("/"):
        found = _component(part)
        if found:
            return found
    return None


def _component(part: str) -> tuple[str, str] | None:
    if part in {"", ".", ".."}:
        return f"`{part or '//'}` inside a path", "write the path without it"
    if part[-1] in ". " or part[0] == " ":
        return (
            "a path component with a space at an end, or a dot at its end",
            "rename it: not all systems keep it",
        )
    if part.partition(":")[0].rstrip(". ").casefold() == ".git" or _SHORT_GIT.match(part):
        return "a path inside `.git`", "a spec can only name the project's own files"
    if "**" in part and part != "**":
        return (
            "`**` next to other characters",
            "let `**` stand alone between slashes, and write no bold text here",
        )
    if part.count("[") != part.count("]"):
        return "an unbalanced `[` in a path", "write `[abc]`, or `[[]` for the character itself"
    return None
