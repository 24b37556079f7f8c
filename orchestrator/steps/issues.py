"""The blocking issues: the tasks that need a person, in words, and which lines of the state file say so."""

from orchestrator import plan as planning
from orchestrator.documents.result import Status
from orchestrator.documents.state import Blocking
from orchestrator.plan import Standing
from orchestrator.steps.standing import Situation

_MOST = 20
_WORDS = {
    "no spec": "no spec; `orchestrator spec new {task}`",
    "its spec is a draft": "its spec is a draft; take that line out of specs/{task}.md",
    "for a person": "for a person; `orchestrator task done {task}`",
}
_DEAD, _REVIEW = "dead letter", "; `orchestrator dlq show {task}`"


def blocked(now: Situation, standing: Standing) -> dict[str, str]:
    """Return the blocking issues: tasks that need a person, each with its reason; at most twenty."""
    found: dict[str, str] = {}
    for task, reason in planning.stuck(now.plan, standing).items():
        result = now.results.get(task)
        if result and result.status is Status.DEAD and task in standing.dead:
            last = result.attempts[-1] if result.attempts else None
            found[task] = dead_letter(task, f"{last.failure}: {last.why}" if last else "")
        elif reason in _WORDS:
            found[task] = _WORDS[reason].format(task=task)
        if len(found) >= _MOST:
            break
    return found


def dead_letter(task: str, why: str) -> str:
    """Return the issue of a task that is a dead letter."""
    return f"{_DEAD}{f' ({why})' if why else ''}{_REVIEW.format(task=task)}"


def is_worded_here(issue: Blocking) -> bool:
    """Whether a line of the state file says what the program would say of a task of that name."""
    said = {words.format(task=issue.key) for words in _WORDS.values()}
    return issue.text in said or (issue.text.startswith(_DEAD) and issue.text.endswith(_REVIEW.format(task=issue.key)))
