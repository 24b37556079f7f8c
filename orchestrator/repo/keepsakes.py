"""Keepsakes: a person's stashes and branches. Who takes them away is not asked; what they held is kept, and told.

All worktrees of a repository share both: an agent that says `git stash; make test; git stash pop`, and had nothing to
stash, takes the person's.
"""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import loose_names, loose_ref, move, packed, resolve
from orchestrator.repo.undo import kept
from orchestrator.repo.watch import Look, look_at

_HEADS = "refs/heads/"
_FEW = 8  # branches that git is asked about one by one
_STASH = "logs/refs/stash"
_STASHED = re.compile(rb"^[0-9a-f]+ ([0-9a-f]{40,64}) [^\t\n]*\t?(.*)$", re.MULTILINE)


@dataclass
class Keepsakes:
    """What a person had when the run began.

    Args:
        git: the leader's git.
        place: the repository.
    """

    git: Git
    place: Place
    _stashes: dict[str, str] = field(default_factory=dict)  # commit to what it is called
    _seen: Look = ()  # how the stash's reflog lay on the disk
    _branches: dict[str, str] = field(default_factory=dict)  # ref to commit
    _loose: set[str] = field(default_factory=set)  # those that had a file of their own
    _read: dict[str, tuple[Look, str]] = field(default_factory=dict)  # ref to how its file lay there, and what it said
    _packed: tuple[int, ...] = ()  # how the other refs lay on the disk

    def start(self) -> None:
        """Take what is there now for the person's own."""
        self._seen, self._stashes = self._look(), self._stashed()
        listed = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", _HEADS)
        rows = (os.fsdecode(line).partition(" ") for line in listed.split(b"\n") if line)
        self._branches = {ref: commit for commit, _, ref in rows}
        self._loose, self._packed = {*self._files()}, packed(self.place.git_dir)

    def look(self) -> list[str]:
        """Keep what is gone, save branches that another one holds; return a sentence for each."""
        return [*self._lost_stashes(), *self._lost_branches()]

    def _lost_stashes(self) -> list[str]:
        seen = self._look()
        if seen == self._seen:
            return []
        self._seen, there = seen, self._stashed()
        gone = {commit: name for commit, name in self._stashes.items() if commit not in there}
        told = []
        for commit, name in gone.items():
            del self._stashes[commit]
            ref = self._keep("stash", commit)
            if ref:
                told.append(f"a stash is gone ({name}); it is kept: git stash apply {ref}")
        return told

    def _lost_branches(self) -> list[str]:
        files, where = self._files(), packed(self.place.git_dir)
        unsure = self._branches.keys() - files.keys() if where != self._packed else self._loose - files.keys()
        self._loose, self._packed = {*files}, where
        self._branches |= files  # they may have moved on
        told = []
        for branch in self._missing(unsure):
            commit, name = self._branches.pop(branch), branch.removeprefix(_HEADS)
            search = ("for-each-ref", "--count=1", "--contains", commit, _HEADS, "refs/remotes/")
            ref = "" if self.git.attempt(*search).stdout else self._keep("branch", commit)
            if ref:
                told.append(f"the branch {one_line(name)} is gone; it is kept: git branch {one_line(name)} {ref}")
        return told

    def _missing(self, unsure: Collection[str]) -> list[str]:
        """Return those that git does not have; of thousands it is asked once, when all were packed."""
        if len(unsure) <= _FEW:
            return sorted(branch for branch in unsure if resolve(self.git, branch) is None)
        listed = self.git.run("for-each-ref", "--format=%(refname)", _HEADS).split(b"\n")
        return sorted({*unsure} - set(map(os.fsdecode, listed)))

    def _keep(self, kind: str, commit: str) -> str:
        keeping = kept(kind, commit)
        with suppress(GitError):  # it was pruned at once
            move(self.git, [keeping], "kept")
            return keeping.ref
        return ""

    def _look(self) -> Look:
        return look_at(self.place.git_dir / _STASH)

    def _stashed(self) -> dict[str, str]:
        file = self.place.git_dir / _STASH
        found = _STASHED.findall(file.read_bytes()) if file.is_file() else []
        return {commit.decode(): one_line(name.decode("utf-8", "replace"), 60) for commit, name in found}

    def _files(self) -> dict[str, str]:
        """Return those of the branches that have a file of their own, with what it says."""
        names = [f"{_HEADS}{name}" for name in loose_names(self.place.git_dir, _HEADS)]
        looks = {branch: look_at(self.place.git_dir / branch) for branch in names if branch in self._branches}
        self._read = {
            branch: known
            if (known := self._read.get(branch)) and known[0] == look
            else (look, loose_ref(self.place.git_dir / branch))
            for branch, look in looks.items()
        }
        return {branch: commit for branch, (_, commit) in self._read.items() if commit}
