"""The format of a script: a TOML file that says what the scripted agent does at each attempt.

[[attempt]]
task = "greet"                       # left out: any task
attempt = 1                          # left out: every attempt that has no entry of its own
sleep = 0.2                          # seconds, before anything else
write = {"src/a.py" = "text"}
append = {"README.md" = "a line"}
delete = ["old.py"]
echo = "notes/spec.md"               # the spec, as it arrived
result = "the result document"
say = "last words"
tokens = 1200                        # what the attempt is said to have taken,
usd = 0.25                           # and to have cost
hang = true                          # until the attempt is cancelled or timed out
exit = "complete"                    # complete | transient | failed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.agents.entry import Entry, Step, meant
from orchestrator.config.places import places
from orchestrator.config.tables import read, refusal, table
from orchestrator.errors import Exit, OrchestratorError

_LARGEST = 1 << 22  # characters: a hundred thousand attempts


@dataclass(frozen=True)
class Script:
    """All steps of a file, in its order."""

    steps: tuple[Step, ...]

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read a script file.

        Raises:
            OrchestratorError: it cannot be read (`Exit.MISSING`) or is not a script (`Exit.PRECONDITION`).
        """
        try:
            text = read(path, str(path), _LARGEST)
        except OSError as error:
            said = f"cannot read the script: {error.strerror}"
            raise OrchestratorError(said, where=str(path), hint="correct the path", code=Exit.MISSING) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> "Script":
        """Read a script from text; `name` is the file that errors name.

        Raises:
            OrchestratorError: the text is not a script; with `file:line` and the key.
        """
        held = table(text, name, _LARGEST)
        for key in [key for key in held if key != "attempt"]:
            line = places(text).get((key,), 1)
            raise refusal(f"{name}:{line}", f"{key}: unknown key", meant(key, ["attempt"]))
        attempts = held.get("attempt", [])
        if not isinstance(attempts, list) or not attempts:
            raise refusal(f"{name}:1", "no attempt in it", 'start each with "[[attempt]]"')
        return cls(tuple(Entry(number, each, text, name).step() for number, each in enumerate(attempts, 1)))

    @cached_property
    def _by_task(self) -> Mapping[str, Sequence[Step]]:
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.task, []).append(step)
        return found

    def step(self, task: str, attempt: int) -> Step | None:
        """What to do at this attempt: the entry that names most of it, the first of equals."""
        named = (*self._by_task.get(task, ()), *self._by_task.get("", ()))
        fitting = [step for step in named if step.attempt in {0, attempt}]
        return max(fitting, key=lambda s: (bool(s.task), bool(s.attempt)), default=None)
