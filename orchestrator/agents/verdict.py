"""What an attempt's end and its result document mean, the same for every adapter."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.agents.protocol import DETAIL, Answer
from orchestrator.budget import Usage
from orchestrator.documents.result import Result, Status
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.plaintext import safe_text

_CAP = 1 << 16


@dataclass(frozen=True)
class End:
    """How an attempt ended, before its result document is looked at; `failure` None is a claim of success.

    `usage` and `micros` are what it took and cost, and `sandbox` how its commands were confined, where that is known.
    """

    failure: Failure | None
    detail: str
    code: int | None
    seconds: float
    usage: Usage = field(default_factory=Usage)
    micros: int = 0
    sandbox: str = ""


class ResultFile:
    """The result document an agent may write; one that was there before is not its answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = path.parent.resolve()
        self._before = self._state()

    @property
    def written(self) -> bool:
        """Whether there is a document now that was not there before."""
        return self._state() not in {None, self._before}

    def conclude(self, end: End) -> Answer:
        """Weigh how the attempt ended and what it wrote, into an answer."""
        try:
            data = self._read()
        except OSError as error:
            said = error.strerror or str(error)
            problem = f"{self._path}: the result document cannot be read: {said}"
            return _answer(end, end.failure or Failure.DETERMINISTIC, end.detail or problem, None)
        failure, detail = end.failure, end.detail
        if failure is None and data is not None:
            failure, detail = _claim(data, self._path.name, detail)
        return _answer(end, failure, detail, data)

    def _state(self) -> tuple[int, ...] | None:
        try:
            found = self._path.lstat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def _read(self) -> bytes | None:
        if not self.written:
            return None
        if self._path.parent.resolve() != self._folder:
            raise OSError(0, "its folder was moved or replaced by a symlink")
        # Not through a symlink to somebody else's file, and not for ever on a pipe.
        if not stat.S_ISREG(self._path.lstat().st_mode):
            raise OSError(0, "it is not a regular file")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags), "rb") as file:
            data = file.read(_CAP + 1)
        if len(data) > _CAP:
            raise OSError(0, f"it is larger than {_CAP:,} bytes")
        return data


def _claim(data: bytes, path: str, detail: str) -> tuple[Failure | None, str]:
    try:
        result = Result.parse(data, path)
    except DocumentError as error:
        return Failure.DETERMINISTIC, f"{error} ({error.hint})"
    if result.status is Status.COMPLETE:
        return None, detail
    issues = "; ".join(result.issues)
    said = f"the result document says {result.status.value}"
    return Failure.DETERMINISTIC, f"{said}: {issues}" if issues else said


def _answer(end: End, failure: Failure | None, detail: str, result: bytes | None) -> Answer:
    said = safe_text(detail).strip()[-DETAIL:]
    return Answer(failure, said, end.code, end.seconds, result, end.usage, end.micros, end.sandbox)
