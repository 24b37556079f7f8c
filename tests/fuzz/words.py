"""Words of an agent's or a person's choice in commit messages: none of them is ever taken for ours."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from fuzz import vocabulary
from fuzz.generator import Generator
from orchestrator.budget import Usage
from orchestrator.failure import Failure
from orchestrator.plaintext import one_line, safe_text
from orchestrator.repo.attempts import Attempt, Fate, draft, load
from orchestrator.repo.commits import Draft, build, build_all
from orchestrator.repo.git import Git
from orchestrator.repo.history import ledger, walk
from orchestrator.repo.objects import ObjectFolders
from orchestrator.steps.message import Facts, message

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_OURS = (
    b"a: do a\n\nFiles changed: x\n\n  Decisions: y\n\nWorkflow: w\nTask: a\nAttempt: 1\nCheckpoint: 0001\nEpoch: 1\n"
)
_REVERT = b'Revert "a"\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.\n'
_PAIRS = (("Task", "a"), ("Attempt", "1"), ("Agent", "w"), ("Spec-Sha", "0" * 40), ("Verified", "clean: true"))
_TRAILERS = (("Workflow", "w"), *_PAIRS, ("Checkpoint", "0007"), ("Phase", "TESTING"), ("Epoch", "3"))

GENERATOR = Generator("words", vocabulary.MESSAGE, [_OURS, _REVERT])


def texts(seed: int, first: int, count: int) -> list[str]:
    """Return the texts of these numbers."""
    return [GENERATOR.document(seed, number).decode("utf-8", "replace") for number in range(first, first + count)]


def forged(git: Git, base: str, said: Sequence[str]) -> list[str]:
    """Return the messages of ours in which something said posed as a trailer, or drove one of ours out."""
    facts = Facts("w", "TESTING", 7, 3)
    drafts = [
        Draft(
            message(f"a: {text}", [other, text, f"Decisions: {one_line(other)}"], _PAIRS, facts), (), _WHEN, parent=base
        )
        for text, other in zip(said, [*said[1:], *said[:1]], strict=True)
    ]
    for number in range(1, len(drafts)):
        drafts[number] = Draft(drafts[number].message, (), _WHEN)
    tip = build(git, ObjectFolders(git.directory / ".git"), "refs/heads/words", drafts)[-1]
    read = list(walk(git, tip, "--reverse", f"^{base}"))
    found = [] if len(read) == len(drafts) else [f"{len(read)} commits of {len(drafts)}"]
    return found + [
        f"{entry.trailers} of {one.message[:300]!r}"
        for entry, one in zip(read, drafts, strict=False)
        if entry.trailers != _TRAILERS
    ]


def unread(git: Git, base: str, said: Sequence[str]) -> list[str]:
    """Return what is lost of a history in which people said these things; that none stops the reading is half of it."""
    messages = [text.replace("\0", "") for text in said]
    drafts = [Draft(text, (), _WHEN, parent=None if number else base) for number, text in enumerate(messages)]
    tip = build(git, ObjectFolders(git.directory / ".git"), "refs/heads/people", drafts)[-1]
    read = list(walk(git, tip, f"^{base}"))
    known = ledger(git, tip)
    found = [] if len(read) == len(drafts) else [f"{len(read)} commits of {len(drafts)}"]
    if known.checkpoint > 10**9 or any(number > 10**9 for number in known.reopened.values()):
        found.append(f"a number nobody gave: {known.checkpoint}, {known.reopened}")
    return found


def altered(git: Git, base: str, said: Sequence[str]) -> list[str]:
    """Return the attempts that come back from their refs otherwise than they were recorded."""
    made = list(_attempts(base, said))
    build_all(git, ObjectFolders(git.directory / ".git"), [(attempt.ref, draft(attempt, (), base)) for attempt in made])
    back = {attempt.task: attempt for attempt in load(git)}
    return [
        f"{what}: {wanted!r} came back as {got!r}"
        for attempt in made
        for what, wanted, got in _compared(attempt, back.get(attempt.task))
        if wanted != got
    ]


def _attempts(base: str, said: Sequence[str]) -> Iterator[Attempt]:
    chance = random.Random(len(said))  # noqa: S311 - the same attempts every time
    for number, text in enumerate(said):
        failure = chance.choice((None, *Failure))
        yield Attempt(
            task=f"t{number}",
            number=1 + number % 7,
            commit="",
            base=base,
            spec="0" * 40,
            agent=chance.choice(("w", text)),
            fate=Fate.FAILED if failure else Fate.FINISHED,
            failure=failure,
            seconds=number / 8,
            detail=safe_text(text),
            result=said[number - 1].encode(),
            when=_WHEN + timedelta(seconds=number),
            usage=Usage(number, 0, number % 3, number * 7),
            micros=number * 1_234,
        )


def _compared(attempt: Attempt, back: Attempt | None) -> Iterator[tuple[str, object, object]]:
    if back is None:
        yield "attempt", attempt.task, None
        return
    for name in ("number", "base", "spec", "fate", "failure", "seconds", "when"):
        yield name, getattr(attempt, name), getattr(back, name)
    yield "agent", one_line(attempt.agent), back.agent
    yield "last words", _kept(attempt.detail), back.detail.strip("\n")
    yield "result", _kept(attempt.result.decode()), back.result.decode().strip("\n")
    yield "tokens", attempt.usage, back.usage
    yield "cost", attempt.micros, back.micros


def _kept(text: str) -> str:
    """Return what a commit keeps of a text: its safe characters, without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in safe_text(text).split("\n")).strip("\n")
