"""Refs: where HEAD is, compare-and-swap moves, and the names this program owns."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.git import Git, GitError
from orchestrator.workspace import sync_folder

OURS = "refs/orchestrator"
_LONGEST = 100  # bytes of a ref's file: an id has 64 at most
_SAME_TIME = 0.1  # seconds within which two changes may bear one time
# Where the leader's documents are. Spelled out: `standing`, which names them, takes long to load.
PAPERS = (":/TODO.md", ":/workflow-state.md", ":/specs", ":/checkpoints")
_BEGUN = {
    "MERGE_HEAD": "merge",
    "REVERT_HEAD": "revert",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "rebase-apply/applying": "am",
}
ZERO = "0" * 40  # a ref that is not there; never handed to git, whose ids may be longer


@dataclass(frozen=True)
class Head:
    """The branch that is checked out, and its commit."""

    branch: str
    commit: str

    @property
    def short(self) -> str:
        """The branch's name as people say it."""
        return self.branch.removeprefix("refs/heads/")


def head(git: Git) -> Head:
    """Return where HEAD is.

    Raises:
        OrchestratorError: HEAD is detached, or there is no commit yet.
    """
    branch = checked_out(git)
    if branch is None:
        why, hint = _detached(git.directory / ".git")
        raise OrchestratorError(f"{why}: there is no branch to land on", hint=hint, code=Exit.PRECONDITION)
    found = resolve(git, branch)
    if found is None:
        raise OrchestratorError(
            f"the branch {branch.removeprefix('refs/heads/')} has no commits yet",
            hint="git commit --allow-empty -m 'first commit'",
            code=Exit.PRECONDITION,
        )
    return Head(branch, found)


def _detached(git_dir: Path) -> tuple[str, str]:
    """Return why HEAD is on no branch, and what ends that: in the middle of a rebase git refuses to switch."""
    if (git_dir / "rebase-merge").exists() or (git_dir / "rebase-apply").exists():
        return "a rebase is not finished", "git rebase --continue   # or: git rebase --abort"
    if (git_dir / "BISECT_LOG").exists():
        return "a bisect is not finished", "git bisect reset"
    return "HEAD is detached", "git switch -c NAME   # or: git switch main"


def unfinished(git: Git, git_dir: Path) -> tuple[str, str] | None:
    """Return what a person began with git and has not committed, and what ends it; None where there is nothing."""
    for file, verb in _BEGUN.items():
        if (git_dir / file).exists():
            return f"a git {verb} is not finished", f"git {verb} --continue   # or what `git status` offers"
    # These two may be left from long ago: then nothing of ours is staged, or a person is about to commit it.
    said = next((file for file in ("SQUASH_MSG", "MERGE_MSG") if (git_dir / file).exists()), "")
    staged = ("diff-index", "--cached", "--ita-invisible-in-index", "--quiet", "HEAD", "--", *PAPERS)
    if not said or git.attempt(*staged).returncode != 1:
        return None
    hint = f"git commit   # or put it away: git stash push; if there was none: rm .git/{said}"
    return "what git merged or picked is not committed", hint


def checked_out(git: Git) -> str | None:
    """Return the full name of the branch that HEAD is on, or None where it is detached."""
    file = git.directory / ".git" / "HEAD"
    if file.is_file():
        said = os.fsdecode(file.read_bytes()).rstrip("\n")
        # Other than by this line git says it too: reftable keeps HEAD elsewhere, and a symlink is read by its target.
        if said.startswith("ref: refs/heads/") and not said.endswith(".invalid") and not file.is_symlink():
            return said.removeprefix("ref: ")
    named = git.attempt("symbolic-ref", "--quiet", "HEAD")
    return os.fsdecode(named.stdout).strip() if named.returncode == 0 else None


def resolve(git: Git, name: str) -> str | None:
    """Return the commit that `name` means, or None."""
    wanted = f"{name}^{{commit}}"
    try:
        found = git.look_up([wanted])[0]
    except GitError:  # over some names, such as `@{u}` where there is none, a git that answers many questions dies
        done = git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        return done.stdout.decode().strip() or None if done.returncode == 0 else None
    return found.id if found else None


@dataclass(frozen=True)
class Move:
    """One ref's move: `old` None means "whatever it was", `ZERO` means "must not exist"; `new` ZERO deletes."""

    ref: str
    new: str
    old: str | None = None


def move(git: Git, moves: Sequence[Move], reason: str, *, logged: bool = True) -> None:
    """Make all `moves` or none, durably; `logged` begins a reflog where there is none.

    Raises:
        GitError: a ref was not at its expected old value; nothing moved.
    """
    lines = [b"start", *(os.fsencode(_command(step)) for step in moves), b"prepare", b"commit", b""]
    how = ["-m", f"orchestrator: {reason}", *["--create-reflog"] * logged]
    git.run("update-ref", *how, "--stdin", stdin=b"\n".join(lines))


def _command(step: Move) -> str:
    if step.new == ZERO:
        return f"delete {step.ref} {step.old or ''}".rstrip(" ")
    if step.old == ZERO:
        return f"create {step.ref} {step.new}"
    return f"update {step.ref} {step.new} {step.old or ''}".rstrip(" ")


def lost_race(error: GitError) -> bool:
    """Whether `error` says that a ref had moved, rather than that git is broken."""
    return "but expected" in error.stderr or "reference already exists" in error.stderr


def changed(git_dir: Path, folder: str, now: datetime) -> tuple[object, ...] | None:
    """Return what is another whenever a ref directly below `folder` has changed; None where that cannot be told.

    It is told by the folder's time and the packed refs', which is not good enough for what changed just now: the next
    change may bear the same time.
    """
    if (git_dir / "reftable").exists():
        return None
    looks = []
    for path in (git_dir / folder, git_dir / "packed-refs"):
        facts = path.stat() if path.exists() else None
        if facts and now.timestamp() - facts.st_mtime < _SAME_TIME:
            return None
        looks.append((facts.st_ino, facts.st_mtime_ns, facts.st_size) if facts else None)
    return tuple(looks)


def packed(git_dir: Path) -> tuple[int, ...]:
    """Return what is another whenever the packed refs are; nobody can set a file's ctime back."""
    try:
        facts = (git_dir / "packed-refs").lstat()
    except FileNotFoundError:
        return ()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def loose(git_dir: Path, folder: str) -> dict[str, str]:
    """Return what stands in a file for each ref below `folder`, by its name from there."""
    return {name: loose_ref(f"{git_dir / folder}/{name}") for name in loose_names(git_dir, folder)}


def loose_names(git_dir: Path, folder: str) -> list[str]:
    """Return the names, from `folder` on, of the refs below it that have a file of their own."""
    found: list[bytes] = []
    top = os.fsencode(git_dir / folder)
    for place, folders, files in os.walk(top):
        links = (name for name in folders if os.path.islink(os.path.join(place, name)))  # noqa: PTH114, PTH118
        found += [os.path.join(place, name)[len(top) + 1 :] for name in [*files, *links]]  # noqa: PTH118
    return [os.fsdecode(name) for name in found if not name.endswith(b".lock")]


def loose_ref(path: str | Path) -> str:
    """Return what stands in a ref's own file; empty for a link, a pipe, and one that was packed at this moment."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.read(handle, _LONGEST).decode("ascii", "replace").strip()
        finally:
            os.close(handle)
    except OSError:
        return ""


def make_durable(git_dir: Path, *refs: str) -> None:
    """Fsync the directories that hold packs, `refs` and their reflogs: git fsyncs files, never their directories."""
    folders = {git_dir, git_dir / "objects" / "pack"}
    for leaf in (git_dir / top / ref for ref in refs for top in ("", "logs")):
        folders |= {parent for parent in leaf.parents if git_dir in parent.parents}
    for folder in sorted(folders):
        with suppress(FileNotFoundError):  # this ref has no reflog
            sync_folder(folder)
