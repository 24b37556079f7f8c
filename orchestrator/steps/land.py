"""Landing: scope check, candidates beside the branch, verify, compare-and-swap. The branch is never red."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator import policy
from orchestrator.documents.result import Result
from orchestrator.documents.result import Status as ResultStatus
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.plaintext import listed, one_line
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.checkout import BranchMovedError, InTheWayError
from orchestrator.repo.commits import CANDIDATE, Draft, identity, writing
from orchestrator.repo.guard import describe
from orchestrator.repo.trees import GONE, Change, Entry, alike, all_differences, differences, entries
from orchestrator.steps import verify as verifying
from orchestrator.steps.chapter import Chapter, Happened, Page, write
from orchestrator.steps.message import Facts, landing_message
from orchestrator.steps.opening import open_chapter
from orchestrator.steps.overlay import Overlay, overlay
from orchestrator.steps.project import Project
from orchestrator.steps.results import result_document, summaries
from orchestrator.steps.standing import Library, Situation, result_path, situation
from orchestrator.steps.take_in import take_in


@dataclass
class Outcome:
    """What a round of landing did: landed tasks with their commits, and attempts that were sent back."""

    landed: list[tuple[str, str]] = field(default_factory=list)
    returned: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    attempt: Attempt
    paths: tuple[str, ...]
    checkpoint: int | None


@dataclass(frozen=True)
class _Work:
    """What an attempt brings: its changes on top of those before it, and a line for each file."""

    attempt: Attempt
    changes: Sequence[Change]
    files: tuple[str, ...]
    together: int


def land(
    project: Project,
    library: Library,
    attempts: Sequence[Attempt],
    running: Iterable[str],
    cancel: threading.Event,
    *,
    taken: Sequence[str] = (),
) -> Outcome:
    """Land `attempts`, given in plan order: all together when they are green together, else by halves.

    `taken` are paths whose new content the user's own files already hold.

    Raises:
        InTheWayError: an uncommitted change of the user's stands where a landing must write.
        OrchestratorError: verify cannot be run, or git cannot write.
    """
    outcome = Outcome()
    queue = [_untampered(project, attempts, outcome)]
    proved = ""
    while queue and not cancel.is_set():
        batch = queue.pop(0)
        now = situation(project.git, project.checkout.tip(), library, project.config.phases)
        chain, commits, chapter = _candidates(project, now, batch, list(running), outcome)
        if not chain:
            continue
        project.say("candidate.built", ",".join(c.attempt.task for c in chain), commit=commits[-1])
        beyond = _beyond(project, now.commit, commits[-1], chain)
        if beyond:
            queue[:0] = _halves(project, chain, Failure.CONFLICT, beyond, outcome)
            continue
        if not verifying.same_code(project.git, proved, commits[-1]):
            verdict = verifying.verify(project, commits[-1], cancel)
            if cancel.is_set():
                break
            if not verdict.green:
                queue[:0] = _halves(project, chain, Failure.DETERMINISTIC, verdict.output, outcome)
                continue
            proved = commits[-1]
        library.coming = _afterwards(now, chapter, chain, commits)
        for candidate in chain:
            library.specs.pop(candidate.attempt.spec, None)  # what has landed is not asked for again
        if not _publish(project, [now.commit, *commits], chain, outcome, taken):
            queue.insert(0, [candidate.attempt for candidate in chain])
    return outcome


def _afterwards(now: Situation, chapter: Chapter, chain: Sequence[_Candidate], commits: Sequence[str]) -> Situation:
    """Return where things stand once the chain is the branch, without reading it all again."""
    landed = {candidate.attempt.task: commit for candidate, commit in zip(chain, commits, strict=True)}
    known = now.ledger.with_landed(landed, chapter.number, one_line(chapter.workflow))
    return now.after(commits[-1], chapter.todo, chapter.state, known, landed.keys())


def _untampered(project: Project, attempts: Sequence[Attempt], outcome: Outcome) -> list[Attempt]:
    """Send all back when attempts' refs turn out to be changed by nobody who may: one of their agents was it."""
    tampered = project.guard.sweep(project.guard.clock(), before_landing=True)
    if not tampered:
        return list(attempts)
    outcome.returned += [send_back(project, attempt, Failure.SCOPE, describe(tampered)) for attempt in attempts]
    return []


def _beyond(project: Project, old: str, new: str, chain: Sequence[_Candidate]) -> str:
    """Return what the chain would change besides what its attempts did: a file can stand in a folder's place."""
    meant = {path for candidate in chain for path in candidate.paths}
    extra = sorted({change.path for change in differences(project.git, old, new)} - meant)
    return f"it would also change what the branch has at: {listed(extra, between=', ')}" if extra else ""


def _halves(
    project: Project, chain: Sequence[_Candidate], failure: Failure, output: str, outcome: Outcome
) -> list[list[Attempt]]:
    """Send a single bad attempt back; split several, so that the good ones among them land."""
    attempts = [candidate.attempt for candidate in chain]
    if len(attempts) == 1:
        outcome.returned.append(send_back(project, attempts[0], failure, output))
        return []
    project.say("batch.red", tasks=[attempt.task for attempt in attempts])
    middle = len(attempts) // 2
    return [attempts[:middle], attempts[middle:]]


def _publish(
    project: Project, line: Sequence[str], chain: Sequence[_Candidate], outcome: Outcome, taken: Sequence[str]
) -> bool:
    """Make the chain the branch; False when the branch or a document moved first, so that it must be built again.

    `line` is the commit the chain stands on, followed by the chain's own.
    """
    old, *commits = line
    project.lock.check()
    names = ", ".join(candidate.attempt.task for candidate in chain)
    try:
        project.checkout.advance(old, commits[-1], f"land {names}", taken)
    except BranchMovedError:
        project.say("branch.moved")
        return False
    except InTheWayError as error:
        gone = [path for path in error.paths if not (project.place.root / path).exists()]
        if take_in(project) is None and (gone != [*error.paths] or not _are_back(project, gone)):
            raise
        return False
    for candidate, commit in zip(chain, commits, strict=True):
        outcome.landed.append((candidate.attempt.task, commit))
        facts = {"commit": commit, "checkpoint": candidate.checkpoint}
        project.say("landed", candidate.attempt.task, candidate.attempt.number, **facts)
    return True


def _are_back(project: Project, paths: Sequence[str]) -> bool:
    """Whether `paths`, which were gone, are there again: taking a person's edits in brings deleted documents back."""
    return all((project.place.root / path).exists() for path in paths)


def _candidates(
    project: Project, now: Situation, batch: Sequence[Attempt], running: Sequence[str], outcome: Outcome
) -> tuple[list[_Candidate], list[str], Chapter]:
    """Build the chain, and the documents after it; what cannot be a candidate at all is sent back into `outcome`."""
    chapter = open_chapter(project, now, running)
    chain: list[_Candidate] = []
    fitting = _fitting(project, now, batch, outcome)
    if not fitting:
        return [], [], chapter
    told = summaries(project.git, [attempt for attempt, _ in fitting])
    with writing(project.git, project.checkout.objects) as pen:
        for (attempt, changes), files in zip(fitting, told, strict=True):
            work = _Work(attempt, changes, files, len(fitting))
            candidate, draft, chapter = _candidate(project, now, chapter, work)
            pen.add(CANDIDATE, draft if chain else replace(draft, parent=now.commit))
            chain.append(candidate)
        return chain, pen.finish(), chapter


def _fitting(
    project: Project, now: Situation, batch: Sequence[Attempt], outcome: Outcome
) -> list[tuple[Attempt, tuple[Change, ...]]]:
    """Return the attempts that may be verified together, each with its changes on top of those before it."""
    standing = now.standing()
    fresh = [a for a in batch if a.task in now.plan.tasks and not standing.settled(a.task)]
    found = all_differences(project.git, [(attempt.base, attempt.commit) for attempt in fresh])
    changed = {attempt.ref: changes for attempt, changes in zip(fresh, found, strict=True)}
    paths = sorted({change.path for changes in changed.values() for change in changes})
    tip = entries(project.git, now.commit, paths) if paths else {}
    fitting: list[tuple[Attempt, tuple[Change, ...]]] = []
    for attempt in fresh:
        laid = overlay(project.git, changed[attempt.ref], tip, project.folders.scratch)
        refused = _refuse(project, now, attempt, changed[attempt.ref])
        if refused is None and fitting and _leans_on_others(laid):
            continue  # what it meets may yet fail: it is looked at again once the others have landed
        if refused is None and laid.conflicts:
            refused = (Failure.CONFLICT, f"the branch changed the same lines: {listed(laid.conflicts, between=', ')}")
        if refused is not None:
            outcome.returned.append(send_back(project, attempt, *refused))
            continue
        fitting.append((attempt, laid.changes))
        tip |= {change.path: Entry(change.mode, str(change.blob)) for change in laid.changes}
    return fitting


def _leans_on_others(laid: Overlay) -> bool:
    return bool(laid.conflicts) or any(isinstance(change.blob, bytes) for change in laid.changes)


def _refuse(
    project: Project, now: Situation, attempt: Attempt, changes: Sequence[Change]
) -> tuple[Failure, str] | None:
    """Return why `attempt` may not become a candidate at all, or None."""
    if now.spec_ids.get(attempt.task) != attempt.spec:
        return Failure.STALE, "the spec changed while this attempt ran"
    spec = now.plan.specs[attempt.task]
    added = [change.path for change in changes if change.old.mode == GONE]
    existing = alike(project.git, attempt.base, added)
    found = policy.violations(
        [policy.Touched(change.path, change.old.mode, change.mode) for change in changes],
        [file.path for file in spec.files],
        spec.allow,
        existing,
    )
    if not found:
        return None
    return Failure.SCOPE, listed([f"{violation.path}: {violation.why}" for violation in found])


def send_back(project: Project, attempt: Attempt, failure: Failure, why: str) -> Attempt:
    """Record on the attempt's own ref that it did not land, and why: that is what the next attempt is given."""
    rejected = replace(attempt, fate=Fate.REJECTED, failure=failure, detail=why, when=project.clock.now())
    recorded = project.register.record(rejected, (), attempt.commit)
    project.say("attempt.rejected", attempt.task, attempt.number, failure=failure, why=why[-2_000:])
    return recorded


def _candidate(
    project: Project,
    now: Situation,
    chapter: Chapter,
    work: _Work,
) -> tuple[_Candidate, Draft, Chapter]:
    attempt, files = work.attempt, work.files
    task = now.plan.tasks[attempt.task]
    said = read_result(attempt)
    verified = verifying.level(project, work.together)
    happened = Happened(
        slug=task.id,
        title=f"{task.title} landed",
        landed=task.id,
        files=files,
        decisions=said.decisions if said else (),
    )
    chapter, page = write(chapter, happened)
    rows = project.register.of(task.id)
    answer = result_document(task, ResultStatus.COMPLETE, rows, said, files=files, verified=verified)
    facts = Facts(chapter.workflow, page.phase, page.checkpoint, project.lock.epoch)
    floor = now.ledger.reopened.get(task.id, 0)
    counted = [row for row in rows if floor < row.number < attempt.number]
    message = landing_message(task, [*counted, attempt], facts, verified, files, said)
    documents = page_changes(page, {result_path(task.id): answer})
    author = identity(one_line(attempt.agent, 60), "")
    draft = Draft(message, (*work.changes, *documents), chapter.now, author=author)
    paths = tuple(change.path for change in draft.changes)
    return _Candidate(attempt, paths, page.checkpoint), draft, chapter


def page_changes(page: Page, more: dict[str, bytes]) -> tuple[Change, ...]:
    """Return a page's files as changes to a tree, deletions first."""
    files: dict[str, bytes | None] = {**page.files, **more}
    gone = [Change(path, GONE, "") for path, content in files.items() if content is None]
    return (*gone, *(Change(path, "100644", content) for path, content in files.items() if content is not None))


def read_result(attempt: Attempt) -> Result | None:
    """Return the agent's own result document, or None where it wrote none that can be read."""
    if not attempt.result.strip():
        return None
    try:
        return Result.parse(attempt.result, result_path(attempt.task))
    except DocumentError:
        return None
