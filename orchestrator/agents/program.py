"""A program as an agent: its environment, whether it can be started, and what its end means."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.agents.protocol import DETAIL, Assignment
from orchestrator.agents.verdict import End
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.process import Cause, Ended, StartError, environment, missing

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_VARIABLE = 120_000  # bytes; Linux takes 128 KiB in one string (MAX_ARG_STRLEN)

_GIT = {
    "core.fsync": "all",
    "core.fsyncMethod": "fsync",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


def refuse_missing(name: str, command: str, root: Path, env: Mapping[str, str]) -> None:
    """Look the command of the agent `name` up.

    Raises:
        OrchestratorError: there is no such command (`Exit.MISSING`).
    """
    key = f"agents.{name}.command"
    if not command:
        raise OrchestratorError(f"{key} is empty", hint="name a command", code=Exit.MISSING)
    if missing(command, cwd=root, env=env):
        which = f"{command!r} is not there, or not executable" if "/" in command else f"no command {command!r} on PATH"
        raise OrchestratorError(
            f"{key}: {which}",
            hint=f"install it, or correct {key} in orchestrator.toml",
            code=Exit.MISSING,
        )


def surroundings(
    assignment: Assignment, base: Mapping[str, str], passed: Sequence[str], more: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment for one attempt: the usual variables, those `passed`, the task's own and `more`."""
    extra = {
        "ORCHESTRATOR_TASK": assignment.task,
        "ORCHESTRATOR_ATTEMPT": str(assignment.attempt),
        "ORCHESTRATOR_SPEC": str(assignment.spec_path),
        "ORCHESTRATOR_RESULT": str(assignment.result_path),
        "ORCHESTRATOR_FILES": _named(assignment.files),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_COUNT": str(len(_GIT)),
    }
    for number, (key, value) in enumerate(_GIT.items()):
        extra |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment(base, passed, {**extra, **more})


def _named(files: Sequence[str]) -> str:
    """Return the names, a line each; of more than a variable can hold, those of their folders, as far as they fit."""
    text = "\n".join(files)
    if len(os.fsencode(text)) <= _VARIABLE:
        return text
    folders = "\n".join(sorted({f"{folder}/" if (folder := path.rpartition("/")[0]) else path for path in files}))
    return folders if len(os.fsencode(folders)) <= _VARIABLE else ""


def unstarted(error: StartError) -> End:
    """Return the end of an attempt whose program did not start."""
    failure = Failure.TRANSIENT if error.passing else Failure.DETERMINISTIC if error.too_long else Failure.FATAL
    return End(failure, f"{error} ({error.hint})", None, 0.0)


def meaning(ended: Ended, assignment: Assignment, words: str | None = None) -> End:
    """Return what the program's end means by itself; `words` are its last ones where its output is no prose."""
    failure, cause = _class(ended, assignment)
    words = (ended.last_lines() if words is None else words)[-(DETAIL - 200) :]
    detail = "\n".join(part for part in (cause, words) if part)
    return End(failure, detail, ended.code, ended.seconds)


def _class(ended: Ended, assignment: Assignment) -> tuple[Failure | None, str]:
    match ended.cause:
        case Cause.CANCELLED:
            return Failure.INTERRUPTED, "stopped by the leader"
        case Cause.TIMEOUT:
            return Failure.TIMEOUT, f"not done after {assignment.timeout:g} s"
        case Cause.IDLE:
            return Failure.TIMEOUT, f"silent for {assignment.idle:g} s"
        case Cause.EXIT:
            return _status(ended.code)


def _status(code: int | None) -> tuple[Failure | None, str]:
    if code == 0:
        return None, ""
    if code == TRY_AGAIN:
        return Failure.TRANSIENT, ""
    if code is not None and code < 0:
        return Failure.DETERMINISTIC, f"ended by signal {-code} ({signal.strsignal(-code)})"
    return Failure.DETERMINISTIC, f"exit status {code}"
