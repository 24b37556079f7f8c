"""A change as somebody reads it who was not there: every file listed, every line of text shown, nothing hidden."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.repo.trees import EXECUTABLE, GONE, REGULAR, Change, Entry, blobs

_TEXT = {REGULAR, EXECUTABLE}
_AT_ONCE = 200  # paths in one command line
# What a repository's attributes, or a person's configuration, would leave out or show differently, is shown as it is.
_HOW = ("--no-color", "--no-renames", "--text", "--no-ext-diff", "--no-textconv", "--full-index", "--unified=10")
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")
_NAMES = {REGULAR: "file", EXECUTABLE: "executable", "120000": "symlink", "160000": "nested repository"}


@dataclass(frozen=True)
class Patch:
    """What differs between two commits.

    Attributes:
        files: one line for each path, with what there is to say of it.
        text: the differences, in git's own form; characters that cannot be seen stand as `<U+202E>`.
    """

    files: tuple[str, ...]
    text: str


def patch(git: Git, old: str, new: str, changes: Sequence[Change]) -> Patch:
    """Return how the commits or trees `old` and `new` differ at the paths of `changes`."""
    held = blobs(git, {blob for change in changes for blob in (change.old.blob, _blob(change)) if blob.strip("0")})
    plain = {change.path: all(_is_text(held.get(blob, b"")) for blob in _sides(change)) for change in changes}
    files = tuple(_listing(change, plain[change.path], held) for change in changes)
    shown = [change.path for change in changes if plain[change.path]]
    return Patch(files, "".join(_differences(git, old, new, shown)))


def _differences(git: Git, old: str, new: str, paths: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        said = git.run("--literal-pathspecs", "diff-tree", "-r", "-p", *_HOW, *_PREFIXES, old, new, "--", *some)
        yield visible(said.decode("utf-8", "replace"))


def visible(text: str) -> str:
    """Return `text` with each character that cannot be seen, or moves others about, spelt out."""
    return "".join(_spelt(char) for char in text.replace("\r\n", "\n"))


def _spelt(char: str) -> str:
    hidden = not char.isascii() and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    control = char.isascii() and not char.isprintable() and char not in "\n\t"
    return f"<U+{ord(char):04X}>" if hidden or control else char


def _blob(change: Change) -> str:
    return str(change.blob) if change.mode != GONE else ""


def _sides(change: Change) -> tuple[str, ...]:
    sides = (change.old, Entry(change.mode, _blob(change)))
    return tuple(side.blob for side in sides if side.mode in _TEXT)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _listing(change: Change, plain: bool, held: dict[str, bytes]) -> str:  # noqa: FBT001 - found by the only caller
    before, after = change.old.mode, change.mode
    what = "added" if before == GONE else "deleted" if after == GONE else "changed"
    kinds = [_NAMES.get(mode, mode) for mode in dict.fromkeys((before, after)) if mode != GONE]
    notes = [" becomes ".join(kinds)] if kinds != ["file"] else []
    notes += ["hidden: a name in its path begins with a dot"] if _is_hidden(change.path) else []
    if not plain:
        notes.append(f"binary, not shown: {len(held.get(_blob(change), b'')):,} bytes")
    return f"{what} {one_line(visible(change.path), 300)}" + (f" ({'; '.join(notes)})" if notes else "")


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
