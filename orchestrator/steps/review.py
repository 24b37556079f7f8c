"""Review: what is about to become the branch is judged first, and the verdict is kept with the attempt it is about.

A verdict is on the attempt's own ref before anything follows from it, so that a kill pays for none twice. It counts as
long as what the reviewer saw is what would land: the spec, and each path before and after.
"""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from orchestrator import plan as planning
from orchestrator import policy
from orchestrator.agents import reviewer
from orchestrator.agents.reviewer import Matter, Verdict
from orchestrator.agents.roster import judge
from orchestrator.config import AgentConfig, Config
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.structured import Answered
from orchestrator.plaintext import one_line
from orchestrator.plan import Plan
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.patch import Patch, patch
from orchestrator.repo.trees import Change, differences
from orchestrator.steps.asking import NoAnswer, answered
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO, Situation, spec_path

_OWN = (TODO, STATE, f"{SPECS}*.md", f"{CHECKPOINTS}*.md")


@dataclass(frozen=True)
class Piece:
    """One attempt's part of what is about to land: the commit that carries it, and the one before."""

    attempt: Attempt
    before: str
    commit: str


@dataclass
class Judged:
    """What came of a round of reviews.

    Attributes:
        accepted: may land; also those nobody had to judge.
        refused: may not, with what the next attempt, or a person, should know.
        later: no verdict could be had now.
    """

    accepted: list[Attempt] = field(default_factory=list)
    refused: list[tuple[Attempt, Failure, str]] = field(default_factory=list)
    later: list[tuple[Attempt, NoAnswer]] = field(default_factory=list)


def check_roles(config: Config, plan: Plan) -> None:
    """Find out, before anything is spent, whether the roles of the configuration can be filled.

    Raises:
        OrchestratorError: one names no model, a phase is none, or a spec wants a reviewer where there is none.
    """
    judge(config, "resolver", config.resolver)
    named = judge(config, "reviewer", config.reviewer)
    for phase in config.review_phases:
        if planning.match_phase(phase, plan.phases) is None:
            hint = f"one of: {', '.join(plan.phases)}"
            raise OrchestratorError(f"review.phases: {phase!r} is no phase", hint=hint, code=Exit.PRECONDITION)
    wanting = [task for task, spec in plan.specs.items() if spec.review and task in plan.tasks]
    if wanting and named is None:
        raise OrchestratorError(
            "the spec wants a review, and nobody is the reviewer",
            where=f"{spec_path(wanting[0])}:1",
            hint='add to orchestrator.toml:  [roles]  reviewer = "NAME"   # an agent of kind anthropic',
            code=Exit.PRECONDITION,
        )


def judging(config: Config, now: Situation, attempt: Attempt) -> AgentConfig | None:
    """Return who judges `attempt`; None where nobody is to, such as of what a person did."""
    agent = judge(config, "reviewer", config.reviewer)
    if agent is None or attempt.agent not in config.agents:
        return None
    wanted = now.plan.specs[attempt.task].review
    if wanted is None:
        phases = config.review_phases
        wanted = not phases or planning.match_phase(now.plan.phase_of[attempt.task], phases) is not None
    return agent if wanted else None


def judged(
    project: Project, now: Situation, pieces: Sequence[Piece], said: str, cancel: threading.Event
) -> Judged | None:
    """Ask the reviewer about those of `pieces` that want it and have no verdict yet, all at once.

    `said` is what verify said. Returns None where all may land as they are: nobody had to be asked.

    Raises:
        OrchestratorError: the reviewer cannot be asked at all.
    """
    asked = [question for piece in pieces if (question := _question(project, now, piece))]
    if not asked:
        return None
    with ThreadPoolExecutor(min(len(asked), project.config.jobs), "review") as pool:
        answers = list(pool.map(lambda question: _answer(project, question, said, cancel), asked))
    outcome = Judged()
    of = {question.piece.attempt.ref: (question, said) for question, said in zip(asked, answers, strict=True)}
    for piece in pieces:
        if piece.attempt.ref in of:
            _take(project, *of[piece.attempt.ref], outcome)
        else:
            outcome.accepted.append(piece.attempt)
    return outcome


@dataclass(frozen=True)
class _Question:
    """What is to be judged, by whom, and the key of what they will see."""

    piece: Piece
    agent: AgentConfig
    changes: Sequence[Change]
    spec: str
    key: str


def _question(project: Project, now: Situation, piece: Piece) -> _Question | None:
    """Return the question that is open about `piece`, None where there is none."""
    agent = judging(project.config, now, piece.attempt)
    if agent is None:
        return None
    found = differences(project.git, piece.before, piece.commit)
    changes = [change for change in found if not policy.covers(_OWN, change.path)]
    key = _key(piece.attempt.spec, changes)
    if piece.attempt.review and piece.attempt.reviewed == key:
        return None
    spec = now.plan.specs[piece.attempt.task].render().decode("utf-8").removeprefix("\ufeff")
    return _Question(piece, agent, changes, spec, key)


def _key(spec: str, changes: Sequence[Change]) -> str:
    seen = [f"{c.path}\0{c.old.mode} {c.old.blob}\0{c.mode} {c.blob!s}" for c in changes]
    return hashlib.sha256("\0\0".join([spec, *seen]).encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _answer(
    project: Project, question: _Question, said: str, cancel: threading.Event
) -> Answered[Verdict] | NoAnswer | Patch:
    """Return the verdict, why there is none, or the change that is too large for one."""
    attempt, agent = question.piece.attempt, question.agent
    shown = patch(project.git, question.piece.before, question.piece.commit, question.changes)
    if len(shown.text) > reviewer.LARGEST:
        return shown
    matter = Matter(question.spec, shown.files, shown.text, _verified(project.config, said))
    purpose = Purpose("reviewer", attempt.task, attempt.number, "review")
    project.say("review.started", attempt.task, attempt.number, agent=agent.name)
    found = answered(agent, "reviewer", lambda: reviewer.review(project.models, agent, matter, purpose, cancel))
    project.say("review.ended", attempt.task, attempt.number, agent=agent.name, **_facts(found))
    return found


def _verified(config: Config, said: str) -> str:
    if not config.verify:
        return "nothing: there is none"
    return f"`{config.verify}` in a clean worktree of this change: green\n{said}".rstrip()


def _facts(found: Answered[Verdict] | NoAnswer) -> dict[str, object]:
    if isinstance(found, NoAnswer):
        return {"verdict": "", "why": found.why}
    verdict = found.value
    facts = {"model": found.model, "micros": found.micros, "findings": len(verdict.findings)}
    return {"verdict": "accept" if verdict.accepted else "reject", "why": verdict.summary, **facts}


def _take(project: Project, question: _Question, found: Answered[Verdict] | NoAnswer | Patch, outcome: Judged) -> None:
    attempt = question.piece.attempt
    if isinstance(found, Patch):
        why = f"too large to be reviewed: {len(found.text):,} characters, of at most {reviewer.LARGEST:,}"
        outcome.refused.append((attempt, Failure.DETERMINISTIC, f"{why}; make a smaller change"))
    elif isinstance(found, Answered):
        _take_verdict(project, question, found, outcome)
    elif found.later:
        outcome.later.append((attempt, found))
    else:
        outcome.refused.append((attempt, Failure.UNDECIDED, f"the reviewer gave no verdict: {found.why}"))


def _take_verdict(project: Project, question: _Question, found: Answered[Verdict], outcome: Judged) -> None:
    attempt, verdict = question.piece.attempt, found.value
    said = f"{'accept' if verdict.accepted else 'reject'} ({one_line(found.model, 60)})"
    kept = replace(attempt, review=said, reviewed=question.key).with_cost(found.usage, found.micros)
    if verdict.accepted:
        outcome.accepted.append(project.register.record(kept, (), attempt.commit))
    else:
        outcome.refused.append((kept, Failure.DETERMINISTIC, f"the reviewer rejected it: {verdict}"))
