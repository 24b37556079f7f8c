"""Where the repository is, and whether a leader can work in it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git

OLDEST_GIT = (2, 38)  # the first with `merge-tree --write-tree`


@dataclass(frozen=True)
class Place:
    """One repository on disk: its checkout, and the git directory all its worktrees share."""

    root: Path
    git_dir: Path

    @property
    def name(self) -> str:
        """What the workflow is called where nobody gave it a name: as the folder, whose name may be no text."""
        return one_line(self.root.name)


def locate(start: Path, env: Mapping[str, str]) -> Place:
    """Find the repository that holds `start`.

    Raises:
        OrchestratorError: no git, git too old, no repository, or one that is bare, shallow, a linked worktree or apart
            from its files; each with the command that helps.
    """
    check_version(env)
    asked = ("is-bare-repository", "is-shallow-repository", "absolute-git-dir", "git-common-dir", "show-toplevel")
    done = Git(start, env).attempt("rev-parse", "--path-format=absolute", *(f"--{fact}" for fact in asked))
    said = os.fsdecode(done.stdout).split("\n")
    if len(said) < len(asked):
        raise _none(start, done.stderr.decode("utf-8", "replace"))
    if len(said) > len(asked) + 1:
        raise OrchestratorError(
            f"the path of this repository has a line break in it: {one_line(os.fspath(start))}",
            hint="rename that folder: git itself cannot name what is in it in a line",
            code=Exit.PRECONDITION,
        )
    bare, shallow, git_dir, common, root = said[: len(asked)]
    if bare == "true":
        raise OrchestratorError(
            f"{git_dir} is a bare repository: there is no checkout to work in",
            hint=f"git clone {git_dir} work && cd work",
            code=Exit.PRECONDITION,
        )
    if done.returncode:
        raise _none(start, done.stderr.decode("utf-8", "replace"))
    if git_dir != common:
        main = Path(common).parent
        whole = (main / ".git").exists()
        raise OrchestratorError(
            f"{root} is a linked worktree",
            hint=f"run in the main checkout: cd {main}"
            if whole
            else f"it has no main checkout: git clone {common} work",
            code=Exit.PRECONDITION,
        )
    if shallow == "true":
        raise OrchestratorError(
            "this is a shallow clone: what is done cannot be read from half a history",
            hint="git fetch --unshallow",
            code=Exit.PRECONDITION,
        )
    place = Place(Path(root).resolve(), Path(git_dir).resolve())
    _refuse_apart(place)
    return place


def _refuse_apart(place: Place) -> None:
    """Refuse a checkout that does not lead to its git directory: `core.worktree` says where its files are."""
    pointer = place.root / ".git"
    if pointer.is_file():
        words = os.fsdecode(pointer.read_bytes()).removeprefix("gitdir: ").rstrip("\n")
        pointer = place.root / words
    if pointer.resolve() != place.git_dir:
        raise OrchestratorError(
            f"{place.git_dir} keeps its files in {place.root} (core.worktree), which does not lead back to it",
            hint=f"work in a clone: git clone {place.git_dir} work && cd work",
            code=Exit.PRECONDITION,
        )


def _none(start: Path, said: str) -> OrchestratorError:
    if "dubious ownership" in said:
        return OrchestratorError(
            f"git does not trust {start}: it belongs to somebody else",
            hint=f"git config --global --add safe.directory {start}",
            code=Exit.PRECONDITION,
        )
    return OrchestratorError(
        f"{start} is not inside a git repository",
        hint="git init && git commit --allow-empty -m 'first commit'",
        code=Exit.PRECONDITION,
    )


def check_version(env: Mapping[str, str]) -> None:
    """Raise OrchestratorError when git is missing or older than `OLDEST_GIT`."""
    said = Git(Path(os.sep), env).line("version")
    numbers = re.search(r"(\d+)\.(\d+)", said)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST_GIT:
        raise OrchestratorError(
            f"{said} is too old", hint="install git 2.38 or newer (merge-tree --write-tree)", code=Exit.MISSING
        )
