"""Regions: where two sides changed the same lines of a file, found by git, and the file put together again."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.repo.git import Git
from orchestrator.repo.patch import visible
from orchestrator.repo.trees import EXECUTABLE, REGULAR, Change, Entry, blobs
from orchestrator.workspace import naming

_TEXT = {REGULAR, EXECUTABLE}
_SIDES = ("ours", "base", "theirs")


@dataclass(frozen=True)
class Sides:
    """One region as each side has it, whole lines."""

    ours: str
    base: str
    theirs: str


@dataclass(frozen=True)
class Torn:
    """A file in pieces: text that is settled, and regions that are not.

    Attributes:
        change: what the attempt did to it.
        here: what the branch has.
        pieces: in their order.
    """

    change: Change
    here: Entry
    pieces: tuple[str | Sides, ...]

    @property
    def regions(self) -> list[Sides]:
        """What is not settled."""
        return [piece for piece in self.pieces if isinstance(piece, Sides)]

    def whole(self, texts: Sequence[str]) -> Change:
        """Return the file with these texts in place of its regions, as a change of what the branch has."""
        following = iter(texts)
        ends = "\r\n" if any("\r\n" in side.ours for side in self.regions) else "\n"
        settled = (_lines(next(following), ends) if isinstance(piece, Sides) else piece for piece in self.pieces)
        mode = self.change.mode if self.change.mode != self.change.old.mode else self.here.mode
        return Change(self.change.path, mode, "".join(settled).encode(), self.here)


def _lines(text: str, ends: str) -> str:
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    return whole.replace("\r\n", "\n").replace("\n", ends)


def torn(git: Git, change: Change, here: Entry, scratch: Path) -> Torn | None:
    """Return the file that both sides changed, in pieces.

    None where that cannot be shown as text: one side deleted it, or it has characters that nobody can see.
    """
    if not {here.mode, change.mode, change.old.mode} <= _TEXT:
        return None
    names = [here.blob, change.old.blob, str(change.blob)]
    held = blobs(git, names)
    contents = [held[name] for name in names]
    if not all(map(_is_plain, contents)):
        return None
    size = 1 + max(7, *(_longest_run(content) for content in contents))
    merged = _merged(git, contents, size, scratch)
    return Torn(change, here, tuple(_pieces(merged.decode(), size)))


def _is_plain(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return visible(text) == text.replace("\r\n", "\n")


def _longest_run(content: bytes) -> int:
    """Return the longest line start that could be taken for a marker: git's own are made longer."""
    return max((len(run) for run in re.findall(rb"^(?:<+|\|+|=+|>+)", content, re.MULTILINE)), default=0)


def _merged(git: Git, contents: Sequence[bytes], size: int, scratch: Path) -> bytes:
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        paths = [Path(folder) / side for side in _SIDES]
        with naming(scratch):
            for path, content in zip(paths, contents, strict=True):
                path.write_bytes(content)
        labels = [word for side in _SIDES for word in ("-L", side)]
        how = ("-p", "--quiet", "--diff3", f"--marker-size={size}", *labels)
        return git.attempt("merge-file", *how, *map(str, paths)).stdout


def _pieces(merged: str, size: int) -> Iterator[str | Sides]:
    marks = {f"{'<' * size} ours": "ours", f"{'|' * size} base": "base", "=" * size: "theirs"}
    end = f"{'>' * size} theirs"
    where, held = "", {"": "", "ours": "", "base": "", "theirs": ""}
    for line in re.findall(r"[^\n]*\n|[^\n]+", merged):
        bare = line.rstrip("\r\n")
        if bare == end:
            yield Sides(held["ours"], held["base"], held["theirs"])
            where, held = "", dict.fromkeys(held, "")
        elif bare in marks:
            if not where and held[""]:
                yield held[""]
                held[""] = ""
            where = marks[bare]
        else:
            held[where] += line
    if held[""]:
        yield held[""]


def numbered(files: Sequence[Torn]) -> Mapping[int, tuple[str, Sides]]:
    """Return every region of `files` by its number, with its path."""
    found = [(file.change.path, sides) for file in files for sides in file.regions]
    return dict(enumerate(found, 1))
