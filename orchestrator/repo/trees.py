"""What a commit's tree holds, and how two trees differ."""

import os
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.policy import GITLINK, GONE, SYMLINK
from orchestrator.repo.git import Git, GitError, joined, split_records

__all__ = ["EXECUTABLE", "FOLDER", "GITLINK", "GONE", "REGULAR", "SYMLINK", "Change", "Entry"]

_Value = TypeVar("_Value")

REGULAR = "100644"
EXECUTABLE = "100755"
FOLDER = "040000"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MODE = rb"(?:40000|100644|100664|100755|120000|160000)"
_BEFORE = re.compile(_MODE + rb"\Z")
_WITHIN = re.compile(_MODE + rb" ")
_MANY = 100  # names; more are found sooner by a look at each entry than by a search through all for each


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a tree; `mode` is `GONE` where there is none."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs. `blob` is an object id, or the new content itself."""

    path: str
    mode: str
    blob: str | bytes
    old: Entry = Entry(GONE, "")


class _Memory(Generic[_Value]):
    """What was read by object id, which always means the same, as long as somebody asks for it.

    It lives in two generations: what is asked for belongs to the young one, which becomes the old one when it is `most`
    large (any unit) or has been asked `often`; what was not asked for since the last time is forgotten then.
    """

    def __init__(self, most: int, often: int) -> None:
        self._most, self._often = most, often
        self._young: dict[str, tuple[_Value, int]] = {}
        self._old: dict[str, tuple[_Value, int]] = {}
        self._size = self._asked = 0
        self._lock = threading.Lock()

    def known(self, names: Iterable[str]) -> dict[str, _Value]:
        """Return what is held of `names`: one question, however many they are."""
        with self._lock:
            self._asked += 1
            found = {name: held for name in names if (held := self._young.get(name) or self._old.get(name))}
            for name, held in found.items():
                self._hold(name, held)
        return {name: held[0] for name, held in found.items()}

    def put(self, name: str, value: _Value, size: int) -> None:
        """Hold `value`, which counts `size`."""
        with self._lock:
            self._hold(name, (value, size))

    def _hold(self, name: str, held: tuple[_Value, int]) -> None:
        if name in self._young:
            return
        if self._size > self._most or self._asked > self._often:
            self._old, self._young = self._young, {}
            self._size = self._asked = 0
        self._young[name] = held
        self._size += held[1]


# A leader over one project for years must not keep the trees of its past: the soak holds that against it.
_TREES: _Memory[str] = _Memory(500, 10_000)
_LISTINGS: "_Memory[tuple[tuple[str, Entry], ...]]" = _Memory(25_000, 50)


def entries(git: Git, commit: str, paths: Iterable[str] = ()) -> dict[str, Entry]:
    """Return the files of `commit`, all of them or those at or below `paths`."""
    wanted = [path.rstrip("/") for path in paths]
    if not wanted:
        return dict(_below(git, "", tree_of(git, commit)))
    found: dict[str, Entry] = {}
    for path, entry in at(git, commit, wanted).items():
        found |= dict(_below(git, f"{path}/", entry.blob)) if entry.mode == FOLDER else {path: entry}
    return found


def tree_of(git: Git, commit: str) -> str:
    """Return the id of the tree of `commit`, or of a tree itself.

    Raises:
        GitError: there is no such commit.
    """
    known = _TREES.known([commit]).get(commit)
    if known is None:
        found = git.look_up([f"{commit}^{{tree}}"])[0]
        if found is None:
            raise GitError("cat-file", 1, f"{commit} is no commit")
        known = found.id
        if _ID.fullmatch(commit):
            _TREES.put(commit, known, 1)
    return known


def at(git: Git, commit: str, paths: Sequence[str]) -> dict[str, Entry]:
    """Return what stands at each of `paths`, folders included; what is not there is left out."""
    asked: dict[str, dict[str, str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        asked.setdefault(folder, {})[name] = path
    root = tree_of(git, commit)
    read = git.read([f"{root}:{folder}" if folder else root for folder in asked])
    raw = [(tree.data, names) for tree, names in zip(read, asked.values(), strict=True) if tree and tree.kind == "tree"]
    found = {names[name]: entry for tree, names in raw for name, entry in _among(tree, names, len(root) // 2)}
    return {path: found[path] for path in paths if path in found}


def _among(tree: bytes, names: Collection[str], width: int) -> Iterator[tuple[str, Entry]]:
    """Yield what a tree's bytes, in which ids are `width` bytes long, hold of `names`."""
    if len(names) > _MANY:
        wanted = {os.fsencode(name): name for name in names}
        yield from ((wanted[name], _entry(mode, blob)) for mode, name, blob in _rows(tree, width) if name in wanted)
        return
    for name in names:
        entry = _named(tree, name, width)
        if entry is not None:
            yield name, entry


def _named(tree: bytes, name: str, width: int) -> Entry | None:
    """Return the entry `name` of a tree's bytes, in which ids are `width` bytes long."""
    wanted = b" " + os.fsencode(name) + b"\0"
    at = tree.find(wanted)
    while at >= 0:
        mode = _BEFORE.search(tree, max(0, at - 6), at)
        if mode and not _WITHIN.search(tree, tree.rfind(b"\0", 0, mode.start()) + 1, mode.start()):
            start = at + len(wanted)
            return _entry(mode[0], tree[start : start + width])
        at = tree.find(wanted, at + 1)  # it stood within an id, or at the end of another name: `100644 name`
    return None


def children(git: Git, tree: str) -> tuple[tuple[str, Entry], ...]:
    """Return what the tree of that id holds by itself: names with their entries, folders included."""
    return _children(git, [tree])[tree]


def _children(git: Git, trees: Sequence[str]) -> dict[str, tuple[tuple[str, Entry], ...]]:
    listed = _LISTINGS.known(trees)
    missing = [tree for tree in trees if tree not in listed]
    for tree, found in zip(missing, git.read(missing), strict=True):
        if found is None or found.kind != "tree":
            raise GitError("cat-file", 1, f"{tree} is no tree")
        listed[tree] = _parsed(found.data, len(tree) // 2)
        _LISTINGS.put(tree, listed[tree], len(listed[tree]))
    return listed


def _parsed(tree: bytes, width: int) -> tuple[tuple[str, Entry], ...]:
    return tuple((os.fsdecode(name), _entry(mode, blob)) for mode, name, blob in _rows(tree, width))


def _rows(tree: bytes, width: int) -> list[tuple[bytes, bytes, bytes]]:
    """Return mode, name and id of each entry of a tree's bytes."""
    return re.findall(rb"(\d+) ([^\0]+)\0(.{%d})" % width, tree, re.DOTALL)


def _entry(mode: bytes, blob: bytes) -> Entry:
    return Entry(mode.decode().rjust(6, "0"), blob.hex())


def _below(git: Git, prefix: str, tree: str) -> Iterator[tuple[str, Entry]]:
    """Yield every file below the tree of that id, a level of folders at a time."""
    level = [(prefix, tree)]
    while level:
        listed = _children(git, [tree for _, tree in level])
        deeper = []
        for above, folder in level:
            for name, entry in listed[folder]:
                if entry.mode == FOLDER:
                    deeper.append((f"{above}{name}/", entry.blob))
                else:
                    yield above + name, entry
        level = deeper


def alike(git: Git, commit: str, paths: Iterable[str]) -> list[str]:
    """Return the files of `commit` whose paths are those of `paths` when case does not count."""
    found: list[str] = []
    for path in paths:
        here = [("", tree_of(git, commit))]
        *folders, last = path.split("/")
        for folder in folders:
            here = [(f"{above}{name}/", entry.blob) for above, name, entry in _in_any_case(git, here, folder, FOLDER)]
        found += [above + name for above, name, _ in _in_any_case(git, here, last, "")]
    return found


def _in_any_case(
    git: Git, folders: Sequence[tuple[str, str]], name: str, mode: str
) -> Iterator[tuple[str, str, Entry]]:
    """Yield what is called `name` in any case in `folders` (path and tree): of `mode`, or anything but a folder."""
    wanted = name.casefold()
    for above, tree in folders:
        for known, entry in children(git, tree):
            if known.casefold() == wanted and (entry.mode == FOLDER) == (mode == FOLDER):
                yield above, known, entry


def differences(git: Git, old: str, new: str) -> list[Change]:
    """Return every path that differs between two commits or trees, renames as a deletion and an addition."""
    return all_differences(git, [(old, new)])[0]


def all_differences(git: Git, pairs: Sequence[tuple[str, str]]) -> list[list[Change]]:
    """Return, for each pair of commits or trees, every path that differs, as `differences` does."""
    return [list(_changes(split_records(said))) for said in git.compare(_trees(git, pairs))]


def _trees(git: Git, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    names = sorted({commit for pair in pairs for commit in pair})
    known = _TREES.known(names)
    unknown = [name for name in names if name not in known]
    for name, found in zip(unknown, git.look_up([f"{name}^{{tree}}" for name in unknown]), strict=True):
        if found is None:
            raise GitError("cat-file", 1, f"{name} is no commit")
        known[name] = found.id
        if _ID.fullmatch(name):
            _TREES.put(name, found.id, 1)
    return [(known[old], known[new]) for old, new in pairs]


def _changes(records: Sequence[str]) -> Iterator[Change]:
    for facts, path in zip(records[::2], records[1::2], strict=True):
        old_mode, new_mode, old_blob, new_blob, _status = facts[1:].split(" ")
        yield Change(path, new_mode, new_blob, Entry(old_mode, old_blob))


def line_counts(git: Git, pairs: Sequence[tuple[str, str]]) -> list[list[tuple[str, str, str]]]:
    """Return, for each pair of commits, the paths that differ with the lines added and removed (`-`: no text)."""
    counted = []
    for said in git.count(_trees(git, pairs)):
        records = (record.split("\t", 2) for record in split_records(said))
        counted.append([(path, added, removed) for added, removed, path in records])
    return counted


def upwards(path: str) -> Iterator[str]:
    """Yield a path and the folders it is in, from the inside out."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def blobs(git: Git, names: Iterable[str]) -> dict[str, bytes]:
    """Return the contents behind `names` (`commit:path` or ids); those that do not exist are left out."""
    wanted = list(names)
    found = zip(wanted, git.read(wanted), strict=True)
    return {name: blob.data for name, blob in found if blob and blob.kind == "blob"}


def checked_out(git: Git, path: str, entry: Entry) -> bytes:
    """Return what git would write at `path` for `entry`, line ends and filters applied; its own bytes if those fail."""
    filtered = git.attempt("cat-file", "--filters", f"--path={path}", entry.blob)
    return filtered.stdout if filtered.returncode == 0 else blobs(git, [entry.blob])[entry.blob]


def ignored(git: Git, paths: list[str]) -> set[str]:
    """Return those of `paths` that git's ignore rules cover."""
    if not paths:
        return set()
    asking = ("check-ignore", "-z", "--no-index", "--stdin")
    named = {f"./{path}" if path.startswith(":") else path: path for path in paths}  # `:(foo)z` is a name, too
    done = git.attempt(*asking, stdin=joined([*named]))
    if done.returncode in {0, 1}:
        return {named[said] for said in split_records(done.stdout)}
    # git ends at a path that it will not judge; those after it are judged all the same.
    return {path for said, path in named.items() if git.attempt(*asking, stdin=joined([said])).returncode == 0}
