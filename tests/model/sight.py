"""Everything that git and the disk show of a repository at one moment, read without the program."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness import Repo

DOCUMENTS = ("TODO.md", "workflow-state.md", "specs/", "checkpoints/")
_HIDDEN = {".git", ".orchestrator"}
_HALF = ".orchestrator-tmp"  # what a kill may leave of a file: `aftermath` looks for it


def is_document(path: str) -> bool:
    """Whether `path` is one of the program's documents."""
    return path.startswith(DOCUMENTS) and path.endswith(".md")


def blob(data: bytes) -> str:
    """Return the id git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Sight:
    """One moment.

    Attributes:
        branch: the full name of what is checked out, empty for a detached HEAD.
        refs: every ref with its commit.
        files: every file of the checkout with its bytes.
        index: path to blob, as staged.
        head: path to blob, as committed.
    """

    branch: str
    refs: Mapping[str, str]
    files: Mapping[str, bytes]
    index: Mapping[str, str]
    head: Mapping[str, str]

    @property
    def tip(self) -> str:
        """The commit that is checked out."""
        return self.refs.get(self.branch, "")

    @cached_property
    def uncommitted(self) -> dict[str, bytes | None]:
        """Each path whose file is not what HEAD has, with its bytes; None where a committed file is gone."""
        fresh = {path: data for path, data in self.files.items() if self.head.get(path) != blob(data)}
        return {**fresh, **dict.fromkeys(self.head.keys() - self.files.keys())}

    @cached_property
    def staged(self) -> dict[str, str]:
        """Each path whose staged blob is not what HEAD has; empty where its deletion is staged."""
        paths = self.index.keys() | self.head.keys()
        return {path: self.index.get(path, "") for path in paths if self.index.get(path) != self.head.get(path)}

    def heads(self) -> dict[str, str]:
        """Return the branches."""
        return {ref: commit for ref, commit in self.refs.items() if ref.startswith("refs/heads/")}

    def attempts(self) -> dict[str, str]:
        """Return the recorded attempts."""
        return {ref: commit for ref, commit in self.refs.items() if ref.startswith("refs/orchestrator/attempts/")}


def see(repo: Repo) -> Sight:
    """Look at everything."""
    named = (repo.root / ".git" / "HEAD").read_text().strip()
    refs = dict(line.split(" ") for line in _lines(repo.git("for-each-ref", "--format=%(refname) %(objectname)")))
    head = dict(_named(line) for line in _lines(repo.git("ls-tree", "-r", "HEAD")) if not line.endswith(_HALF))
    index = dict(_named(line) for line in _lines(repo.git("ls-files", "-s")) if not line.endswith(_HALF))
    return Sight(named.removeprefix("ref: "), refs, _files(repo), index, head)


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _named(line: str) -> tuple[str, str]:
    """Return the path and blob of a line of `ls-tree` or `ls-files -s`."""
    facts, path = line.split("\t")
    return path, next(word for word in facts.split(" ") if len(word) == 40)


def _files(repo: Repo) -> dict[str, bytes]:
    found = {}
    for folder, folders, names in os.walk(repo.root):
        folders[:] = [name for name in folders if name not in _HIDDEN]
        for name in (name for name in names if not name.endswith(_HALF)):
            path = Path(folder, name)
            found[str(path.relative_to(repo.root))] = path.read_bytes()
    return found
