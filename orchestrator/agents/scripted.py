"""The scripted agent: replays a file, for demos, dry runs and users' own tests. `script` has the format."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from orchestrator.agents.entry import Step
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.agents.script import Script
from orchestrator.agents.verdict import End, ResultFile
from orchestrator.budget import Usage, micros
from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure

Outcome = tuple[Failure | None, str]

_EXITS: Mapping[str, Failure | None] = {
    "complete": None,
    "transient": Failure.TRANSIENT,
    "failed": Failure.DETERMINISTIC,
}


@dataclass(frozen=True)
class ScriptedAgent:
    """Does what a script says, in this process, without a model.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        script: a script, or the path of one.
        clock: measures how long an attempt took.
    """

    name: str
    script: Path | Script
    clock: Clock = field(default_factory=SystemClock, repr=False)
    _read: dict[tuple[int, ...], Script] = field(default_factory=dict, repr=False, compare=False)

    @property
    def resumes(self) -> bool:
        """It starts anew."""
        return False

    @property
    def must_change(self) -> bool:
        """What it does beside files is its own affair."""
        return False

    def check(self) -> None:
        """Read the script.

        Raises:
            OrchestratorError: it is missing or not a script (`Exit.MISSING`).
        """
        try:
            self._load()
        except OrchestratorError as error:
            message = f"agents.{self.name}.script: {error.message}"
            raise OrchestratorError(message, hint=error.hint, where=error.where, code=Exit.MISSING) from error

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Do what the script says for this task and attempt."""
        result = ResultFile(assignment.result_path)
        transcript("started", {"script": str(self.script) if isinstance(self.script, Path) else ""})
        end = self._end(assignment, cancel)
        if end.detail:
            transcript("said", {"text": end.detail})
        answer = result.conclude(end)
        transcript("ended", {"failure": answer.failure, "code": None, "seconds": answer.seconds})
        return answer

    def _load(self) -> Script:
        if not isinstance(self.script, Path):
            return self.script
        facts = self.script.stat() if self.script.exists() else None
        key = (facts.st_ino, facts.st_size, facts.st_mtime_ns) if facts else ()
        if key not in self._read:
            fresh = Script.load(self.script)
            self._read.clear()
            self._read[key] = fresh
        return self._read.get(key) or Script.load(self.script)

    def _end(self, assignment: Assignment, cancel: threading.Event) -> End:
        began = self.clock.monotonic()
        step = None
        try:
            step = self._load().step(assignment.task, assignment.attempt)
            failure, detail = self._outcome(step, assignment, cancel)
        except OrchestratorError as error:
            failure, detail = Failure.FATAL, str(error)
        except OSError as error:
            failure, detail = Failure.DETERMINISTIC, f"{error.filename}: {error.strerror}"
        took = Usage(output=step.tokens) if step else Usage()
        return End(failure, detail, None, self.clock.monotonic() - began, took, micros(step.usd) if step else 0)

    def _outcome(self, step: Step | None, assignment: Assignment, cancel: threading.Event) -> Outcome:
        if step is None:
            wanted = f"attempt {assignment.attempt} of {assignment.task!r}"
            return Failure.FATAL, f"agents.{self.name}.script has no {wanted}"
        return _play(step, assignment, cancel)


def _play(step: Step, assignment: Assignment, cancel: threading.Event) -> Outcome:
    if stopped := _sleep(step.sleep, assignment, cancel):
        return stopped
    _act(step, assignment)
    if step.hang and (stopped := _sleep(float("inf"), assignment, cancel)):
        return stopped
    return _EXITS[step.exit], step.say


def _sleep(seconds: float, assignment: Assignment, cancel: threading.Event) -> tuple[Failure, str] | None:
    limits = [limit for limit in (assignment.timeout, assignment.idle) if limit is not None]
    limit = min(limits, default=float("inf"))
    length = min(seconds, limit)
    if cancel.wait(None if length == float("inf") else length):
        return Failure.INTERRUPTED, "stopped by the leader"
    if limit < seconds:
        return Failure.TIMEOUT, f"not done after {limit:g} s"
    return None


def _act(step: Step, assignment: Assignment) -> None:
    root = assignment.worktree
    for path, text in step.write.items():
        _write(root, path, text, "wb")
    for path, text in step.append.items():
        _write(root, path, text, "ab")
    for path in step.delete:
        _place(root, path).unlink()
    if step.echo:
        _write(root, step.echo, assignment.spec, "wb")
    if step.result:
        assignment.result_path.write_bytes(step.result.encode())


def _write(root: Path, path: str, text: str, mode: str) -> None:
    place = _place(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open(mode) as file:
        file.write(text.encode())


def _place(root: Path, path: str) -> Path:
    place = root
    for part in PurePosixPath(path).parts:
        place /= part
        if place.is_symlink():
            raise OSError(0, "a symlink; the scripted agent follows none", os.fspath(place))
    return place
