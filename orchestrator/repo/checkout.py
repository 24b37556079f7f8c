"""The user's checkout: moved forward with the branch, never over anything that is not committed.

One advance is four mutations, each of which a kill may follow: the intent is written (two refs), the files are brought
forward in a private index, the branch moves by compare-and-swap, the private index becomes the index. git's own
`index.lock` is held throughout, so no other git can commit half of it. `settle` finishes or undoes what a kill cut
short, by one rule: a path of the advance whose file is the old version, the new one or a torn new one is ours, and gets
the branch's version; anything else is the user's and stays.
"""

import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import listed
from orchestrator.repo import intent
from orchestrator.repo.git import Git, GitError, joined, split_records
from orchestrator.repo.index_lock import LIVING_PATIENCE, PATIENCE, IndexLock, NotNowError, copy_index, settled_lock
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.obstacles import (
    blocking,
    holds_only,
    is_folder,
    may_be,
    passed_over,
    same_as,
    staged_since,
    unasked,
    wall_before,
)
from orchestrator.repo.refs import ZERO, Move, head, lost_race, make_durable, move, resolve, unfinished
from orchestrator.repo.syncing import sync, sync_files, sync_folders_of
from orchestrator.repo.trees import EXECUTABLE, REGULAR, Change, Entry, blobs, differences, entries
from orchestrator.repo.walk import Mark, mark

_BLOCK = 4096  # bytes that reach a disk together
_PUT_AWAY = "commit them, or put them away (git stash push --all -- PATH), then: orchestrator run"


class BranchMovedError(NotNowError):
    """Somebody else moved the branch first; the candidate must be built again on the new tip."""


class InTheWayError(NotNowError):
    """An uncommitted change of the user's stands where a landing must write."""

    def __init__(self, paths: Sequence[str], hint: str = _PUT_AWAY) -> None:
        super().__init__(
            f"uncommitted changes are in the way: {listed(paths, between=', ')}", hint=hint, code=Exit.PRECONDITION
        )
        self.paths = tuple(paths)


@dataclass(frozen=True)
class Checkout:
    """The checkout of one branch.

    Args:
        git: git, running at the checkout's top.
        place: where it is.
        branch: the full ref name the workflow lands on.
        scratch: a folder of ours on the same file system, for the private index.
        objects: where git keeps what the branch is about to point at.
        moving: held while the branch moves, so that our own guard does not take it for somebody else's move.
    """

    git: Git
    place: Place
    branch: str
    scratch: Path
    objects: ObjectFolders
    moving: threading.Lock = field(default_factory=threading.Lock)
    _left: list[Mark] = field(default_factory=list)  # the index as the last advance left it

    def tip(self) -> str:
        """Return the branch's commit, which is also what is checked out.

        Raises:
            NotNowError: another branch is checked out now, and to land here would write over it; or a merge, a revert
                or the like is not committed yet, and what it brings would pass for a person's edit.
        """
        commit = self.here()
        begun = unfinished(self.git, self.place.git_dir)
        if begun:
            raise NotNowError(begun[0], hint=begun[1], code=Exit.PRECONDITION)
        return commit

    def here(self) -> str:
        """Return the branch's commit, which is also what is checked out, whatever is not committed yet.

        Raises:
            NotNowError: another branch is checked out now.
        """
        try:
            here = head(self.git)
        except OrchestratorError as error:
            raise NotNowError(error.message, hint=error.hint, code=error.code) from error
        if here.branch != self.branch:
            name = self.branch.removeprefix("refs/heads/")
            back = f"git switch {name}, then: " if resolve(self.git, self.branch) else ""  # it may have been renamed
            raise NotNowError(
                f"the checkout went from {name} to {here.short} under the run",
                hint=f"{back}orchestrator run",
                code=Exit.PRECONDITION,
            )
        return here.commit

    def locked(self, patience: float = PATIENCE, living: float = LIVING_PATIENCE) -> AbstractContextManager[IndexLock]:
        """Return git's lock of the index, to hold while what is checked out is written: see `settled_lock`."""
        return settled_lock(self.git, self.place, self._left, patience, living)

    def advance(self, old: str, new: str, reason: str, taken: Sequence[str] = ()) -> None:
        """Move branch, index and files from `old` to `new`; durable when it returns.

        Args:
            old: the commit the branch must be at.
            new: a descendant of `old`.
            reason: for the reflog.
            taken: paths whose new content is what the user's own files already hold.

        Raises:
            InTheWayError: the user changed a path that `new` changes; nothing moved.
            BranchMovedError: the branch is not at `old`; nothing moved.
        """
        with self.moving:
            self._advance(old, new, reason, taken)

    def _advance(self, old: str, new: str, reason: str, taken: Sequence[str]) -> None:
        with self.locked() as lock:
            if self.tip() != old:
                raise BranchMovedError(f"{self.branch} moved", hint="orchestrator run")
            changes = differences(self.git, old, new)
            lost = unasked(self.git, self.place.root, changes, taken)
            if lost:
                raise InTheWayError(lost)
            self.objects.make_durable()
            move(self.git, [Move(self._from, old), Move(self._to, new), *self._noting(taken)], "intent")
            make_durable(self.place.git_dir, self._from, self._to, self._taken)
            self._bring_forward(old, new, reason, taken, changes)
            copy_index(self._index, lock.path)
            sync(lock.path)
            self._left[:] = [mark(lock.become_index().stat())]
        # In this order: without the intent, a branch that fell back would make all of it look like a person's change.
        make_durable(self.place.git_dir, self.branch)
        self._forget()

    def _bring_forward(self, old: str, new: str, reason: str, taken: Sequence[str], changes: Sequence[Change]) -> None:
        private = self._private_index()
        self._update_files(private, old, new, taken, changes)
        try:
            move(self.git, [Move(self.branch, new, old)], reason)
        except GitError as error:
            # git may fail after the branch moved, at a reflog on a full disk: then the way is forward.
            if resolve(self.git, self.branch) != new:
                private.read_tree("-m", "-u", new, old)
                self._forget()
                if lost_race(error):
                    raise BranchMovedError(f"{self.branch} moved", hint="orchestrator run") from error
                raise
            # What HEAD's reflog does not say, the guard would take for a move from outside, and undo.
            move(self.git, [Move("HEAD", new, new)], reason)
        files = {REGULAR, EXECUTABLE}
        sync_files([self.place.root / change.path for change in changes if change.mode in files])
        sync_folders_of(self.place.root, [change.path for change in changes])

    def _update_files(self, private: Git, old: str, new: str, taken: Sequence[str], changes: Sequence[Change]) -> None:
        """Bring files and private index from `old` to `new`, or refuse and write nothing where one is in the way.

        What was written before any other failure, such as a full disk, is taken back: here, or else by the next start.
        """
        try:
            if taken:
                private.run("update-index", "--add", "--remove", "-z", "--stdin", stdin=joined(taken))
            # Asked first: what is half-written could not be told from what a person did.
            self._ask(private, old, new, changes)
        except GitError as error:
            self._refuse_or_take(private, old, new, taken, changes, error)
            return
        try:
            private.read_tree("-m", "-u", old, new)
        except GitError:
            with suppress(OrchestratorError, OSError):
                self.settle()
            raise

    def _ask(self, private: Git, old: str, new: str, changes: Sequence[Change]) -> None:
        """Ask git whether it can bring the files from `old` to `new`.

        Raises:
            GitError: it cannot.
        """
        try:
            private.read_tree("-n", "-m", "-u", old, new)
        except GitError:
            self._refresh(private)
            # Of another length, for its line ends, a file passes for changed until git is told to look into it.
            touched = {change.path for change in changes}.intersection(
                private.records("diff-files", "--name-only", "-z")
            ).difference(self._unmerged(private), self._staged(private, old))
            alike = same_as(self.git, self.place.root, old, sorted(touched))
            private.run("update-index", "-z", "--stdin", stdin=joined(alike))
            private.read_tree("-n", "-m", "-u", old, new)

    def _refuse_or_take(
        self, private: Git, old: str, new: str, taken: Sequence[str], changes: Sequence[Change], error: GitError
    ) -> None:
        """Say what is in the way of git; where all of it holds what is to be written, take it as the user's own."""
        self._refresh(private)
        found = self._unmerged(private) or blocking(private, self.place.root, changes, old)
        staged = set(self._staged(private, old)).intersection(self._staged(private, new))
        same = [path for path in same_as(self.git, self.place.root, new, found) if path not in staged]
        if len(same) == len(found) and not set(same) <= set(taken):
            move(self.git, self._noting([*taken, *same]), "these are the user's, too")
            self._update_files(private, old, new, [*taken, *same], changes)
            return
        self._forget()
        if len(same) == len(found):
            raise error
        lost = [path for path in found if path not in same]
        raise InTheWayError(lost, passed_over(private, lost) or _PUT_AWAY) from error

    @property
    def _from(self) -> str:
        """The ref that remembers where an advance of this branch started."""
        return intent.part("from", self.branch)

    @property
    def _to(self) -> str:
        """The ref that remembers where it leads."""
        return intent.part("to", self.branch)

    @property
    def _taken(self) -> str:
        """The ref to a list of the paths that are the user's own, however the advance ends."""
        return intent.part("taken", self.branch)

    def _noting(self, taken: Sequence[str]) -> list[Move]:
        """Return the move that writes `taken` down: none where nothing is taken."""
        if not taken:
            return []
        blob = self.git.run("hash-object", "-w", "--stdin", stdin=joined(taken)).decode().strip()
        return [Move(self._taken, blob)]

    def _noted(self) -> list[str]:
        found = self.git.read([self._taken])[0]
        return split_records(found.data) if found else []

    @property
    def _index(self) -> Path:
        return self.scratch / "index"

    def _private_index(self) -> Git:
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._index.unlink(missing_ok=True)
        real = self.place.git_dir / "index"
        if real.exists():
            copy_index(real, self._index)
        self._unlock()
        private = self.git.within(GIT_INDEX_FILE=str(self._index))
        if real.exists() and mark(real.stat()) not in self._left:
            self._refresh(private)
        return private

    def _refresh(self, private: Git) -> None:
        """Have git look into the files that were touched: until then they are in the way, and each look reads them.

        That takes 10 us for each file there is, which is why an index that is as a landing left it does without.
        """
        self._unlock()
        private.attempt("update-index", "-q", "--refresh")
        self._unlock()

    def _unlock(self) -> None:
        """Take the lock of the private index away: it is ours alone, and one that git could not take away stops it."""
        self._index.with_name("index.lock").unlink(missing_ok=True)

    def _forget(self) -> None:
        move(self.git, [Move(ref, ZERO) for ref in (self._from, self._to, self._taken)], "settled")

    def _unmerged(self, private: Git) -> list[str]:
        """Return the paths of a merge that a person has not finished."""
        return sorted({record.split("\t", 1)[1] for record in private.records("ls-files", "-u", "-z")})

    def _staged(self, private: Git, old: str) -> list[str]:
        """Return the paths that the index has otherwise than `old`: a person staged that, whatever the file holds."""
        return private.records("diff-index", "--cached", "--name-only", "--no-renames", "-z", old)

    def settle(self) -> str | None:
        """Finish or undo an advance that a kill cut short; return one sentence about it, or None."""
        self._take_over()
        old, new = resolve(self.git, self._from), resolve(self.git, self._to)
        if old is None or new is None:
            if old != new:  # cut short while the intent was written, or taken back
                self._forget()
            return None
        tip = resolve(self.git, self.branch) or old
        changes = [*self._unsettled(differences(self.git, old, new), tip, new)]
        theirs = set(self._noted())
        open_to_us = (change.path for change in changes if not wall_before(self.place.root, change.path))
        paths = [path for path in open_to_us if path not in theirs]
        whole = {path for commit in (old, new) for path in same_as(self.git, self.place.root, commit, paths)}
        mine = {change.path for change in changes if change.path in whole or self._is_ours(change, theirs)}
        mine |= self._giving_way({change.path for change in changes}.difference(mine, theirs), mine)
        if changes:
            staged = staged_since(self.git, [change for change in changes if change.path not in theirs])
            self._rewrite(tip, [change.path for change in changes], mine, staged)
        make_durable(self.place.git_dir, self.branch)
        self._forget()
        return f"a landing was cut short: the checkout now shows {tip[:10]} ({len(mine)} files settled)"

    def _take_over(self) -> None:
        """Take over the intent of an advance on a branch that has been renamed to this one since."""
        own = [self._from, self._to, self._taken]
        if resolve(self.git, self._to):
            return  # first things first: the next run finds the other
        for name in intent.unsettled(self.git, self.branch):
            before = intent.parts(name)
            if before != own:
                ids = [found.id if found else "" for found in self.git.look_up(before)]
                move(self.git, [Move(ref, at) for ref, at in zip(own, ids, strict=True) if at], "renamed")
                move(self.git, [Move(ref, ZERO) for ref in before], "renamed")

    def _unsettled(self, changes: Sequence[Change], tip: str, new: str) -> Iterator[Change]:
        """Yield what was not brought to its end.

        Once the branch has moved, that is what the index does not have: with the index, all was done, and whatever
        differs now a person has changed since.
        """
        arrived = not self.git.attempt("merge-base", "--is-ancestor", new, tip).returncode
        behind = set(self._staged(self.git, tip) if arrived else ())
        yield from (change for change in changes if not arrived or change.path in behind)

    def _giving_way(self, paths: Collection[str], mine: Collection[str]) -> set[str]:
        """Return those of `paths` at which a folder of files of `mine` stands, or one of them on the way."""
        root = self.place.root
        return {path for path in paths if holds_only(root, path, mine) or wall_before(root, path) in mine}

    def _is_ours(self, change: Change, theirs: Collection[str]) -> bool:
        """Whether what stands there was left by an advance, whole or in part, and is none of `theirs`."""
        path = self.place.root / change.path
        if change.path in theirs or wall_before(self.place.root, change.path):  # what is behind a link is elsewhere
            return False
        if path.is_symlink():
            here = os.fsencode(path.readlink())
            return here in blobs(self.git, [str(change.blob), change.old.blob]).values()
        if not path.is_file():
            return not path.exists()
        here, both = path.read_bytes(), [Entry(change.mode, str(change.blob)), change.old]
        files = [side for side in both if side.mode in {REGULAR, EXECUTABLE} and may_be(self.git, path, side)]
        return any(_is_torn(here, self._written(side.blob, change.path)) for side in files)

    def _written(self, blob: str, path: str) -> bytes:
        """Return `blob` as git would write it at `path`: line endings and filters applied."""
        return self.git.run("cat-file", "--filters", f"--path={path}", blob)

    def _rewrite(self, tip: str, paths: Sequence[str], mine: set[str], staged: Sequence[str]) -> None:
        private = self._private_index()
        there = entries(self.git, tip, paths)
        gone = [path for path in paths if path not in there]
        private.run("update-index", "-z", "--force-remove", "--stdin", stdin=joined(gone))
        listed = [f"{entry.mode} {entry.blob}\t{path}" for path, entry in there.items()]
        private.run("update-index", "-z", "--index-info", stdin=joined(listed))
        ours = [path for path in mine if path in there]
        for path in sorted(mine.intersection(gone)):  # first: a file may come where there was a folder of them
            if not wall_before(self.place.root, path) and not is_folder(self.place.root / path):
                (self.place.root / path).unlink(missing_ok=True)
        right = set(same_as(self.git, self.place.root, tip, ours))
        stale = [path for path in ours if path not in right]
        private.run("checkout-index", "-f", "-u", "-z", "--stdin", stdin=joined(stale))
        for path in ours:
            if not (self.place.root / path).is_symlink():
                sync(self.place.root / path)
        sync_folders_of(self.place.root, [*ours, *gone])
        private.run("update-index", "-z", "--index-info", stdin=joined(staged))
        private.attempt("update-index", "-q", "--refresh")
        sync(self._index)
        self._index.replace(self.place.git_dir / "index")


def _is_torn(here: bytes, then: bytes) -> bool:
    """Whether a file that was to hold `then` may hold `here`: its start after a kill, zeros after a power cut."""
    starts = range(0, len(here), _BLOCK)
    blocks = ((here[n : n + _BLOCK], then[n : min(n + _BLOCK, len(here))]) for n in starts)
    return len(here) <= len(then) and all(block == wanted or not block.strip(b"\0") for block, wanted in blocks)
