"""The process that soaks: it carries out one plan after another through the command line's own entry, and looks at itself.

Run as `python -m soak.leader ROOT CYCLES PLAN SAMPLES`; before each plan waits for a line of its input, then appends a
sample, a line of JSON, and says so in a line of its output.
"""

import gc
import io
import json
import os
import resource
import sys
import tempfile
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aftermath
import psutil
from harness import Repo

from orchestrator.cli import app
from soak import plans

_LOOK = 10  # plans between looks at every file of the repository


@dataclass(frozen=True)
class Sample:
    """How things stood when a plan was done. Seconds, bytes; `cycles` is how long each task took, in landing order."""

    plan: int
    cycles: list[float]
    opening: float
    verbs: float
    rss: int
    descriptors: int
    threads: int
    children: int
    cpu: float
    left: list[str]


@dataclass
class Ear(io.TextIOBase):
    """Hears a run's events, and keeps of them how long each task took from its start to its landing, and the last."""

    began: float = field(default_factory=time.perf_counter)
    opening: float = 0.0
    started: dict[str, float] = field(default_factory=dict)
    cycles: list[float] = field(default_factory=list)
    last: str = ""

    def write(self, text: str) -> int:
        """Take one line of the stream."""
        now, self.last = time.perf_counter(), text
        if '"event": "attempt.started"' in text:
            self.opening = self.opening or now - self.began
            self.started[json.loads(text)["task"]] = now
        elif '"event": "landed"' in text:
            self.cycles.append(now - self.started.pop(json.loads(text)["task"]))
        return len(text)


def main(root: Path, cycles: int, plan: int, samples: Path) -> None:
    """Soak, and look after each plan."""
    repo = Repo(root, dict(os.environ))
    os.chdir(root)
    with samples.open("a") as file:
        for number in range(cycles // plan):
            sys.stdin.readline()
            plans.write(repo, number, plan)
            file.write(json.dumps(asdict(_carried_out(repo, number, plan))) + "\n")
            file.flush()
            print(number, flush=True)  # noqa: T201 - whoever started it waits for this


def _carried_out(repo: Repo, number: int, plan: int) -> Sample:
    ear = Ear()
    _run(ear, "run", "--events", "jsonl")
    if len(ear.cycles) != plan:
        raise SystemExit(f"{len(ear.cycles)} of {plan} tasks of plan {number} landed")
    began = time.perf_counter()
    _run(io.StringIO(), "status")
    _run(io.StringIO(), "brief")
    return _look(repo, number, ear, time.perf_counter() - began)


def _run(out: io.TextIOBase, *argv: str) -> None:
    errors = io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = app.run(list(argv))
    if code:
        said = out.last if isinstance(out, Ear) else errors.getvalue()
        raise SystemExit(f"orchestrator {' '.join(argv)} ended with {code}: {said[-2_000:]}")


def _look(repo: Repo, number: int, ear: Ear, verbs: float) -> Sample:
    gc.collect()
    me = psutil.Process()
    return Sample(
        plan=number,
        cycles=ear.cycles,
        opening=ear.opening,
        verbs=verbs,
        rss=me.memory_info().rss,
        descriptors=me.num_fds(),
        threads=threading.active_count(),
        children=len(me.children(recursive=True)),
        cpu=_worked(),
        left=_left(repo) if number % _LOOK == 0 else _temporary(),
    )


def _worked() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _left(repo: Repo) -> list[str]:
    return [*aftermath.left(repo), *aftermath.processes(repo), *aftermath.uncommitted(repo), *_temporary()]


def _temporary() -> list[str]:
    return [f"temporary: {item.name}" for item in Path(tempfile.gettempdir()).iterdir()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
