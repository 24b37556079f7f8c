"""What the largest documents cost: processor time and memory of each, in a process of its own."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.report import Report

from fuzz.adversaries import SIZE, adversaries
from fuzz.parsers import Parser
from orchestrator.errors import OrchestratorError

SECONDS = 0.250
MIB = 100.0
SCRIPT = 1 << 17  # bytes: a script may be larger than a configuration, and is no outsider's
_RUNS = 3
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """What one document costs one parser: processor seconds (the best of three), MiB at the most, and the answer."""

    parser: str
    document: str
    bytes: int
    seconds: float
    mib: float
    answer: str

    @property
    def too_much(self) -> bool:
        return self.seconds > SECONDS or self.mib > MIB


def costs(parsers: Mapping[str, Parser]) -> Iterator[Cost]:
    """Measure every parser with all its adversaries."""
    for name, parser in parsers.items():
        for document, data in adversaries(name, SCRIPT if name == "script" else SIZE).items():
            yield Cost(name, document, len(data), *_apart(parser, data))


def _apart(parser: Parser, data: bytes) -> tuple[float, float, str]:
    """Measure in a child: what one document left in memory would hide what the next one takes."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            json.dump(_measured(parser, data), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    seconds, mib, answer = json.loads(said or '[1e9, 0, "it ended without an answer"]')
    return seconds, mib, answer


def _measured(parser: Parser, data: bytes) -> tuple[float, float, str]:
    before = _resident("VmRSS")
    if _RESET.exists():
        _RESET.write_text("5")
    seconds, answer = min(_timed(parser, data) for _ in range(_RUNS))
    return seconds, (_resident("VmHWM") - before) / 1024, answer


def _timed(parser: Parser, data: bytes) -> tuple[float, str]:
    began = time.process_time()
    answer = "taken"
    try:
        parser.parse(data)
    except OrchestratorError as error:
        answer = str(error)[:80]
    return time.process_time() - began, answer


def _resident(key: str) -> int:
    """Return a figure of this process's memory in KiB; 0 where the system does not say."""
    lines = _STATUS.read_text().split("\n") if _STATUS.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def report(found: list[Cost], shown: int = 20) -> Report:
    """Return the dearest of what was measured as a table, and all of it for machines."""
    title = f"One mebibyte of anything: {len(found)} documents; at most {SECONDS * 1000:.0f} ms and {MIB:.0f} MiB each"
    made = Report(title, ("parser", "document", "ms", "MiB", "answer"))
    for cost in sorted(found, key=lambda cost: -cost.seconds)[:shown]:
        made.row(parser=cost.parser, document=cost.document, ms=cost.seconds * 1000, MiB=cost.mib, answer=cost.answer)
    dearest = max(found, key=lambda cost: cost.mib)
    made.notes += [
        f"the {shown} that take longest, in processor time, the best of {_RUNS} runs",
        f"most memory: {dearest.mib:.0f} MiB ({dearest.parser}, {dearest.document})",
        f"over a limit: {sum(cost.too_much for cost in found)} of {len(found)}",
        f"scripts are measured at {SCRIPT >> 10} KiB, what a configuration file may have; larger ones take tomllib's time",
    ]
    made.series["costs"] = [cost.__dict__ for cost in found]
    return made
