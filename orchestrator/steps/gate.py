"""Gates: a checkpoint that waits for a person, answered by a commit that says who, and of which tree."""

from dataclasses import dataclass, replace

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import listed, one_line
from orchestrator.repo.git import Git
from orchestrator.repo.history import APPROVED, Gate, number
from orchestrator.repo.trees import differences, tree_of
from orchestrator.steps.chapter import Chapter, Happened
from orchestrator.steps.project import Project
from orchestrator.steps.publish import Proposal, publish
from orchestrator.steps.shown import SHORT, approval
from orchestrator.steps.standing import Library, Situation
from orchestrator.steps.take_in import person

_LEAST = 7
_WHY = 500
_CHANGED = 12


@dataclass(frozen=True)
class Decided:
    """A gate's answer: `approved` or `rejected`, of which tree, and the commit; `changed` is False the second time."""

    gate: str
    verdict: str
    tree: str
    commit: str
    who: str
    why: str
    changed: bool


@dataclass(frozen=True)
class Answer:
    """What a person says of a gate.

    Attributes:
        wanted: the checkpoint's number, as they wrote it.
        verdict: `approved` or `rejected`.
        tree: the tree they were shown, where that is not the gate's own.
        why: the reason of a rejection.
    """

    wanted: str
    verdict: str
    tree: str = ""
    why: str = ""


def decide(project: Project, answer: Answer) -> Decided:
    """Write down what a person says of the gate; the same again changes nothing.

    Raises:
        OrchestratorError: no gate of that number waits, or the files are not those that were shown.
    """
    decided: list[Decided] = []

    def propose(now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal] | None:
        gate = _named(now.ledger.gate, answer.wanted)
        here = tree_of(project.git, now.commit)
        again = gate.verdict == answer.verdict
        who, why = ("", gate.why) if again else (person(project), one_line(answer.why, _WHY))
        decided.append(Decided(gate.name, answer.verdict, here, now.commit, who, why, changed=not again))
        if again:
            return None
        _refuse_late(gate)
        if answer.verdict == APPROVED:
            _refuse_unseen(project.git, now.commit, gate, answer.tree)
        return chapter, _proposal(decided[-1])

    commit = publish(project, Library(), [], propose)
    return replace(decided[-1], commit=commit or decided[-1].commit)


def _named(gate: Gate | None, wanted: str) -> Gate:
    """Return the gate, if it is the one that was named: by its number, with zeros before it or without."""
    if gate is None:
        raise OrchestratorError(
            "nothing waits for an answer", hint="orchestrator status   # says what comes next", code=Exit.PRECONDITION
        )
    if number(wanted) != gate.number:
        raise OrchestratorError(
            f"checkpoint {one_line(wanted, 40)} does not wait for an answer",
            hint=f"{gate.name} is the one: orchestrator status",
            code=Exit.PRECONDITION,
        )
    return gate


def _refuse_late(gate: Gate) -> None:
    if gate.verdict == APPROVED:
        raise OrchestratorError(
            f"checkpoint {gate.name} was approved before",
            hint='to change what is still open: orchestrator plan "GOAL"',
            code=Exit.PRECONDITION,
        )


def _refuse_unseen(git: Git, commit: str, gate: Gate, shown: str) -> None:
    """Refuse an approval of files that nobody was shown: the tree is the gate's own, or the one that was named."""
    here = tree_of(git, commit)
    if here == gate.tree or (len(shown) >= _LEAST and here.startswith(shown)):
        return
    paths = [change.path for change in differences(git, gate.commit, commit)]
    raise OrchestratorError(
        f"the files are not those that checkpoint {gate.name} showed: {listed(paths, _CHANGED, ', ')}",
        hint=f"look at them (git diff {gate.commit[:SHORT]} HEAD), then: {approval(git, commit, gate)}",
        code=Exit.PRECONDITION,
    )


def _proposal(decided: Decided) -> Proposal:
    pairs = [("Gate", f"{decided.gate} {decided.verdict}"), ("Tree", decided.tree)]
    by = "Approved-by" if decided.verdict == APPROVED else "Rejected-by"
    subject = f"{decided.verdict}: checkpoint {decided.gate}"
    happened = Happened(f"{decided.verdict}-{decided.gate}", subject)
    return Proposal(happened, subject, [*pairs, (by, decided.who), ("Why", decided.why)], {})
