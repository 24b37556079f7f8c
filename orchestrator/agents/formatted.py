"""A command whose output is read by a row of `formats`: a coding agent without an adapter of its own."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.agents.coding import Read, Session, carry_out, prompt
from orchestrator.agents.command import fill
from orchestrator.agents.formats import FORMATS, Format
from orchestrator.agents.program import refuse_missing, surroundings
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.process import environment

_PLACEHOLDER = re.compile(r"\{(model|session|home)\}")
_HOME = "home"  # below the attempt's folder


@dataclass(frozen=True)
class FormattedAgent:
    """A coding agent that is a row of a table.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        kind: the row's name.
        command: what is started instead of the row's own command line; empty for that.
        model: the model it is to use; empty for its own default.
        env_passed: names of variables it may see besides the usual ones and the row's; a trailing `*` is a prefix.
        base_env: the environment to choose from, usually `os.environ`.
        root: the repository; a relative command is looked for here.
    """

    name: str
    kind: str
    command: tuple[str, ...] = ()
    model: str = ""
    env_passed: tuple[str, ...] = ()
    base_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    root: Path = Path()

    @property
    def resumes(self) -> bool:
        """It goes on where the program can be given a session."""
        return bool(self._format.resume)

    @property
    def must_change(self) -> bool:
        """Its word is that it is done, and no more."""
        return True

    @property
    def reports(self) -> bool:
        """It hands no structured result in."""
        return False

    def check(self) -> None:
        """Look the command up.

        Raises:
            OrchestratorError: there is no such command (`Exit.MISSING`).
        """
        refuse_missing(self.name, self._argv[0], self.root, environment(self.base_env, self.env_passed, {}))

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Carry one attempt out, in the session it was begun in if there is one.

        Raises:
            OrchestratorError: its log cannot be written, which is no fault of the agent.
        """
        return carry_out(self, assignment, cancel, transcript)

    def open(self, session: Session) -> tuple[Session, bool]:
        """Return the session; the program names it, and says so as it begins."""
        return session, bool(session.name and self._format.resume)

    def argv(self, assignment: Assignment, session: Session, *, going_on: bool) -> Sequence[str]:
        """Return the command line."""
        model = assignment.model or self.model
        words = [*self._argv, *(self._format.model if model else ()), *(self._format.resume if going_on else ())]
        values = {"model": model, "session": session.name}
        return list(fill(tuple(_fill(word, values) for word in words), assignment))

    def environment(self, assignment: Assignment) -> Mapping[str, str]:
        """Return an environment with what the program keeps in the attempt's folder."""
        home = assignment.logs / _HOME
        home.mkdir(parents=True, exist_ok=True)
        own = {name: _fill(value, {"home": str(home)}) for name, value in self._format.own.items()}
        return surroundings(assignment, self.base_env, (*self._format.passed, *self.env_passed), own)

    def reader(self) -> Read:
        """Return a reader of its output."""
        return self._format.reader()

    def prompt(self, assignment: Assignment, *, going_on: bool) -> str:
        """Return the spec, or that the work goes on."""
        return prompt(assignment, going_on=going_on)

    @property
    def _format(self) -> Format:
        return FORMATS[self.kind]

    @property
    def _argv(self) -> tuple[str, ...]:
        return self.command or self._format.argv


def _fill(word: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), word)
