"""What coding-agent programs have in common: how an attempt is carried out, goes on after a kill, and is weighed."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from orchestrator import render
from orchestrator.agents.builtin.finish import finish, problems
from orchestrator.agents.heard import Account, Began, Heard, Over, detail
from orchestrator.agents.program import meaning, unstarted
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.agents.verdict import End, ResultFile
from orchestrator.documents.result import Status
from orchestrator.failure import Failure
from orchestrator.process import Cause, Ended, Limits, StartError, run
from orchestrator.workspace import write_durably, write_whole

_LOG = 16 << 20  # bytes of what a coding agent says: its events as they come are long
_SESSION = "session"
_HEARD = "stdout.log"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")  # no option, no path, no pattern

Read = Callable[[str], Iterator[Heard]]
"""Takes a line of output, and remembers what it has to of those before."""


@dataclass(frozen=True)
class Session:
    """The session of one attempt, as the attempt's folder remembers it.

    Attributes:
        logs: the attempt's folder.
        name: the session's id; empty where there is none yet.
    """

    logs: Path
    name: str

    @classmethod
    def find(cls, logs: Path) -> "Session":
        """Return the session that was begun in `logs`."""
        try:
            return cls(logs, (logs / _SESSION).read_text(encoding="utf-8").strip())
        except (FileNotFoundError, UnicodeDecodeError):
            return cls(logs, "")

    def begin(self, name: str) -> "Session":
        """Write the session down."""
        write_durably(self.logs / _SESSION, f"{name}\n".encode())
        return replace(self, name=name)

    def earlier(self, read: Read) -> Iterator[Heard]:
        """Put the log of the part that a kill ended aside, and return what all earlier parts said."""
        log = self.logs / _HEARD
        parts = sorted(self.logs.glob("stdout-*.log"))
        if log.exists():
            parts.append(log.rename(self.logs / f"stdout-{len(parts) + 1:04d}.log"))
        for part in parts:
            with part.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    yield from read(line)


class Dialect(Protocol):
    """How one kind of coding agent is spoken to."""

    @property
    def reports(self) -> bool:
        """Whether it hands a structured result in each time, so that a run without one has failed."""
        ...

    def open(self, session: Session) -> tuple[Session, bool]:
        """Return the session to use, named where it can be chosen beforehand, and whether it is gone on with."""
        ...

    def argv(self, assignment: Assignment, session: Session, *, going_on: bool) -> Sequence[str]:
        """Return the command line."""
        ...

    def environment(self, assignment: Assignment) -> Mapping[str, str]:
        """Make what it needs in the attempt's folder, and return its environment."""
        ...

    def reader(self) -> Read:
        """Return a fresh reader of its output."""
        ...

    def prompt(self, assignment: Assignment, *, going_on: bool) -> str:
        """Return what it gets on its standard input."""
        ...


def prompt(assignment: Assignment, *, going_on: bool) -> str:
    """Return the spec, or, in a session that holds it already, that the work goes on."""
    return render.text("prompts/coding-continue.md.j2", {}) if going_on else assignment.spec


def carry_out(dialect: Dialect, assignment: Assignment, cancel: threading.Event, transcript: Transcript) -> Answer:
    """Carry one attempt out, in the session it was begun in if there is one.

    Raises:
        OrchestratorError: its log cannot be written, which is no fault of the agent.
    """
    result, account = ResultFile(assignment.result_path), Account(transcript)
    session, going_on = dialect.open(Session.find(assignment.logs))
    for event in session.earlier(dialect.reader()) if going_on else ():
        account.remember(event)
    argv = dialect.argv(assignment, session, going_on=going_on)
    transcript("started", {"argv": argv, "cwd": str(assignment.worktree), "resumed": going_on})
    listener = _Listener(account, session, dialect.reader())
    try:
        ended = run(
            argv,
            cwd=assignment.worktree,
            env=dialect.environment(assignment),
            stdin=dialect.prompt(assignment, going_on=going_on).encode(),
            limits=Limits(assignment.timeout, assignment.idle, _LOG),
            token=assignment.token,
            cancel=cancel,
            logs=assignment.logs,
            heard=listener.hear,
        )
        answer = _weigh(ended, account, assignment, result, reports=dialect.reports)
    except StartError as error:
        answer = result.conclude(unstarted(error))
    paid = account.paid
    transcript("ended", {"failure": answer.failure, "code": answer.code, "seconds": answer.seconds})
    return replace(answer, usage=paid.usage, micros=paid.micros)


@dataclass
class _Listener:
    """Hears line by line; a session whose id only the program knows is written down as soon as it says it."""

    account: Account
    session: Session
    read: Read

    def hear(self, line: str) -> None:
        for event in self.read(line):
            if isinstance(event, Began) and not self.session.name and _NAME.fullmatch(event.session):
                self.session = self.session.begin(event.session)
            self.account.take(event)


def _weigh(ended: Ended, account: Account, assignment: Assignment, result: ResultFile, *, reports: bool) -> Answer:
    """Weigh what the program did and said into an answer, and write the result document it handed in."""
    end = meaning(ended, assignment, ended.last_lines() if ended.stderr.strip() else account.said)
    over = account.over
    if ended.cause is Cause.EXIT and over is not None:
        failure, said = _claim(over, account, written=result.written or not reports)
        # Of an exit status that contradicts a claim of success, the worse is believed.
        if failure is not None or end.failure is None:
            end = End(failure, said, ended.code, ended.seconds)
        if over.result is not None and not result.written and not problems(over.result):
            write_whole(assignment.result_path, finish(over.result).document())
    elif end.failure is None and reports:
        end = End(Failure.DETERMINISTIC, detail(["it ended without saying how", end.detail]), end.code, end.seconds)
    return result.conclude(end)


def _claim(over: Over, account: Account, *, written: bool) -> tuple[Failure | None, str]:
    """Return what the agent's own account of its end is worth; `written`: no structured result is to be expected."""
    if over.failure is not None:
        return over.failure, detail([over.said, account.refused()])
    if over.result is None:
        wrong = detail(["" if written else "it ended without a result", account.refused()])
        return Failure.DETERMINISTIC if wrong else None, detail([wrong, over.said])
    if unfit := problems(over.result):
        return Failure.DETERMINISTIC, f"its result does not fit: {'; '.join(unfit)}"
    done = finish(over.result)
    if done.status is not Status.COMPLETE:
        issues = "; ".join(done.issues)
        return Failure.DETERMINISTIC, detail([f"its result says {done.status.value}: {issues}", account.refused()])
    if not account.uses:
        return Failure.DETERMINISTIC, "it says that it is complete, and has used no tool"
    # Verify has the last word on whether it found another way.
    return None, detail([done.summary, account.refused()])
