"""A trial: whether a command that a spec asks for runs on this machine, before an agent is paid to make it green.

It runs in a clean worktree of its own, behind the sandbox: a model wrote it.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator import process
from orchestrator.plaintext import listed
from orchestrator.repo.git import GitError
from orchestrator.sandbox import Confinement, Policy
from orchestrator.steps.project import Project
from orchestrator.steps.verify import made

NAME = "trial"
_LONGEST = 300.0  # seconds
_NOT_THERE = {126: "it cannot be executed", 127: "a program in it is not there"}
_SIGNAL = 128
_LINES = 8
_NO_MODULE = re.compile(r"No module named '?([\w.]+)'?\s*\Z")
_MODULE = re.compile(r"-m\s+([\w.]+)")


@dataclass(frozen=True)
class Trial:
    """A clean worktree at one commit, and how commands are confined in it."""

    project: Project
    commit: str
    path: Path
    confined: Confinement
    cancel: threading.Event

    def __call__(self, command: str) -> str:
        """Return why `command` cannot run here, empty where it can: whether it is green yet is not asked.

        Raises:
            GitError: the worktree cannot be brought back to what it was.
        """
        guard = self.project.guard
        began = guard.clock()
        self.project.say("plan.trying", command=command)
        ended = process.run(
            self.confined.argv(["sh", "-c", command], self.path),
            cwd=self.path,
            env=self.confined.env,
            limits=process.Limits(min(_LONGEST, self.project.config.verify_timeout), None),
            token=f"{self.project.token}{NAME}/check",
            cancel=self.cancel,
        )
        try:
            self.project.worktrees.checkout(NAME, self.commit, keep_ignored=True)
        except (GitError, OSError):  # what it left can neither be deleted nor written over
            made(self.project, NAME, self.commit, self.cancel)
        tampered = guard.sweep(began)
        if tampered:
            return f"it changes git's own files: {listed([*tampered], between=', ')}"
        return "" if self.cancel.is_set() else why_not(command, ended)


def clear(project: Project) -> None:
    """Remove the worktree that a kill may have left."""
    if (project.folders.worktrees / NAME).exists():
        project.worktrees.remove(NAME)


def why_not(command: str, ended: process.Ended) -> str:
    """Return why a command that ended so did not run, empty where it did. Pure."""
    words = ended.last_lines(_LINES)
    if ended.cause is not process.Cause.EXIT:
        return f"it did not end within {ended.seconds:.0f} s"
    code = ended.code or 0
    if code in _NOT_THERE:
        return f"{_NOT_THERE[code]}: {words}"
    if code < 0 or code > _SIGNAL:
        return f"it was ended by signal {-code if code < 0 else code - _SIGNAL}: {words}"
    missing = _NO_MODULE.search(words) if code else None
    if missing and missing[1] in _MODULE.findall(command):
        return f"the module {missing[1]} is not installed"
    return ""


@contextmanager
def trial(project: Project, commit: str, policy: Policy, cancel: threading.Event) -> Iterator[Trial]:
    """Make the worktree, set up as verify's is, and remove it at the end.

    Raises:
        OrchestratorError: `verify.setup` failed, or the sandbox that `policy` requires is not there.
    """
    linked = [(project.place.root / name).resolve() for name in project.config.link]
    confined = Confinement.find(project.env, (), policy, project.place.git_dir, linked)
    project.guard.start()
    try:
        path = made(project, NAME, commit, cancel)
        yield Trial(project, commit, path.resolve(), confined, cancel)
    finally:
        project.worktrees.remove(NAME)
