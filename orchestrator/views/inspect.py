"""`inspect`: one task with all of its attempts: what each did, why it did not land, and where to look."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.budget import MICROS
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.errors import DocumentError
from orchestrator.plaintext import one_line, safe_text
from orchestrator.repo.attempts import Attempt, load
from orchestrator.repo.git import Git
from orchestrator.repo.trees import blobs
from orchestrator.steps.results import summary
from orchestrator.steps.standing import Situation, result_path, spec_path
from orchestrator.views.glance import Sources, read_text
from orchestrator.views.names import find
from orchestrator.views.work import recorded, work

_LISTED = 20
_WORDS, _SHOWN = 2_000, 12  # characters of a detail in the data; lines of it in the text


@dataclass(frozen=True)
class Try:
    """One recorded attempt; `files` has one line per changed file, the first twenty of `file_count`.

    `tokens` and `cost` (in US dollars) are 0 where nobody knows them.
    """

    number: int
    fate: str
    failure: str
    agent: str
    seconds: float
    when: datetime
    ref: str
    base: str
    file_count: int
    files: tuple[str, ...]
    detail: str
    tokens: int
    cost: float


@dataclass(frozen=True)
class Summary:
    """What the task's result document says."""

    status: str
    decisions: tuple[str, ...]
    tests_needed: tuple[str, ...]
    issues: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """One task.

    Attributes:
        commit: the one that landed it, empty while none has.
        attempts: the last twenty of `attempt_count`.
    """

    task: str
    title: str
    phase: str
    state: str
    spec: str
    goal: str
    after: tuple[str, ...]
    commit: str
    attempt_count: int
    attempts: tuple[Try, ...]
    result: Summary | None


def inspect(sources: Sources, now: Situation, wanted: str) -> Inspection:
    """Return all there is on the task that `wanted` names.

    Raises:
        OrchestratorError: no task, planned or attempted, is called so.
    """
    attempted = sorted(task for task, _number in recorded(sources.git))
    known = dict.fromkeys([*now.plan.tasks, *now.ledger.landed, *attempted])
    name = find(wanted, known, "task", "orchestrator status lists the open ones; TODO.md has them all")
    task, spec = now.plan.tasks.get(name), _spec(sources.git, now, name)
    attempts = load(sources.git, name)
    return Inspection(
        task=name,
        title=(spec.title if spec else "") or (task.title if task else name),
        phase=now.plan.phase_of.get(name, ""),
        state=_at_work(sources, name) or _state(now, name),
        spec=spec_path(name) if spec or name in now.plan.specs else "",
        goal=spec.goal if spec else "",
        after=task.after if task else (),
        commit=now.ledger.landed.get(name, ""),
        attempt_count=len(attempts),
        attempts=tuple(_try(sources.git, attempt) for attempt in attempts[-_LISTED:]),
        result=_result(sources, name),
    )


def _spec(git: Git, now: Situation, name: str) -> Spec | None:
    """Return the spec; of what has landed, which no plan asks for any more, as the branch has it."""
    where = f"{now.commit}:{spec_path(name)}"
    try:
        if name in now.plan.specs:
            return now.plan.specs[name]
        return next((Spec.parse(data, spec_path(name)) for data in blobs(git, [where]).values()), None)
    except DocumentError:  # the attempts are worth seeing all the same
        return None


def _at_work(sources: Sources, name: str) -> str:
    """Return which attempt is being made, or was cut short; empty for none."""
    now = work(sources)
    found = [f"running, attempt {item.attempt}" for item in now.running if item.task == name]
    found += [f"stopped, attempt {item.attempt}: orchestrator run carries on" for item in now.left if item.task == name]
    return next(iter(found), "")


def _state(now: Situation, name: str) -> str:
    standing = now.standing()
    if name in now.ledger.landed:
        return "landed"
    if name not in now.plan.tasks:
        return "not in the plan"
    if name in standing.dropped:
        return "dropped"
    return "dead letter" if name in standing.dead else "open"


def _try(git: Git, attempt: Attempt) -> Try:
    files = summary(git, attempt)
    return Try(
        number=attempt.number,
        fate=attempt.fate.value,
        failure=attempt.failure.value if attempt.failure else "",
        agent=attempt.agent,
        seconds=attempt.seconds,
        when=attempt.when,
        ref=attempt.ref,
        base=attempt.base,
        file_count=len(files),
        files=files[:_LISTED],
        detail=safe_text(attempt.detail).strip()[-_WORDS:],
        tokens=attempt.usage.total,
        cost=attempt.micros / MICROS,
    )


def _result(sources: Sources, name: str) -> Summary | None:
    data = read_text(sources, result_path(name))
    try:
        said = Result.parse(data, result_path(name)) if data else None
    except DocumentError:
        return None
    return Summary(said.status.value, said.decisions, said.tests_needed, said.issues) if said else None


def text(shown: Inspection) -> str:
    """Return the inspection as a person reads it."""
    lines = [
        f"{shown.task}: {one_line(shown.title)}",
        f"  {shown.state}" + (f", {shown.phase}" if shown.phase else ""),
    ]
    if shown.goal:
        lines.append(f"  goal: {one_line(shown.goal)}")
    if shown.after:
        lines.append(f"  after: {', '.join(shown.after)}")
    lines.append(f"  spec: {shown.spec or 'none yet'}")
    if shown.commit:
        lines.append(f"  landed by {shown.commit[:10]}   git show {shown.commit[:10]}")
    lines += list(_said(shown.result))
    for attempt in shown.attempts:
        lines += ["", *_attempt(attempt)]
    return "\n".join(lines if shown.attempts else [*lines, "", "No attempts yet."])


def _said(result: Summary | None) -> Iterator[str]:
    if result is None:
        return
    yield f"  result: {result.status}"
    named = (("decision", result.decisions), ("tests needed", result.tests_needed), ("issue", result.issues))
    for name, lines in named:
        yield from (f"  {name}: {one_line(line)}" for line in lines)


def _attempt(attempt: Try) -> Iterator[str]:
    failure = f" ({attempt.failure})" if attempt.failure else ""
    agent = one_line(attempt.agent, 40)
    tokens = f", {attempt.tokens:,} tokens" if attempt.tokens else ""
    cost = f", {attempt.cost:.4f} USD" if attempt.cost else ""
    yield f"attempt {attempt.number}: {attempt.fate}{failure}, {agent}, {attempt.seconds:.1f} s{tokens}{cost}"
    yield f"  git show {attempt.ref}"
    yield from (f"  {line}" for line in attempt.files)
    if attempt.file_count > len(attempt.files):
        yield f"  ... {attempt.file_count - len(attempt.files)} more files"
    if attempt.detail:
        yield "  last words:"
        yield from (f"    {one_line(line, 160)}" for line in attempt.detail.split("\n")[-_SHOWN:])
