"""What coding-agent programs have in common: the session that goes on after a kill, and what their claim is worth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.agents.builtin.finish import finish, problems
from orchestrator.agents.heard import Account, Heard, Over, detail
from orchestrator.agents.program import meaning
from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.agents.verdict import End, ResultFile
from orchestrator.documents.result import Status
from orchestrator.failure import Failure
from orchestrator.process import Cause, Ended
from orchestrator.workspace import write_durably, write_whole

LOG = 16 << 20  # bytes of what a coding agent says: its events as they come are long
_SESSION = "session"
_HEARD = "stdout.log"


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
        """Write the session down, before anything is spent in it."""
        write_durably(self.logs / _SESSION, f"{name}\n".encode())
        return replace(self, name=name)

    def keep_log(self, read: Callable[[str], Iterator[Heard]]) -> Iterator[Heard]:
        """Put the log of the part that a kill ended aside, and return what all earlier parts said."""
        log = self.logs / _HEARD
        parts = sorted(self.logs.glob("stdout-*.log"))
        if log.exists():
            parts.append(log.rename(self.logs / f"stdout-{len(parts) + 1:04d}.log"))
        for part in parts:
            with part.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    yield from read(line)


def conclude(ended: Ended, account: Account, assignment: Assignment, result: ResultFile) -> Answer:
    """Weigh what the program did and said into an answer, and write the result document it handed in."""
    end = meaning(ended, assignment, ended.last_lines() if ended.stderr.strip() else account.said)
    over = account.over
    if ended.cause is Cause.EXIT and over is not None:
        failure, said = _claim(over, account, written=result.written)
        # Of an exit status that contradicts a claim of success, the worse is believed.
        if failure is not None or end.failure is None:
            end = End(failure, said, ended.code, ended.seconds)
        if over.result is not None and not result.written and not problems(over.result):
            write_whole(assignment.result_path, finish(over.result).document())
    elif end.failure is None:
        end = End(Failure.DETERMINISTIC, detail(["it ended without saying how", end.detail]), end.code, end.seconds)
    paid = account.paid
    return replace(result.conclude(end), usage=paid.usage, micros=paid.micros)


def _claim(over: Over, account: Account, *, written: bool) -> tuple[Failure | None, str]:
    """Return what the agent's own account of its end is worth."""
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
