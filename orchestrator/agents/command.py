"""The command agent: any argv as an agent, with the spec on stdin and the exit status as its word."""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.agents.program import meaning, refuse_missing, surroundings, unstarted
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.agents.verdict import ResultFile
from orchestrator.process import Ended, Limits, StartError, environment, run

_PLACEHOLDER = re.compile(r"\{(task|spec|files|result)\}")


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
        env = environment(self.base_env, self.env_passed, {})
        refuse_missing(self.name, (self.argv or ("",))[0], self.root, env)

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Run the command in the worktree until it ends, with its whole process tree.

        Raises:
            OrchestratorError: its log cannot be written, which is no fault of the agent.
        """
        argv = list(fill(self.argv, assignment))
        result = ResultFile(assignment.result_path)
        transcript("started", {"argv": argv, "cwd": str(assignment.worktree)})
        try:
            end = meaning(self._run(argv, assignment, cancel), assignment)
        except StartError as error:
            end = unstarted(error)
        answer = result.conclude(end)
        transcript("ended", {"failure": answer.failure, "code": answer.code, "seconds": answer.seconds})
        return answer

    def _run(self, argv: list[str], assignment: Assignment, cancel: threading.Event) -> Ended:
        return run(
            argv,
            cwd=assignment.worktree,
            env=surroundings(assignment, self.base_env, self.env_passed, {}),
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
