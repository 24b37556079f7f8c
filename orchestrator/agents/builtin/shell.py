"""The bash tool: a command behind the `sandbox` door, with a time limit and capped output."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator import process
from orchestrator.agents.builtin.folder import RefusedError
from orchestrator.plaintext import safe_text
from orchestrator.sandbox import Confinement

SECONDS = 120.0
LONGEST = 600.0
SHOWN = 16_000  # characters of each stream
_SHELLS = ("bash", "sh")
_UNSAYABLE = re.compile("[\0\ud800-\udfff]")  # what no argument of a program can hold


@dataclass(frozen=True)
class Shell:
    """Runs commands in one worktree, one at a time.

    Attributes:
        worktree: by its real name.
        confined: how.
        token: marks every process.
        heard: called when a command says a line.
    """

    worktree: Path
    confined: Confinement
    token: str
    heard: Callable[[], None] = lambda: None

    def run(self, command: str, cancel: threading.Event, seconds: float = SECONDS) -> str:
        """Run a command to its end, with all its processes, and return what it said.

        Raises:
            RefusedError: it cannot be started.
        """
        if _UNSAYABLE.search(command):
            raise RefusedError("the command has a NUL or half of a surrogate pair in it")
        try:
            ended = process.run(
                self._argv(command),
                cwd=self.worktree,
                env=self.confined.env,
                limits=process.Limits(min(max(seconds, 0.1), LONGEST), None),
                token=self.token,
                cancel=cancel,
                heard=lambda _line: self.heard(),
            )
        except process.StartError as error:
            raise RefusedError(str(error)) from error
        return "\n".join(filter(None, (_ending(ended), _stream("", ended.stdout), _stream("stderr:\n", ended.stderr))))

    def _argv(self, command: str) -> list[str]:
        env = self.confined.env
        shell = next((name for name in _SHELLS if process.find(name, cwd=self.worktree, env=env)), "sh")
        return self.confined.argv([shell, "-c", command], self.worktree)


def _ending(ended: process.Ended) -> str:
    if ended.cause is process.Cause.EXIT:
        return f"exit status {ended.code}"
    return f"ended after {ended.seconds:.0f} s, with all of its processes: {ended.cause}"


def _stream(title: str, said: str) -> str:
    plain = safe_text(said.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
    if not plain:
        return ""
    cut = f"({len(plain) - SHOWN:,} characters before this are left out)\n" if len(plain) > SHOWN else ""
    return title + cut + plain[-SHOWN:]
