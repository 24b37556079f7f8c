"""Attempts as refs: `refs/orchestrator/attempts/<task>/<n>` keeps an attempt's commits and its fate."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from orchestrator.budget import MICROS, Usage, micros_read, tokens_read, tokens_said
from orchestrator.failure import Failure
from orchestrator.plaintext import indented, one_line
from orchestrator.repo.commits import Draft, trailers
from orchestrator.repo.git import Git, split_records
from orchestrator.repo.refs import OURS
from orchestrator.repo.trees import Change

ROOT = f"{OURS}/attempts"


class Fate(StrEnum):
    """What became of an attempt: finished means it waits for landing, rejected that landing sent it back."""

    FINISHED = "finished"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Resolution:
    """How a conflict was merged.

    Attributes:
        by: the model that did.
        number: which of its answers this is, from 1.
        commit: the attempt as it was before.
        base: where that had started from.
    """

    by: str
    number: int
    commit: str
    base: str


@dataclass(frozen=True)
class Attempt:
    """One recorded attempt.

    Attributes:
        task: the task's id.
        number: counted from 1, over all runs.
        commit: the ref's tip; its tree is what the worktree held.
        base: the commit the worktree started from; once a conflict is merged, the one it was merged with.
        spec: the spec's blob id, as the attempt was given it.
        agent: who did it.
        fate: finished, failed or rejected.
        failure: why it did not land; None while it waits or once it landed.
        seconds: how long it ran.
        detail: the agent's last words or the failing output: what the next attempt should know.
        result: the agent's own result document, empty when it wrote none.
        when: when it was recorded.
        usage: the tokens it took, where that is known.
        micros: what it cost, in millionths of a US dollar, where that is known.
        sandbox: how its commands were confined, where that is known.
        review: what a reviewer said of it, and which: `accept (MODEL)`; empty while nobody has.
        reviewed: the key of what the reviewer saw.
        resolution: how its conflict with the branch was merged; None where there was none.
    """

    task: str
    number: int
    commit: str
    base: str
    spec: str
    agent: str
    fate: Fate
    failure: Failure | None
    seconds: float
    detail: str
    result: bytes
    when: datetime
    usage: Usage = field(default_factory=Usage)
    micros: int = 0
    sandbox: str = ""
    review: str = ""
    reviewed: str = ""
    resolution: Resolution | None = None

    def with_cost(self, usage: Usage, micros: int) -> "Attempt":
        """Return it with what was spent on it besides: a review, or a merge."""
        return replace(self, usage=self.usage + usage, micros=self.micros + micros)

    @property
    def ref(self) -> str:
        """The ref that keeps it."""
        return f"{ROOT}/{self.task}/{self.number}"


_NAME = re.compile(rf"{ROOT}/([^/]+)/([0-9]{{1,9}})")
_RESULT = "Result document:"
_DETAIL = "Last words:"


def _message(attempt: Attempt) -> str:
    outcome = attempt.fate.value + (f" ({attempt.failure})" if attempt.failure else "")
    parts = [f"attempt {attempt.task}/{attempt.number}: {outcome}"]
    if attempt.detail:
        parts.append(f"{_DETAIL}\n{indented(attempt.detail)}")
    if attempt.result:
        parts.append(f"{_RESULT}\n{indented(attempt.result.decode('utf-8', 'replace'))}")
    facts = [
        ("Task", attempt.task),
        ("Attempt", str(attempt.number)),
        ("Base", attempt.base),
        ("Spec-Sha", attempt.spec),
        ("Agent", one_line(attempt.agent)),
        ("Fate", attempt.fate.value),
        ("Failure", attempt.failure.value if attempt.failure else ""),
        ("Seconds", f"{attempt.seconds:.3f}"),
        ("Sandbox", attempt.sandbox),
        ("Tokens", tokens_said(attempt.usage)),
        ("Cost-Usd", f"{attempt.micros / MICROS:.6f}" if attempt.micros else ""),
        ("Review", one_line(attempt.review)),
        ("Reviewed", attempt.reviewed),
        *_resolved(attempt.resolution),
    ]
    return "\n\n".join([*parts, trailers(facts)]) + "\n"


def _resolved(resolution: Resolution | None) -> list[tuple[str, str]]:
    if resolution is None:
        return []
    facts = f"{resolution.number} {resolution.commit} {resolution.base}"
    return [("Resolved-by", one_line(resolution.by)), ("Resolves", facts)]


def draft(attempt: Attempt, changes: Sequence[Change], parent: str, merged: tuple[str, ...] = ()) -> Draft:
    """Return `attempt` as the commit to be that its ref will point at, on `parent` with `changes` applied.

    `merged` are more parents, whose trees do not count: the commits an agent made by itself stay reachable.
    """
    return Draft(_message(attempt), tuple(changes), attempt.when, parent=parent, merged=merged)


def load(git: Git, *tasks: str) -> list[Attempt]:
    """Return the recorded attempts, of `tasks` or of all, by task and number; a ref that is none is passed over."""
    scopes = [f"{ROOT}/{task}/" for task in tasks]
    form = "--format=%(refname)%1f%(objectname)%1f%(committerdate:unix)%1f%(contents)%00"
    output = git.run("for-each-ref", form, *(scopes or [f"{ROOT}/"]))
    found = (_parse(record.lstrip("\n")) for record in split_records(output) if record.strip("\n"))
    return sorted(filter(None, found), key=lambda attempt: (attempt.task, attempt.number))


def named(ref: str) -> tuple[str, int] | None:
    """Return the task and the number of the attempt that `ref` keeps, None where it is none of ours."""
    found = _NAME.fullmatch(ref)
    return (found[1], int(found[2])) if found else None


def _parse(record: str) -> Attempt | None:
    """Return the attempt a ref keeps, None where nothing of ours made it: anybody can write refs."""
    ref, commit, seconds, message = record.split("\x1f", 3)
    name = named(ref)
    try:
        return _attempt(*name, commit, seconds, message) if name else None
    except (ValueError, OverflowError):  # no commit, or no fate, failure or time
        return None


def _attempt(task: str, number: int, commit: str, seconds: str, message: str) -> Attempt:
    body, _, block = message.rstrip("\n").rpartition("\n\n")
    facts = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
    failure = facts.get("Failure", "")
    return Attempt(
        task=task,
        number=number,
        commit=commit,
        base=facts.get("Base", ""),
        spec=facts.get("Spec-Sha", ""),
        agent=facts.get("Agent", ""),
        fate=Fate(facts.get("Fate", Fate.FAILED.value)),
        failure=Failure(failure) if failure else None,
        seconds=float(facts.get("Seconds", "0")),
        detail=_paragraph(body, _DETAIL),
        result=_paragraph(body, _RESULT).encode(),
        when=datetime.fromtimestamp(int(seconds)).astimezone(),
        sandbox=facts.get("Sandbox", ""),
        usage=tokens_read(facts.get("Tokens", "")),
        micros=micros_read(facts.get("Cost-Usd", "")),
        review=facts.get("Review", ""),
        reviewed=facts.get("Reviewed", ""),
        resolution=_resolution(facts),
    )


def _resolution(facts: Mapping[str, str]) -> Resolution | None:
    if "Resolves" not in facts:
        return None
    number, commit, base = facts["Resolves"].split()
    return Resolution(facts.get("Resolved-by", ""), int(number), commit, base)


def _paragraph(body: str, title: str) -> str:
    """Return the indented text under `title`; our own titles alone stand at the margin."""
    lines = body.split("\n")
    if title not in lines:
        return ""
    taken = []
    for line in lines[lines.index(title) + 1 :]:
        if line and not line.startswith("    "):
            break
        taken.append(line[4:])
    return "\n".join(taken).strip("\n") + "\n"
