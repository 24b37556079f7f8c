"""The program in a hurry: each call of it is a process of its own, forked from one that has loaded everything.

No call of a model has more seconds than its caller says, and a limit of the account is asked about again after a moment.
Each is written down, a line each: its digest, how it ended (a class of failures, or the stop of an answer), whether that
was no answer at all, and how long it took.

    python hurried.py      # reads orders from stdin, a line of JSON each; answers each with a pid, then with a code
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import Said


@dataclass(frozen=True)
class Stable:
    """What forks, from the side of who gives the orders."""

    process: subprocess.Popen[str]

    @classmethod
    def open(cls) -> "Stable":
        """Start it."""
        pipe = subprocess.PIPE
        return cls(subprocess.Popen([sys.executable, __file__], stdin=pipe, stdout=pipe, text=True))

    def start(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], seconds: float, log: Path) -> int:
        """Start one call of the program, whose calls of models have so many seconds; return its pid."""
        order = {"argv": argv, "cwd": str(cwd), "env": env, "seconds": seconds, "log": str(log)}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def end(self, log: Path) -> Said:
        """Wait for the end of the call that was started last."""
        code = int(self._line())
        return Said(code, *(log.with_suffix(end).read_text() for end in (".out", ".err")))

    def close(self) -> None:
        """End it, and with it nothing else: it has no call under way."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


def serve() -> None:
    """Carry out orders until there are no more."""
    import anthropic  # noqa: F401, PLC0415 - who gives the orders needs none of it

    from orchestrator.cli import app  # noqa: PLC0415 - the same
    from orchestrator.leader import loop, unanswered  # noqa: F401, PLC0415 - the same
    from orchestrator.leader.planner import session  # noqa: F401, PLC0415 - the same
    from orchestrator.models import door  # noqa: PLC0415 - the same

    door._trusted()  # noqa: SLF001 - what the first call would have to load
    unanswered._QUOTA = 0.1  # noqa: SLF001 - five minutes otherwise
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(order)
            code = app.run(order["argv"])
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # to take down all that was loaded would cost more than the call
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def _become(order: Mapping[str, Any]) -> None:
    """Make a call of the program of a process that was just forked."""
    log = Path(order["log"])
    for number, end in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(log.with_suffix(end), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open as long as the process
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    _hurry(order["seconds"], log)


def _hurry(seconds: float, log: Path) -> None:
    from orchestrator.models.call import CallError  # noqa: PLC0415 - loaded by now
    from orchestrator.models.door import Door  # noqa: PLC0415 - the same
    from orchestrator.testing.request import digest  # noqa: PLC0415 - the same

    real = Door.send

    def send(self, call, cancel, begun=None):  # noqa: ANN001, ANN202 - stands in for the method
        began = time.monotonic()
        ended, broken = "", False
        try:
            reply = real(self, replace(call, deadline=min(call.deadline, seconds)), cancel, begun)
            ended = reply.stop.value
        except CallError as error:
            ended, broken = error.failure.value, bool(error.facts.get("broken"))
            raise
        else:
            return reply
        finally:
            asked = digest([call.system, list(call.messages)])
            with log.open("a") as file:
                file.write(json.dumps([asked, ended, broken, time.monotonic() - began]) + "\n")

    Door.send = send  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
