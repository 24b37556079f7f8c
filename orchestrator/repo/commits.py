"""Commits built beside the branch, in the object database: no checkout, no index, one pack for many of them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.repo.folders import Folder
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.packs import Pack
from orchestrator.repo.refs import Move, move
from orchestrator.repo.trees import Change, tree_of
from orchestrator.workspace import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

COMMITTER = "Orchestrator <orchestrator@localhost>"
# Of a folder of thousands each pack keeps one version whole; `packing` finds two alike only where packs differ.
_TOGETHER = 120  # drafts in one pack: the chains of two fit into what `packing` allows
_LARGE = 1 << 26  # bytes after which a pack takes no more: it is made in memory
CANDIDATE = "refs/orchestrator/candidate"  # keeps a commit that is still to be verified


@dataclass(frozen=True)
class Draft:
    """A commit to be: `parent` None continues the chain from the draft before it."""

    message: str
    changes: tuple[Change, ...]
    when: datetime
    parent: str | None = None
    author: str = COMMITTER
    merged: tuple[str, ...] = ()


def build(git: Git, objects: ObjectFolders, ref: str, drafts: Sequence[Draft]) -> list[str]:
    """Write `drafts` as a chain of commits, leave `ref` at the last one, and return their ids; durable then.

    Raises:
        GitError: the disk did not take them, or git refused; `ref` is as it was.
    """
    return build_all(git, objects, [(ref, draft) for draft in drafts])


def build_all(git: Git, objects: ObjectFolders, drafts: Sequence[tuple[str, Draft]]) -> list[str]:
    """Write each draft as a commit and leave its ref there; return their ids. Durable when it returns.

    Raises:
        GitError: the disk did not take them, or git refused; all refs are as they were.
    """
    with writing(git, objects) as pen:
        for ref, draft in drafts:
            pen.add(ref, draft)
        return pen.finish()


@contextmanager
def writing(git: Git, objects: ObjectFolders) -> Iterator["Pen"]:
    """Write commits one by one as they are made; no ref names one of them before `finish`."""
    pen = Pen(git, objects)
    try:
        yield pen
    finally:
        pen.close()


class Pen:
    """Writes drafts as commits, into packs of their own.

    Args:
        git: reads what they stand on, and moves refs.
        objects: where the packs belong.
    """

    def __init__(self, git: Git, objects: ObjectFolders) -> None:
        self._git = git
        self._objects = objects
        self._pack: Pack | None = None
        self._waiting = 0  # drafts in that pack
        self._keeps: list[Path] = []
        self._tips: dict[str, str] = {}
        self._commits: list[str] = []
        self._tree: Folder | None = None  # of the commit before
        self._width = 0  # bytes of an id
        self._trees: dict[str, bytes] = {}

    def add(self, ref: str, draft: Draft) -> None:
        """Write one draft, for `ref`.

        Raises:
            GitError: there is no such parent, or the disk does not take it.
        """
        if draft.parent or self._tree is None:
            self._tree = self._load(draft.parent)
            self._width = self._tree.width
        for change in draft.changes:
            self._tree.apply(change, self._blob(change))
        pack = self._packing()
        tree = self._tree.write(pack)
        parents = [draft.parent or self._commits[-1]] if draft.parent or self._commits else []
        commit = pack.add("commit", _commit(tree.hex(), [*parents, *draft.merged], draft), "").hex()
        self._commits.append(commit)
        self._tips[ref] = commit
        self._waiting += 1
        if self._waiting >= _TOGETHER:
            self._write_pack()

    def _load(self, parent: str | None) -> Folder:
        if parent is None:
            width = len(self._git.line("hash-object", "-t", "tree", os.devnull)) // 2
            return Folder.empty(self._read, width)
        return Folder.load(self._read, tree_of(self._git, parent))

    def _read(self, tree: str) -> bytes:
        """Return a tree's bytes; many drafts stand on one commit."""
        if tree not in self._trees:
            found = self._git.read([tree])[0]
            if found is None or found.kind != "tree":
                raise GitError("cat-file", 1, f"{tree} is no tree")
            self._trees[tree] = found.data
        return self._trees[tree]

    def _blob(self, change: Change) -> bytes:
        if isinstance(change.blob, bytes):
            return self._packing().add("blob", change.blob, _kind(change.path))
        return bytes.fromhex(change.blob)

    def _packing(self) -> Pack:
        """Return the pack to put something into: another one once that is large, whatever a single draft holds."""
        if self._pack and self._pack.size > _LARGE:
            self._write_pack()
        if self._pack is None:
            self._pack = Pack(self._width)
        return self._pack

    def _write_pack(self) -> None:
        if self._pack is not None:
            self._keeps.append(self._pack.write(self._objects.git_dir / "objects" / "pack"))
        self._pack, self._waiting = None, 0

    def finish(self) -> list[str]:
        """Move the refs, and return the commits' ids, in order. Durable when it returns.

        Raises:
            GitError: the disk did not take them, or git refused; all refs are as they were.
            OSError: the disk does not take the packs' names.
        """
        self._write_pack()
        # The packs have their names on the disk before a ref points into them: a power cut may take either.
        for folder in {keep.parent for keep in self._keeps}:
            sync_folder(folder)
        self._objects.make_durable()
        if self._tips:
            move(self._git, [Move(ref, commit) for ref, commit in self._tips.items()], "written", logged=False)
        return self._commits

    def close(self) -> None:
        """Let git join the packs with others."""
        for keep in self._keeps:
            with suppress(OSError):  # the next start takes it away
                keep.unlink(missing_ok=True)


def _kind(path: str) -> str:
    """Return what documents alike have in common: their path at the top, their folder and ending below it."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[2]}" if folder else path


def _commit(tree: str, parents: Iterable[str], draft: Draft) -> bytes:
    seconds = int(draft.when.timestamp())
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {draft.author} {seconds} +0000",
        f"committer {COMMITTER} {seconds} +0000",
    ]
    return ("\n".join(lines) + f"\n\n{draft.message}").encode()


def identity(name: str, email: str) -> str:
    """Return `Name <email>` with the characters git's formats cannot hold left out."""
    clean = [part.translate({ord(char): None for char in "<>\n\0"}).strip() for part in (name, email)]
    return f"{clean[0] or 'Orchestrator'} <{clean[1] or 'orchestrator@localhost'}>"


def trailers(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `Key: value` lines; a value is one line by construction, so none can start a trailer of its own."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in pairs if value)
