"""The one base error: facts, a hint and an exit code. Raised anywhere, shown in `cli` alone."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every verb; `orchestrator help exit-codes` prints this table."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3
    MISSING = 4
    PRECONDITION = 5
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class OrchestratorError(Exception):
    """Something a person can act on: what happened, where (`file:line`), and the command or edit that fixes it."""

    def __init__(self, message: str, *, hint: str = "", where: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class DocumentError(OrchestratorError):
    """A document that cannot be taken as it stands; `where` is always `file:line`."""

    def __init__(self, path: str, line: int, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint, where=f"{path}:{line}", code=Exit.PRECONDITION)
        self.path = path
        self.line = line


def of_disk(error: OSError) -> OrchestratorError:
    """Return what the system refused as an error that names the path."""
    path = f" ({error.filename})" if error.filename else ""
    return OrchestratorError(
        f"{error.strerror or error}{path}", hint="nothing was lost: mend it, then: orchestrator run"
    )
