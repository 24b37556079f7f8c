"""One command from start to end: its limits, why it ended, and what it said last."""

import errno
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import safe_text
from orchestrator.process.environ import enclosed
from orchestrator.process.live import Run, live
from orchestrator.process.pump import Pump
from orchestrator.process.streams import Stream
from orchestrator.process.tree import Family

_DRAIN = 0.2  # seconds for the last words once the command itself has ended
_WAIT = 1.0  # seconds for a killed command to be gone; only one stuck in the kernel takes longer
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LINE_END = re.compile(r"\r\n?")
# fork(2), pipe(2), execve(2): what the machine is short of now, and may have again later.
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}


class StartError(OrchestratorError):
    """A command that did not start.

    Attributes:
        passing: for want of processes, memory or descriptors, which may come back.
        too_long: the command line is: another one of the same command may start.
    """

    def __init__(self, message: str, *, hint: str, passing: bool = False, too_long: bool = False) -> None:
        super().__init__(message, hint=hint, code=Exit.FAILED if passing else Exit.MISSING)
        self.passing = passing
        self.too_long = too_long


@dataclass(frozen=True)
class Limits:
    """What a command may use.

    Attributes:
        total: seconds from start to end; None is no limit.
        idle: seconds without a byte on either stream; None is no limit.
        output: bytes of each stream that its log keeps.
    """

    total: float | None
    idle: float | None
    output: int = 1 << 20


class Cause(StrEnum):
    """Why a command ended."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    IDLE = "idle"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Ended:
    """A command that is over, and its process tree with it.

    Attributes:
        code: the exit status (negative: the signal); None when it did not end by itself.
        cause: why it ended.
        stdout: the last 64 KiB.
        stderr: the last 64 KiB.
        seconds: from start to the end of the last process.
        survivors: pids that could not be killed (another user's, or stuck in the kernel); mostly none.
    """

    code: int | None
    cause: Cause
    stdout: str
    stderr: str
    seconds: float
    survivors: tuple[int, ...] = ()

    def last_lines(self, n: int = 20) -> str:
        """The last `n` lines of stderr, or of stdout when stderr is empty, without terminal control codes."""
        text = self.stderr if self.stderr.strip() else self.stdout
        plain = safe_text(_COLOUR.sub("", _LINE_END.sub("\n", text)))
        return "\n".join(plain.strip().split("\n")[-n:])


def run(  # noqa: PLR0913  # one door: each argument is one thing the caller must decide
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: Limits,
    token: str,
    cancel: threading.Event,
    stdin: bytes = b"",
    logs: Path | None = None,
    heard: Callable[[str], None] | None = None,
    grace: float = 0.5,
) -> Ended:
    """Run a command until it ends by itself, by a limit or by `cancel`; its whole process tree ends with it.

    Args:
        argv: the command and its arguments; never goes through a shell.
        cwd: where it runs.
        env: its whole environment, to which ORCHESTRATOR_TOKEN is added, and where git stops to look for a repository.
        limits: seconds and bytes.
        token: marks every process of the tree; unique among the runs that are going.
        cancel: looked at ten times a second.
        stdin: given to the command, which need not read it.
        logs: folder for `stdout.log` and `stderr.log`.
        heard: called with each line of stdout as it comes, in this thread.
        grace: seconds between SIGTERM and SIGKILL.

    Raises:
        StartError: the command cannot be started.
        OrchestratorError: a log cannot be written: the disk is full, or fails.
    """
    began = time.monotonic()
    if cancel.is_set():
        return Ended(None, Cause.CANCELLED, "", "", 0.0)
    with _stream(logs, "stdout", limits, heard) as out, _stream(logs, "stderr", limits) as err:
        started = _start(argv, cwd=cwd, env=env, token=token, fed=bool(stdin))
        survivors: tuple[int, ...] = ()
        try:
            with closing(Pump(started.popen, stdin, out, err)) as pump:
                try:
                    cause = _watch(pump, began, limits, cancel)
                    if cause is Cause.EXIT:
                        pump.drain(_DRAIN)
                finally:
                    survivors = Family(started).end(grace)
                pump.drain(_DRAIN)
        finally:
            code = _wait(started)
        out.flush()
    seconds = time.monotonic() - began
    return Ended(code if cause is Cause.EXIT else None, cause, out.text(), err.text(), seconds, survivors)


@contextmanager
def _stream(
    logs: Path | None, name: str, limits: Limits, heard: Callable[[str], None] | None = None
) -> Iterator[Stream]:
    with closing(Stream(logs / f"{name}.log" if logs else None, limits.output, heard)) as stream:
        yield stream


def _start(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], token: str, fed: bool) -> Run:
    try:
        stdin = subprocess.PIPE if fed else subprocess.DEVNULL
        return live.start(argv, cwd=cwd, env=enclosed(env, cwd), token=token, stdin=stdin)
    except OSError as error:
        raise _refusal(argv[0], cwd, error) from error


def _refusal(command: str, cwd: Path, error: OSError) -> StartError:
    if error.errno in _PASSING:
        message = f"cannot start {command!r} now: {error.strerror}"
        return StartError(
            message, hint="`ulimit -a` shows what is limited; a lower limits.jobs needs less", passing=True
        )
    if str(error.filename) == str(cwd):
        return StartError(f"cannot run {command!r} in {cwd}: {error.strerror}", hint="the folder must exist")
    hint = f"install it, correct its name, or put it on PATH; `command -v {command}` shows what is found"
    if error.errno == errno.E2BIG:
        hint = (
            "the list of files is too long for one command line: fewer files in the spec, or a command without {files}"
        )
    elif (cwd / command).is_file() and error.errno == errno.ENOENT:
        hint = f"what the first line of {command} names is not there: install it, or correct that line"
    elif "/" in command and not Path(command).is_absolute():
        hint = f"it is looked for among what is committed: git add --chmod=+x {command}, and commit it"
    too_long = error.errno == errno.E2BIG
    return StartError(f"cannot start {command!r}: {error.strerror}", hint=hint, too_long=too_long)


def _watch(pump: Pump, began: float, limits: Limits, cancel: threading.Event) -> Cause:
    while True:
        # After a standstill of ours, what it said meanwhile is still to be heard, and its end.
        pump.step(0.0)
        if pump.exited():
            return Cause.EXIT
        now = time.monotonic()
        if cancel.is_set():
            return Cause.CANCELLED
        if limits.total is not None and now - began >= limits.total:
            return Cause.TIMEOUT
        if limits.idle is not None and now - pump.last >= limits.idle:
            return Cause.IDLE
        pump.step(pump.tick)


def _wait(started: Run) -> int | None:
    try:
        # A process whose first thread has ended looks dead in the table while its other threads go on.
        started.popen.kill()
        return started.popen.wait(_WAIT)
    except subprocess.TimeoutExpired:
        return None
    finally:
        live.forget(started)
