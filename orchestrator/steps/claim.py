"""Claims: a task taken by somebody who leads by themselves, as a ref that only one can create."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from orchestrator.plaintext import one_line
from orchestrator.repo.commits import trailers
from orchestrator.repo.git import Git, GitError, split_records
from orchestrator.repo.refs import OURS, ZERO, Move, changed, move, resolve

ROOT = f"{OURS}/claims"
_TRIES = 20
_PAUSE = 0.05  # seconds between tries while another git holds the ref's lock file


@dataclass(frozen=True)
class Claim:
    """Who took a task, on which machine, and when (ISO 8601)."""

    task: str
    who: str
    host: str
    when: str


def claim(git: Git, task: str, who: str, host: str, now: datetime) -> bool:
    """Take `task`; False when somebody else has it. Of all who call at once, exactly one is told True.

    Raises:
        GitError: the ref cannot be written, for example because the disk is full.
    """
    ref = f"{ROOT}/{task}"
    commit = _commit(git, Claim(task, one_line(who, 60), one_line(host, 60), now.isoformat(timespec="seconds")))
    for attempt in range(_TRIES):
        if resolve(git, ref):
            return False
        try:
            move(git, [Move(ref, commit, ZERO)], f"claim {task}")
        except GitError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _commit(git: Git, made: Claim) -> str:
    """Write the claim as a commit without files, which nothing but its ref keeps."""
    facts = [("Task", made.task), ("Who", made.who), ("Host", made.host), ("When", made.when)]
    text = f"claim {made.task}\n\n{trailers(facts)}\n"
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()}
    return git.within(**names).line("commit-tree", git.line("mktree"), "-m", text)


_IDENTITY = {"NAME": "Orchestrator", "EMAIL": "orchestrator@localhost"}


def claims(git: Git) -> dict[str, Claim]:
    """Return every claim by task."""
    output = git.run("for-each-ref", "--format=%(refname)%1f%(contents)%00", f"{ROOT}/")
    return {made.task: made for made in map(_parse, split_records(output)) if made.task}


@dataclass
class Claims:
    """The claims as a leader that looks again and again reads them: anew only where a ref's folder has changed."""

    _seen: tuple[object, ...] = ()
    _known: Mapping[str, Claim] = field(default_factory=dict)

    def read(self, git: Git, git_dir: Path, now: datetime) -> Mapping[str, Claim]:
        """Return every claim by task."""
        seen = changed(git_dir, ROOT, now)
        if seen is None or seen != self._seen:
            self._known = claims(git)
            self._seen = seen or ()
        return self._known


def _parse(record: str) -> Claim:
    ref, _, text = record.lstrip("\n").partition("\x1f")
    facts = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    task = ref.removeprefix(f"{ROOT}/")
    return Claim(task, facts.get("Who", ""), facts.get("Host", ""), facts.get("When", ""))


def is_claimed(git: Git, task: str) -> bool:
    """Whether somebody has claimed `task` by now."""
    return resolve(git, f"{ROOT}/{task}") is not None


def claimed(git: Git) -> set[str]:
    """Return the tasks that somebody has claimed: a leader starts neither them nor what meets their files."""
    return set(claims(git))


def release(git: Git, task: str) -> bool:
    """Give `task` back; False when nobody had it."""
    ref = f"{ROOT}/{task}"
    if not resolve(git, ref):
        return False
    move(git, [Move(ref, ZERO)], f"release {task}")
    return True


def at_work(worktrees: Path) -> set[str]:
    """Return the tasks that a leader's attempts are at work on: those with a worktree below `worktrees`."""
    names = [item.name.rpartition("-") for item in worktrees.iterdir()] if worktrees.is_dir() else []
    return {task for task, _, number in names if task and number.isdecimal()}
