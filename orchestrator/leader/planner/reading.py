"""What of a repository the planner is shown: its files, and what matters of some, within a number of tokens."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.brief.fitting import BYTES_PER_TOKEN
from orchestrator.errors import OrchestratorError
from orchestrator.plaintext import safe_text
from orchestrator.repo.git import Git
from orchestrator.repo.trees import GITLINK, SYMLINK, Entry, blobs
from orchestrator.steps.conventions import without_block
from orchestrator.steps.install import CONVENTIONS
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO

_KEY_FILES = (
    *CONVENTIONS,
    "README.md",
    "README.rst",
    "README",
    "pyproject.toml",
    "package.json",
    "Cargo.toml",
    "go.mod",
    "Makefile",
    "CONTRIBUTING.md",
)
_NAMED = 8  # files that the goal names
_DEFINES = re.compile(
    r"\s{0,8}(?:(?:async |export |default |pub(?:\([a-z]+\))? |public |private |static |abstract )*"
    r"(?:def|class|func|fn|function|interface|type|struct|enum|trait|impl|module|const) ).*"
)


@dataclass(frozen=True)
class Sight:
    """What is shown: the list of files, and the beginnings of some with their paths."""

    listing: str
    excerpts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Repository:
    """The files of one commit, without the plan's own papers."""

    git: Git
    files: dict[str, Entry]

    def look(self, goal: str, tokens: int) -> Sight:
        """Return what fits into so many tokens: half for the list of files, the rest for what they say."""
        room = tokens * BYTES_PER_TOKEN
        listing = listed(self.paths(), room // 2)
        room -= len(listing.encode())
        excerpts: list[tuple[str, str]] = []
        chosen = list(dict.fromkeys([*self._named(goal), *(path for path in _KEY_FILES if path in self.files)]))
        for left, path in zip(range(len(chosen), 0, -1), chosen, strict=True):
            # What one leaves, those after it may have.
            text = clipped(self.text(path), max(room // left, room // 3) - len(path))
            if text.strip():
                excerpts.append((path, text))
                room -= len(text.encode()) + len(path)
        return Sight(listing, tuple(excerpts))

    def paths(self) -> list[str]:
        """Return the paths, in order."""
        return sorted(self.files)

    def _named(self, goal: str) -> list[str]:
        words = {word.strip("`'\"()[]<>.,:;!?") for word in goal.split()}
        return [path for path in self.paths() if path in words][:_NAMED]

    def text(self, path: str) -> str:
        """Return what a file says, empty where it is no text."""
        entry = self.files[path]
        if entry.mode in {SYMLINK, GITLINK}:
            return ""
        data = blobs(self.git, [entry.blob])[entry.blob]
        if path in CONVENTIONS:
            data = _without_ours(data, path)
        return "" if b"\0" in data[:8000] else safe_text(data.decode("utf-8", "replace"))

    def skeleton(self, paths: Sequence[str], size: int) -> str:
        """Return what the files of a task define, in so many bytes; of one that defines nothing, how it begins."""
        parts = []
        there = [path for path in paths if path in self.files]
        for path in there:
            text = self.text(path)
            lines = [line.rstrip() for line in text.split("\n") if _DEFINES.fullmatch(line)]
            said = "\n".join(lines) or text.strip()
            parts.append(f"{path}:\n{clipped(said, size // len(there) - len(path) - 2)}")
        return "\n".join(parts)


def repository(git: Git, tree: dict[str, Entry]) -> Repository:
    """Return the repository of a commit's files, without what is ours."""
    return Repository(git, {path: entry for path, entry in tree.items() if not _is_paper(path)})


def _is_paper(path: str) -> bool:
    return path in {TODO, STATE} or path.startswith((SPECS, CHECKPOINTS))


def _without_ours(data: bytes, path: str) -> bytes:
    try:
        return without_block(data, path) or b""
    except OrchestratorError:  # a person is at it
        return data


def clipped(text: str, size: int) -> str:
    """Return the first lines of `text` that fit into `size` bytes."""
    data = text.strip("\n").encode()
    if len(data) <= size:
        return data.decode()
    head = data[: max(0, size)].decode("utf-8", "ignore")
    return head.rpartition("\n")[0] or head


def listed(paths: Sequence[str], size: int) -> str:
    """Return the paths as lines within `size` bytes: folders too deep for that only with how many files they hold."""
    deepest = max((path.count("/") for path in paths), default=0)
    for depth in range(deepest, -1, -1):
        text = "\n".join(_at_depth(paths, depth))
        if len(text.encode()) <= size:
            return text
    lines = clipped(text, size - 40).split("\n") if paths else []
    return "\n".join([*lines, f"(and {len(text.split(chr(10))) - len(lines):,} more)"])


def _at_depth(paths: Iterable[str], depth: int) -> Iterator[str]:
    """Yield files that stand at most so many folders deep, and the folders at that depth that hold more."""
    deeper = Counter("/".join(path.split("/")[: depth + 1]) for path in paths if path.count("/") > depth)
    told: set[str] = set()
    for path in paths:
        if path.count("/") <= depth:
            yield path
            continue
        folder = "/".join(path.split("/")[: depth + 1])
        if folder not in told:
            told.add(folder)
            count = deeper[folder]
            yield f"{folder}/ ({count:,} file{'s' if count > 1 else ''})"
