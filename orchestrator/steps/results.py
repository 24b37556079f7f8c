"""Results: what an attempt did, as a document beside its spec and as lines for commit and checkpoint."""

from collections.abc import Sequence

from orchestrator import render
from orchestrator.documents.result import Result, Status
from orchestrator.documents.todo import Task
from orchestrator.plaintext import listed, one_line, safe_text
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.git import Git
from orchestrator.repo.trees import line_counts

LISTED = 20  # files


def summary(git: Git, attempt: Attempt) -> tuple[str, ...]:
    """Return one line per file that the attempt changed: its path with the lines added and removed."""
    return summaries(git, [attempt])[0]


def summaries(git: Git, attempts: Sequence[Attempt]) -> list[tuple[str, ...]]:
    """Return the summary of each attempt."""
    counted = line_counts(git, [(attempt.base, attempt.commit) for attempt in attempts])
    return [tuple(f"`{one_line(path)}` (+{added} -{gone})" for path, added, gone in files) for files in counted]


def result_document(
    task: Task,
    status: Status,
    attempts: Sequence[Attempt],
    said: Result | None,
    *,
    files: Sequence[str] = (),
    verified: str = "",
    last_words: str = "",
) -> bytes:
    """Return `specs/<task>.result.md`: the summary, the attempts table and, for a dead letter, the last words."""
    return render.document(
        "result.md.j2",
        {
            "task": task.id,
            "title": one_line(task.title),
            "status": status.value,
            "files": listed(files, LISTED, ", "),
            "decisions": _joined(said.decisions if said else ()),
            "tests_needed": _joined(said.tests_needed if said else ()),
            "issues": _joined(said.issues if said else ()),
            "verified": verified,
            "attempts": [_row(attempt) for attempt in attempts],
            "last_words": safe_text(last_words),
        },
    )


def _joined(lines: Sequence[str]) -> str:
    return "; ".join(one_line(line) for line in lines)


def _row(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "status": attempt.fate.value,
        "failure": attempt.failure.value if attempt.failure else "",
        "agent": one_line(attempt.agent, 60),
        "commit": attempt.commit[:10],
        "seconds": f"{attempt.seconds:.1f}",
        "why": one_line(attempt.detail, 160) if attempt.failure else "",
    }
