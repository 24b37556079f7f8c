"""Dead letters: the tasks whose attempts are spent, and everything about one of them."""

from dataclasses import dataclass

from orchestrator.documents.result import Status
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.attempts import Attempt, load
from orchestrator.repo.git import Git
from orchestrator.steps.standing import Situation, result_path
from orchestrator.views.names import find

MOST = 20


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter: how many attempts there were, how the last one ended, where all of it stands."""

    task: str
    title: str
    attempts: int
    failure: str
    why: str
    document: str


@dataclass(frozen=True)
class DeadLetters:
    """The dead letters, in plan order."""

    total: int
    letters: tuple[DeadLetter, ...]


@dataclass(frozen=True)
class Kept:
    """One attempt's work, kept under a ref."""

    number: int
    ref: str
    commit: str
    agent: str
    failure: str
    seconds: float


@dataclass(frozen=True)
class Letter:
    """One dead letter whole: its document's text, and the refs that keep the work of its attempts."""

    task: str
    title: str
    document: str
    text: str
    kept: tuple[Kept, ...]


def dead_letters(now: Situation, *, everything: bool) -> DeadLetters:
    """List the dead letters, at most twenty unless `everything`."""
    dead = now.standing().dead
    found = [_letter(now, task) for task in now.plan.tasks if task in dead]
    return DeadLetters(len(found), tuple(found if everything else found[:MOST]))


def _letter(now: Situation, task: str) -> DeadLetter:
    rows = now.results[task].attempts
    last = rows[-1] if rows else None
    title, path = now.plan.tasks[task].title, result_path(task)
    return DeadLetter(task, title, len(rows), last.failure if last else "", last.why if last else "", path)


def dead_letter(git: Git, now: Situation, wanted: str) -> Letter:
    """Return the dead letter that `wanted` names.

    Raises:
        OrchestratorError: there is no such task, or it is no dead letter.
    """
    task = find(wanted, now.plan.tasks, "task", "orchestrator dlq list")
    result = now.results.get(task)
    if result is None or result.status is not Status.DEAD or task in now.landed:
        raise OrchestratorError(f"{task} is no dead letter", hint="orchestrator dlq list", code=Exit.PRECONDITION)
    kept = tuple(_kept(attempt) for attempt in load(git, task))
    text = result.render().decode("utf-8").removeprefix("\ufeff")
    return Letter(task, now.plan.tasks[task].title, result_path(task), text, kept)


def _kept(attempt: Attempt) -> Kept:
    failure = attempt.failure.value if attempt.failure else ""
    return Kept(attempt.number, attempt.ref, attempt.commit, attempt.agent, failure, attempt.seconds)


def list_text(found: DeadLetters) -> str:
    """Return one line per dead letter."""
    if not found.letters:
        return "no dead letters"
    return "\n".join(map(_line, found.letters))


def _line(row: DeadLetter) -> str:
    because = f": {row.why}" if row.why.strip("-") else ""
    return f"{row.task}: {row.title} ({row.failure or 'failed'} after {row.attempts} attempts{because})"


def letter_text(letter: Letter) -> str:
    """Return the document and, below it, where each attempt's work is kept."""
    refs = [f"attempt {kept.number}: git show {kept.ref}   # {kept.failure or 'finished'}" for kept in letter.kept]
    return letter.text.rstrip("\n") + "\n\n" + "\n".join(["Kept work:", *refs])
