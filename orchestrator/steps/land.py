"""Landing: scope check, candidates beside the branch, verify, review, compare-and-swap. The branch is never red."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator import policy
from orchestrator.documents.result import Result
from orchestrator.documents.result import Status as ResultStatus
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.plaintext import listed, one_line
from orchestrator.plan import PERSON
from orchestrator.repo.attempts import Attempt, Fate
from orchestrator.repo.checkout import BranchMovedError, InTheWayError
from orchestrator.repo.commits import CANDIDATE, Draft, identity, writing
from orchestrator.repo.guard import describe
from orchestrator.repo.trees import GONE, Change, Entry, alike, all_differences, differences, entries
from orchestrator.steps import verify as verifying
from orchestrator.steps.asking import NoAnswer
from orchestrator.steps.chapter import Chapter, Happened, Page, write
from orchestrator.steps.message import Facts, landing_message
from orchestrator.steps.opening import open_chapter
from orchestrator.steps.overlay import Overlay, Places, overlay
from orchestrator.steps.project import Project
from orchestrator.steps.resolve import resolve, resolving
from orchestrator.steps.results import result_document, summaries
from orchestrator.steps.review import Judged, Piece, judged
from orchestrator.steps.standing import Library, Situation, result_path, situation
from orchestrator.steps.sweeping import sweep
from orchestrator.steps.take_in import person, take_in


@dataclass
class Outcome:
    """What a round of landing did.

    Attributes:
        landed: landed tasks with their commits.
        returned: attempts that were sent back.
        later: attempts that a model was to judge or merge and that still wait, for it gave no answer.
        unsettled: attempts that conflict with the branch and are still to be merged, each with what verify said of how
            they were merged before.
    """

    landed: list[tuple[str, str]] = field(default_factory=list)
    returned: list[Attempt] = field(default_factory=list)
    later: list[tuple[Attempt, NoAnswer]] = field(default_factory=list)
    unsettled: list[tuple[Attempt, str]] = field(default_factory=list)


@dataclass
class _Landing:
    """One call of `land`: what it is to do, what came of it so far, and the last green commit.

    Of that commit, `said` is what verify said, and `accepted` are the acceptance commands that it passed.
    """

    project: Project
    library: Library
    running: Sequence[str]
    cancel: threading.Event
    taken: Sequence[str]
    outcome: Outcome = field(default_factory=Outcome)
    proved: str = ""
    said: str = ""
    accepted: frozenset[str] = frozenset()

    def situation(self) -> Situation:
        project = self.project
        return situation(project.git, project.checkout.tip(), self.library, project.config.phases)


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
        OrchestratorError: verify cannot be run, git cannot write, or a model that must be asked cannot be.
    """
    landing = _Landing(project, library, list(running), cancel, taken)
    outcome = landing.outcome
    queue = [_untampered(project, attempts, outcome)]
    while (queue or outcome.unsettled) and not cancel.is_set():
        if queue:
            queue[:0] = _round(landing, queue.pop(0))
        else:
            queue.append(_settled(landing, *outcome.unsettled.pop(0)))
    return outcome


def _round(landing: _Landing, batch: Sequence[Attempt]) -> list[list[Attempt]]:
    """Land `batch` if it can be landed as a whole; return the batches to try next in its place."""
    project, outcome, cancel = landing.project, landing.outcome, landing.cancel
    now = landing.situation()
    chain, commits, chapter = _candidates(project, now, batch, landing.running, outcome)
    if not chain:
        return []
    project.say("candidate.built", ",".join(c.attempt.task for c in chain), commit=commits[-1])
    beyond = _beyond(project, now.commit, commits[-1], chain)
    if beyond:
        return _halves(project, chain, Failure.CONFLICT, beyond, outcome)
    wanted = [*filter(None, (now.plan.specs[candidate.attempt.task].acceptance for candidate in chain))]
    if not landing.accepted.issuperset(wanted) or not verifying.same_code(project.git, landing.proved, commits[-1]):
        verdict = verifying.verify(project, commits[-1], cancel, wanted)
        if cancel.is_set():
            return []
        if not verdict.green:
            return _halves(project, chain, Failure.DETERMINISTIC, verdict.output, outcome)
        landing.proved, landing.said, landing.accepted = commits[-1], verdict.output, frozenset(wanted)
    line = [now.commit, *commits]
    pieces = [Piece(c.attempt, before, commit) for c, before, commit in zip(chain, line, commits, strict=False)]
    reviews = judged(project, now, pieces, landing.said, cancel)
    if reviews is not None:
        return [_reviewed(project, reviews, outcome)]
    landing.library.coming = _afterwards(now, chapter, chain, commits)
    for candidate in chain:
        landing.library.specs.pop(candidate.attempt.spec, None)  # what has landed is not asked for again
    landed = _publish(project, line, chain, outcome, landing.taken)
    return [] if landed else [[candidate.attempt for candidate in chain]]


def _reviewed(project: Project, reviews: Judged, outcome: Outcome) -> list[Attempt]:
    """Send back what was rejected; return what may land, to be built again with the verdicts in its trailers."""
    outcome.returned += [send_back(project, *refused) for refused in reviews.refused]
    outcome.later += reviews.later
    return reviews.accepted


def _settled(landing: _Landing, attempt: Attempt, failed: str) -> list[Attempt]:
    """Have a conflict merged; return the attempt as it is then, nothing where it is not."""
    project, outcome = landing.project, landing.outcome
    found = resolve(project, landing.situation(), attempt, failed, landing.cancel)
    if isinstance(found, Attempt):
        return [found]
    if isinstance(found, NoAnswer):
        outcome.later.append((attempt, found))
    else:
        outcome.returned.append(send_back(project, attempt, found.failure, found.why))
    return []


def _afterwards(now: Situation, chapter: Chapter, chain: Sequence[_Candidate], commits: Sequence[str]) -> Situation:
    """Return where things stand once the chain is the branch, without reading it all again."""
    landed = {candidate.attempt.task: commit for candidate, commit in zip(chain, commits, strict=True)}
    known = now.ledger.with_landed(landed, chapter.number, one_line(chapter.workflow))
    return now.after(commits[-1], chapter.todo, chapter.state, known, landed.keys())


def _untampered(project: Project, attempts: Sequence[Attempt], outcome: Outcome) -> list[Attempt]:
    """Send all back when attempts' refs turn out to be changed by nobody who may: one of their agents was it."""
    tampered = sweep(project, project.guard.clock(), before_landing=True)
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
    if len(attempts) == 1 and attempts[0].resolution and failure is Failure.DETERMINISTIC:
        outcome.unsettled.append((attempts[0], output))  # another answer may be right
        return []
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
    merged: set[str] = set()  # what stands there has no name in git yet, and may fail
    places = Places()
    for attempt in fresh:
        if not merged.isdisjoint(change.path for change in changed[attempt.ref]):
            continue
        laid = overlay(project.git, changed[attempt.ref], tip, project.folders.scratch)
        refused = _refuse(project, now, attempt, changed[attempt.ref])
        if refused is None and fitting and (_leans_on_others(laid) or places.taken(laid.changes)):
            continue  # what it meets may yet fail: it is looked at again once the others have landed
        if refused is None and laid.conflicts and resolving(project, attempt):
            outcome.unsettled.append((attempt, ""))
            continue
        if refused is None and laid.conflicts:
            refused = (Failure.CONFLICT, f"the branch changed the same lines: {listed(laid.conflicts, between=', ')}")
        if refused is not None:
            outcome.returned.append(send_back(project, attempt, *refused))
            continue
        fitting.append((attempt, laid.changes))
        places.take(laid.changes)
        merged |= {change.path for change in laid.changes if isinstance(change.blob, bytes)}
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
    existing = alike(project.git, now.commit, added)
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
    verified = verifying.level(project, work.together, now.plan.specs[task.id].acceptance)
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
    author = person(project) if attempt.agent == PERSON else identity(one_line(attempt.agent, 60), "")
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
