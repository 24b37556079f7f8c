"""One git process: a clean environment, durable settings, no hooks, no prompts, and an error that names the cause."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from orchestrator.apart import apart
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import safe_text
from orchestrator.repo.standby import Answers, Found, SilentError

_Answer = TypeVar("_Answer")

# Measured with power cuts at every mutation: git's defaults lost acknowledged commits in 60 of 126 trials; these
# settings, together with an fsync of the refs' directories, in none of 148. The rest keeps the user's hooks, file
# watcher and background gc away from commits that are not theirs.
SETTINGS = {
    "core.fsync": "all",
    # Not `batch`: when a step of it fails once (a full disk that has room again), git 2.39 exits 0 without the objects.
    "core.fsyncMethod": "fsync",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.splitIndex": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "merge.directoryRenames": "false",
    "submodule.recurse": "false",  # a worktree of ours has none of them
    "advice.detachedHead": "false",
    # What a person has set for their own eyes, and that would change what we read.
    "log.showSignature": "false",
    "grep.patternType": "basic",
    "trailer.separators": ":",
    "i18n.logOutputEncoding": "UTF-8",
    "worktree.useRelativePaths": "false",
}
# What stands in a person's repository for their own eyes, or was planted there, must not stand for the commits we build
# on. git asks for no advice on a file of grafts that is not there, nor can one ever be.
_AS_IT_IS = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": f"{os.devnull}/none"}

_KEEPING_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 28)}  # glibc's, in bytes


class GitError(OrchestratorError):
    """A git command that failed; `stderr` is git's own last word."""

    def __init__(self, verb: str, status: int, stderr: str) -> None:
        said = safe_text(stderr).strip() or f"exit status {status}"
        full = any(words in said for words in ("No space left", "Out of diskspace"))  # the second are git's own words
        hint = "free some space, then run again: nothing was lost" if full else ""
        super().__init__(f"git {verb} failed: {said}", hint=hint, code=Exit.FAILED)
        self.status = status
        self.stderr = said


# Where a person's own configuration and identity come from. Every other GIT_* is dropped: with GIT_DIR leaked from a
# hook, a command in one repository acts on another; GIT_INDEX_FILE and GIT_EXTERNAL_DIFF are as bad.
_KEPT = re.compile(r"GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH|(AUTHOR|COMMITTER)_(NAME|EMAIL)|SSL_.*)")


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` without the `GIT_*` that change what git acts on, plus our settings."""
    env = {key: value for key, value in base.items() if not key.startswith("GIT_") or _KEPT.fullmatch(key)}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_EDITOR": "false"} | _AS_IT_IS
    env["GIT_CONFIG_COUNT"] = str(len(SETTINGS))
    for number, (key, value) in enumerate(SETTINGS.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


@dataclass(frozen=True)
class Git:
    """Runs git in one directory.

    Args:
        directory: where git runs.
        base: the caller's environment.
        held: file descriptors every git child inherits. The instance lock is one: a git process that outlives a killed
            leader keeps the lock, so the next leader waits for it instead of racing it.
    """

    directory: Path
    base: Mapping[str, str]
    held: tuple[int, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    known: Answers | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Open the way to the long-lived processes, which every variant of this git shares."""
        if self.known is None:
            object.__setattr__(self, "known", Answers(self._stand_by))

    def within(self, **extra: str) -> "Git":
        """Return the same git with more environment, such as `GIT_INDEX_FILE`."""
        return replace(self, extra={**self.extra, **extra})

    def at(self, directory: Path) -> "Git":
        """Return the same git running in another directory."""
        return replace(self, directory=directory)

    def look_up(self, names: Iterable[str]) -> list[Found | None]:
        """Return what each name (a revision, `commit:path` or an id) means, without its bytes; None for nothing."""
        return _persistently("cat-file", lambda: self._answers.objects.look_up(names))

    def read(self, names: Iterable[str]) -> list[Found | None]:
        """Return what each name means, with its bytes; None for nothing."""
        return _persistently("cat-file", lambda: self._answers.objects.read(names))

    def compare(self, pairs: Sequence[tuple[str, str]]) -> list[bytes]:
        """Return git's raw NUL-ended records of how the two trees of each pair, given by their full ids, differ."""
        return _persistently("diff-tree", lambda: self._answers.differences.compare(pairs))

    def count(self, pairs: Sequence[tuple[str, str]]) -> list[bytes]:
        """Return git's `--numstat` records of how the two trees of each pair, given by their full ids, differ."""
        return _persistently("diff-tree", lambda: self._answers.counts.compare(pairs))

    @property
    def _answers(self) -> Answers:
        if self.known is None:
            raise AssertionError("made in __post_init__")
        return self.known

    def _stand_by(self, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a git that answers until its pipes close; it works nowhere, so that nobody takes it for one at work."""
        return apart(
            lambda: subprocess.Popen(
                [_program(self.base.get("PATH", os.defpath)), *argv],
                cwd=os.sep,
                env=environment(self.base) | {"GIT_DIR": str(self.directory / ".git")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=self.held,
                process_group=0,
            )
        )

    def _begin(
        self, argv: Sequence[str], *, stdin: int, stderr: int, held: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        """Start git where this one works; a terminal's Ctrl-C is the leader's to answer, and must not cut it short."""
        return apart(
            lambda: subprocess.Popen(
                [_program(self.base.get("PATH", os.defpath)), *argv],
                cwd=self.directory,
                env=environment(self.base) | dict(self.extra),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=held,
                process_group=0,
            )
        )

    def attempt(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git and return what it said, whatever its status."""
        try:
            process = self._begin(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, held=self.held)
        except FileNotFoundError as error:
            raise _not_started(self.directory) from error
        with _ended(process):
            out, err = process.communicate(stdin)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    @contextmanager
    def meanwhile(self, *argv: str) -> Iterator[Callable[[], list[str] | None]]:
        """Run git on its own while the block goes on; hand out what waits for its records, None where it fails."""
        try:
            process = self._begin(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            yield lambda: None
            return

        def records() -> list[str] | None:
            said, _ = process.communicate()
            return None if process.returncode else split_records(said)

        with _ended(process):
            yield records

    def run(self, *argv: str, stdin: bytes = b"") -> bytes:
        """Run git and return its standard output.

        Raises:
            GitError: git's exit status was not 0.
        """
        done = self.attempt(*argv, stdin=stdin)
        if done.returncode:
            raise self.failure(_verb(argv), done.returncode, done.stderr)
        return done.stdout

    def read_tree(self, *argv: str, settings: Sequence[str] = ()) -> None:
        """Run `git read-tree`; `settings` are options of git itself.

        In a long plan each tree is the end of a chain of differences: git would keep every step of it for readings that
        never come, and ask the system for memory anew each time. At 6,600 tasks that is 44 ms of CPU instead of 18.

        Raises:
            GitError: git's exit status was not 0.
        """
        self.within(**_KEEPING_MEMORY).run("-c", "core.deltaBaseCacheLimit=0", *settings, "read-tree", *argv)

    def failure(self, verb: str, status: int, stderr: bytes) -> GitError:
        """Return the error that says why git failed."""
        return GitError(verb, status, f"{stderr.decode('utf-8', 'replace')}{self._refused()}")

    def _refused(self) -> str:
        """Return what the disk says to a small write, for git's messages seldom say why; empty when it takes it."""
        folder = Path(self.extra.get("GIT_DIR", self.directory / ".git"))
        if not folder.is_dir():
            return ""
        probe = folder / f"orchestrator-probe-{os.getpid()}"
        try:
            handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, bytes(4096))
                os.fsync(handle)
            finally:
                os.close(handle)
                probe.unlink(missing_ok=True)
        except OSError as error:
            return f"({error.strerror}: {folder})"
        return ""

    def line(self, *argv: str) -> str:
        """Run git and return its output as one stripped line."""
        return os.fsdecode(self.run(*argv)).strip()

    def records(self, *argv: str, stdin: bytes = b"") -> list[str]:
        """Run git with `-z` output and return the NUL-separated records."""
        return split_records(self.run(*argv, stdin=stdin))


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """See a process to its end with the block, however that goes; one that is waited for is over by then."""
    with process:
        try:
            yield
        finally:
            process.kill()


def _not_started(directory: Path) -> OrchestratorError:
    if not directory.is_dir():
        hint = "move it back, or go to where it is now, then: orchestrator run"
        return OrchestratorError(f"the folder {directory} is gone", hint=hint, code=Exit.PRECONDITION)
    return OrchestratorError("git is not installed", hint="install git 2.38 or newer", code=Exit.MISSING)


def _persistently(verb: str, ask: Callable[[], _Answer]) -> _Answer:
    """Ask again where the process that answers has died: it is started anew."""
    try:
        return ask()
    except SilentError:
        try:
            return ask()
        except SilentError as error:
            raise GitError(verb, 1, "it ended without an answer") from error


@cache
def _program(path: str) -> str:
    """Return the git that the user's PATH chooses."""
    return shutil.which("git", path=path) or "git"


def _verb(argv: Sequence[str]) -> str:
    words = iter(argv)
    for word in words:
        if word == "-c":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return argv[0]


def split_records(output: bytes) -> list[str]:
    """Return NUL-separated `output` as strings; file names that are no UTF-8 survive as surrogates."""
    text = os.fsdecode(output)
    return text.removesuffix("\0").split("\0") if text else []


def joined(paths: Sequence[str]) -> bytes:
    """Return `paths` as git's `-z` standard input."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
