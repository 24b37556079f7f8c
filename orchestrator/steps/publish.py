"""State commits: what changes documents alone (dead letters, checkpoints) goes onto the branch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.documents.result import Status as ResultStatus
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.checkout import BranchMovedError
from orchestrator.repo.commits import CANDIDATE, Draft, build
from orchestrator.steps.chapter import Chapter, Happened, label, write
from orchestrator.steps.issues import blocked, dead_letter
from orchestrator.steps.land import page_changes, read_result
from orchestrator.steps.message import Facts, costs, message
from orchestrator.steps.opening import open_chapter
from orchestrator.steps.project import Project
from orchestrator.steps.results import result_document, summary
from orchestrator.steps.standing import Library, Situation, result_path, situation

_TRIES = 5


@dataclass(frozen=True)
class Proposal:
    """A state commit to be: what happened, its subject, trailers and files besides the documents."""

    happened: Happened
    subject: str
    pairs: Sequence[tuple[str, str]]
    files: dict[str, bytes]
    body: Sequence[str] = ()


def publish(
    project: Project,
    library: Library,
    running: Sequence[str],
    propose: Callable[[Situation, Chapter], tuple[Chapter, Proposal] | None],
) -> str | None:
    """Commit what `propose` makes of the newest situation; again on the new tip when the branch moved meanwhile.

    Returns the commit, or None where there was nothing to say.
    """
    for attempt in range(_TRIES):
        now = situation(project.git, project.checkout.tip(), library, project.config.phases)
        proposed = propose(now, open_chapter(project, now, running))
        if proposed is None:
            return None
        chapter, proposal = proposed
        chapter, page = write(chapter, proposal.happened)
        facts = Facts(chapter.workflow, page.phase, page.checkpoint, project.lock.epoch)
        text = message(proposal.subject, proposal.body, proposal.pairs, facts)
        draft = Draft(text, page_changes(page, proposal.files), chapter.now, parent=now.commit)
        commit = build(project.git, project.checkout.objects, CANDIDATE, [draft])[0]
        project.lock.check()
        try:
            project.checkout.advance(now.commit, commit, proposal.subject)
        except BranchMovedError:
            if attempt == _TRIES - 1:
                raise
        else:
            project.say("checkpointed", commit=commit, number=page.checkpoint)
            return commit
    return None


def checkpoint(project: Project, library: Library, running: Sequence[str], title: str, why: str) -> str | None:
    """Write a checkpoint that is not a landing: the plan, before delegation, by hand, at the end of a session."""

    def propose(_now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal]:
        return chapter, Proposal(Happened(title, title, why=why), f"checkpoint: {title}", (), {})

    return publish(project, library, running, propose)


def bury(
    project: Project, library: Library, running: Sequence[str], attempts: Sequence[Attempt], why: str
) -> str | None:
    """Make a dead letter of the task whose `attempts` are spent: everything about it in one file, for a person."""
    last = attempts[-1]

    def propose(now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal] | None:
        task = now.plan.tasks.get(last.task)
        if task is None or last.task in now.ledger.landed or last.task in chapter.standing.dead:
            return None
        rows = project.register.of(last.task)
        answer = result_document(
            task,
            ResultStatus.DEAD,
            rows,
            read_result(last),
            files=summary(project.git, last),
            last_words=last.detail,
        )
        failure = last.failure.value if last.failure else "failed"
        standing = replace(chapter.standing, dead=frozenset({*chapter.standing.dead, last.task}))
        reason = dead_letter(last.task, why)
        chapter = replace(chapter, standing=standing, blocked={**blocked(now, standing), last.task: reason})
        pairs = [("Dead-Letter", last.task), ("Attempt", str(last.number)), ("Failure", failure), *costs(attempts)]
        happened = Happened(last.task, f"{task.title} is a dead letter", why="dead letter")
        body = (f"{why}: {label(task)}", last.detail[:1_000])
        files = {result_path(last.task): answer}
        return chapter, Proposal(happened, f"dead letter: {last.task}: {why}", pairs, files, body)

    return publish(project, library, running, propose)
