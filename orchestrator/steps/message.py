"""Commit messages: a subject that reads as the story, agents' words indented, and one block of trailers at the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.budget import Usage, tokens_said, usd
from orchestrator.documents.result import Result
from orchestrator.documents.todo import Task
from orchestrator.plaintext import indented, listed, one_line
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.commits import trailers
from orchestrator.steps.results import LISTED


@dataclass(frozen=True)
class Facts:
    """What every commit of ours says: workflow, phase, checkpoint number where it carries one, the leader's epoch.

    The epoch is 0 where nobody leads.
    """

    workflow: str
    phase: str
    checkpoint: int | None
    epoch: int


def message(subject: str, body: Sequence[str], pairs: Iterable[tuple[str, str]], facts: Facts) -> str:
    """Return a whole commit message. No line of `body` can be taken for a trailer: each is indented."""
    ours = [
        ("Workflow", facts.workflow),
        *pairs,
        ("Checkpoint", f"{facts.checkpoint:04d}" if facts.checkpoint else ""),
        ("Phase", facts.phase),
        ("Epoch", str(facts.epoch) if facts.epoch else ""),
    ]
    paragraphs = [one_line(subject), *(indented(part, "  ") for part in body if part.strip()), trailers(ours)]
    return "\n\n".join(paragraphs) + "\n"


def costs(attempts: Iterable[Attempt]) -> list[tuple[str, str]]:
    """Return what `attempts` took and cost together, as far as that is known, as trailers."""
    known = [attempt for attempt in attempts if attempt.micros or attempt.usage.total]
    usage = sum((attempt.usage for attempt in known), Usage())
    return [
        ("Tokens", tokens_said(usage)),
        ("Cost-Usd", usd(sum(attempt.micros for attempt in known)) if known else ""),
    ]


def landing_message(
    task: Task, rows: Sequence[Attempt], facts: Facts, verified: str, files: Sequence[str], said: Result | None
) -> str:
    """Return the message of the commit that lands `task`; its `Task` trailer is what makes the task done.

    `rows` are the attempts that count, oldest first: the last is what lands, and all of them are what it has cost.
    """
    attempt = rows[-1]
    body = [f"Files changed: {listed(files, LISTED, ', ') or 'none, and none were needed'}"]
    if said:
        told = {"Decisions": said.decisions, "Tests needed": said.tests_needed, "Issues": said.issues}
        body += [f"{name}: {listed(lines, LISTED, '; ')}" for name, lines in told.items() if lines]
    pairs = [
        ("Task", task.id),
        ("Attempt", str(attempt.number)),
        ("Agent", one_line(attempt.agent, 60)),
        ("Spec-Sha", attempt.spec),
        ("Verified", verified),
        ("Sandbox", attempt.sandbox),
        *costs(rows),
        ("Review", one_line(attempt.review)),
        ("Resolved-by", one_line(attempt.resolution.by) if attempt.resolution else ""),
    ]
    return message(f"{task.id}: {task.title}", body, pairs, facts)
