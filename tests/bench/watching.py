"""One timed process: how long it took, what the program told while it ran, and what it used meanwhile."""

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from harness import Repo

MIB = 1024 * 1024
_EVERY = 0.2  # seconds between looks at the memory


class WrongError(Exception):
    """What was measured is not the work that was asked for."""


@dataclass(frozen=True)
class Told:
    """One event of the program, with the second since the start at which it arrived."""

    at: float
    name: str
    task: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """One look at a running process: when, its memory, and the processor seconds so far, with those of its children."""

    at: float
    resident: int
    cpu: float


@dataclass(frozen=True)
class Ran:
    """One process from start to end.

    Attributes:
        seconds: on the clock.
        out: its standard output.
        cpu: seconds of the processors, with all processes it started and waited for.
        told: its events.
        looks: what it used over time.
    """

    seconds: float
    out: str = ""
    cpu: float = 0.0
    told: Sequence[Told] = ()
    looks: Sequence[Look] = ()

    def moments(self, name: str) -> list[float]:
        """Return when events of that name arrived."""
        return [each.at for each in self.told if each.name == name]

    @property
    def peak(self) -> int:
        """The most memory seen, in bytes."""
        return max((look.resident for look in self.looks), default=0)


def timed(argv: Sequence[str], cwd: Path, env: Mapping[str, str], *, stdin: str = "") -> Ran:
    """Run `argv` to its end and return how long that took.

    Raises:
        WrongError: its exit status was not 0.
    """
    began, worked = time.perf_counter(), _worked()
    done = subprocess.run(argv, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise WrongError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return Ran(seconds, done.stdout, _worked() - worked)


def _worked() -> float:
    """Return the processor seconds of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def program(repo: Repo, *argv: str) -> Ran:
    """Run one verb of the program."""
    return timed([sys.executable, "-m", "orchestrator", *argv], repo.root, repo.env)


def watched(repo: Repo, *argv: str) -> Ran:
    """Run `orchestrator run`, with the events as they arrive and what it uses over time.

    The lines are only stamped while it runs, and read afterwards: the machine's cores are the program's.

    Raises:
        WrongError: its exit status was not 0.
    """
    command = [sys.executable, "-m", "orchestrator", "run", "--events", "jsonl", *argv]
    began, worked = time.perf_counter(), _worked()
    looks: list[Look] = []
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, cwd=repo.root, env=repo.env, stdout=subprocess.PIPE, stderr=errors) as child,
    ):
        looking = threading.Thread(target=_look, args=(child, began, looks))
        looking.start()
        lines = [(time.perf_counter() - began, line) for line in child.stdout or ()]
        code = child.wait()
        seconds = time.perf_counter() - began
        looking.join()
        errors.seek(0)
        if code:
            raise WrongError(f"orchestrator run ended with {code}: {errors.read().decode()[-2000:]}")
    return Ran(seconds, "", _worked() - worked, [_told(at, line) for at, line in lines[1:]], looks)


def _told(at: float, line: bytes) -> Told:
    event = json.loads(line)
    return Told(at, event.get("event", ""), event.get("task", ""), event.get("facts", {}))


def _look(child: "subprocess.Popen[bytes]", began: float, looks: list[Look]) -> None:
    process = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            with process.oneshot():
                used = sum(process.cpu_times()[:4])
                looks.append(Look(time.perf_counter() - began, process.memory_info().rss, used))
        except psutil.Error:
            return
        time.sleep(_EVERY)
