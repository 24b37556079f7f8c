"""The command agent: any argv as an agent, with the spec on stdin and the exit status as its word."""

import re
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.agents.protocol import DETAIL, Answer, Assignment, Transcript
from orchestrator.agents.verdict import End, ResultFile
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.process import Cause, Ended, Limits, StartError, environment, missing, run

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h

_PLACEHOLDER = re.compile(r"\{(task|spec|files|result)\}")
_GIT = {
    "core.fsync": "all",
    "core.fsyncMethod": "fsync",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


@dataclass(frozen=True)
class CommandAgent:
    """Any command that does what a spec says and exits with 0.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        argv: the command and its arguments; `{task}`, `{spec}`, `{files}` and `{result}` are filled in.
        env_passed: names of variables it may see besides the usual ones; a trailing `*` is a prefix.
        base_env: the environment to choose from, usually `os.environ`.
        root: the repository; a relative command is looked for here before there is a worktree.
    """

    name: str
    argv: tuple[str, ...]
    env_passed: tuple[str, ...] = ()
    base_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    root: Path = Path()

    @property
    def resumes(self) -> bool:
        """It starts anew."""
        return False

    @property
    def must_change(self) -> bool:
        """What it does beside files is its own affair."""
        return False

    def check(self) -> None:
        """Look the command up.

        Raises:
            OrchestratorError: there is no such command (`Exit.MISSING`).
        """
        command, key = (self.argv or ("",))[0], f"agents.{self.name}.command"
        if not command:
            raise OrchestratorError(f"{key} is empty", hint="name a command", code=Exit.MISSING)
        if missing(command, cwd=self.root, env=environment(self.base_env, self.env_passed, {})):
            raise OrchestratorError(
                f"{key}: no command {command!r} on PATH",
                hint=f"install it, or correct {key} in orchestrator.toml",
                code=Exit.MISSING,
            )

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Run the command in the worktree until it ends, with its whole process tree.

        Raises:
            OrchestratorError: its log cannot be written, which is no fault of the agent.
        """
        argv = list(fill(self.argv, assignment))
        result = ResultFile(assignment.result_path)
        transcript("started", {"argv": argv, "cwd": str(assignment.worktree)})
        try:
            end = _meaning(self._run(argv, assignment, cancel), assignment)
        except StartError as error:
            end = End(Failure.TRANSIENT if error.passing else Failure.FATAL, f"{error} ({error.hint})", None, 0.0)
        answer = result.conclude(end)
        transcript("ended", {"failure": answer.failure, "code": answer.code, "seconds": answer.seconds})
        return answer

    def _run(self, argv: list[str], assignment: Assignment, cancel: threading.Event) -> Ended:
        return run(
            argv,
            cwd=assignment.worktree,
            env=environment(self.base_env, self.env_passed, _extra(assignment)),
            stdin=assignment.spec.encode(),
            limits=Limits(assignment.timeout, assignment.idle),
            token=assignment.token,
            cancel=cancel,
            logs=assignment.logs,
        )


def fill(argv: tuple[str, ...], assignment: Assignment) -> Iterator[str]:
    """Fill the placeholders in; an element that is exactly `{files}` becomes one argument per file.

    Other braces are left alone: they are awk's or find's.
    """
    # A file named like an option must not be read as one.
    files = [f"./{file}" if file.startswith("-") else file for file in assignment.files]
    values = {
        "task": assignment.task,
        "spec": str(assignment.spec_path),
        "files": " ".join(files),
        "result": str(assignment.result_path),
    }
    for element in argv:
        if element == "{files}":
            yield from files
        else:
            yield _PLACEHOLDER.sub(lambda match: values[match[1]], element)


def _extra(assignment: Assignment) -> dict[str, str]:
    extra = {
        "ORCHESTRATOR_TASK": assignment.task,
        "ORCHESTRATOR_ATTEMPT": str(assignment.attempt),
        "ORCHESTRATOR_SPEC": str(assignment.spec_path),
        "ORCHESTRATOR_RESULT": str(assignment.result_path),
        "ORCHESTRATOR_FILES": "\n".join(assignment.files),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_COUNT": str(len(_GIT)),
    }
    for number, (key, value) in enumerate(_GIT.items()):
        extra |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return extra


def _meaning(ended: Ended, assignment: Assignment) -> End:
    failure, cause = _class(ended, assignment)
    words = ended.last_lines()[-(DETAIL - 200) :]
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
