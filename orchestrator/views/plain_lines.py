"""Events as plain lines: one per thing a person or a log wants to know, in words that stay the same."""

from collections.abc import Callable, Iterable

from orchestrator.events import Event
from orchestrator.plaintext import one_line

_SHORT = 7
_NAMES = 10


def line(event: Event) -> str:
    """Return `event` as one safe line, or an empty string where it is not worth one."""
    words = _WORDS.get(event.name)
    return one_line(words(event), 300) if words else ""


def short(commit: object) -> str:
    """Return a commit id as people read it."""
    return str(commit)[:_SHORT]


def names(items: object) -> str:
    """Return a list of names as text, the first ten of many."""
    listed = [str(item) for item in items] if isinstance(items, Iterable) else []
    more = f" and {len(listed) - _NAMES} more" if len(listed) > _NAMES else ""
    return ", ".join(listed[:_NAMES]) + more


def numbered(checkpoint: object) -> str:
    """Return a checkpoint's number as documents write it, or an empty string without one."""
    return f"{checkpoint:04d}" if isinstance(checkpoint, int) else ""


def _fact(event: Event, key: str) -> str:
    return str(event.facts.get(key) or "")


def _who(event: Event) -> str:
    return f"{event.task}/{event.attempt}"


def _whom(event: Event) -> str:
    return _who(event) if event.task else f"the {_fact(event, 'role')}"


def _count(event: Event, key: str) -> int:
    found = event.facts.get(key)
    return len(found) if isinstance(found, list | tuple) else 0


def _skipping(event: Event) -> str:
    dead = _count(event, "dead")
    buried = f"{dead} dead letter{'s' if dead > 1 else ''}, " if dead else ""
    return f"{_count(event, 'done')} done, {buried}{_count(event, 'todo')} to do"


def _started(event: Event) -> str:
    word = "went on with" if event.facts.get("again") else "started"
    return f"{word} {_who(event)} ({_fact(event, 'agent')})"


def _recorded(event: Event) -> str:
    failure = _fact(event, "failure")
    return f"recorded {_who(event)}: {_fact(event, 'fate')}" + (f" ({failure})" if failure else "")


def _sent_back(event: Event) -> str:
    last = _fact(event, "why").strip().split("\n")[-1]
    return f"sent back {_who(event)}: {_fact(event, 'failure')}: {last}"


def _landed(event: Event) -> str:
    checkpoint = numbered(event.facts.get("checkpoint"))
    return f"landed {event.task} as {short(_fact(event, 'commit'))}" + (
        f" (checkpoint {checkpoint})" if checkpoint else ""
    )


def _checkpointed(event: Event) -> str:
    checkpoint = numbered(event.facts.get("number"))
    return f"checkpoint {checkpoint} as {short(_fact(event, 'commit'))}" if checkpoint else ""


def _draining(event: Event) -> str:
    if not event.facts.get("running"):
        return "stopping"
    who = names(event.facts["running"])
    return f"stopping: {who} may finish within {_seconds(event)}; again to stop at once"


def _later(event: Event) -> str:
    return f"waiting {_seconds(event)} after {_who(event)}: a transient failure"


def _seconds(event: Event) -> str:
    seconds = event.facts.get("seconds")
    return f"{seconds:.0f} s" if isinstance(seconds, int | float) else "a while"


def _reviewed(event: Event) -> str:
    said = _fact(event, "verdict") or "no verdict"
    return f"reviewed {_who(event)}: {said}: {_fact(event, 'why')}"


def _resolved(event: Event) -> str:
    said = _fact(event, "decision") or "no answer"
    return f"merging {_who(event)} with the branch: {said}: {_fact(event, 'why')}"


_WORDS: dict[str, Callable[[Event], str]] = {
    "healed": lambda event: f"healed: {_fact(event, 'note')}",
    "skipping": _skipping,
    "edits.taken": lambda event: f"took in edits as {short(_fact(event, 'commit'))}: {names(event.facts.get('paths'))}",
    "restored": lambda event: f"restored: {_fact(event, 'path')}",
    "attempt.started": _started,
    "attempt.paused": lambda event: f"paused {_who(event)}: {_fact(event, 'why')}; it goes on where it was",
    "attempt.unbegun": lambda event: f"left {_who(event)} alone: it had not begun",
    "attempt.recorded": _recorded,
    "attempt.rejected": _sent_back,
    "attempt.outdated": lambda event: f"cancelled {_who(event)}: its spec changed",
    "attempt.later": _later,
    "model.later": lambda event: f"asking the model again for {_whom(event)} in {_seconds(event)}",
    "price.unknown": lambda event: f"no price of {_fact(event, 'model')} is known: the dearest known price is taken",
    "budget.near": lambda event: f"{_fact(event, 'spent')} of {_fact(event, 'budget')} USD of the budget are spent",
    "budget.spent": lambda event: f"nothing more is started: {_fact(event, 'why')}",
    "verify.started": lambda event: f"verifying {short(_fact(event, 'commit'))}",
    "batch.red": lambda event: f"red together: {names(event.facts.get('tasks'))}; verifying them apart",
    "review.started": lambda event: f"reviewing {_who(event)} ({_fact(event, 'agent')})",
    "review.ended": _reviewed,
    "resolve.started": lambda event: f"merging {_who(event)} with the branch ({_fact(event, 'agent')})",
    "resolve.ended": _resolved,
    "landing.later": lambda event: f"{_who(event)} waits {_seconds(event)} to be landed: {_fact(event, 'why')}",
    "branch.moved": lambda _event: "the branch moved: building again on the new tip",
    "landed": _landed,
    "dead": lambda event: f"dead letter: {event.task}: {_fact(event, 'why')}",
    "checkpointed": _checkpointed,
    "plan.asked": lambda event: f"somebody asks for a plan: {_fact(event, 'goal')}",
    "plan.handed": lambda event: f"{_fact(event, 'why')}; it makes the plan beside its run",
    "plan.answered": lambda event: f"planning: {event.facts.get('answers')} answered so far",
    "plan.failed": lambda event: f"no plan: {_fact(event, 'why')}",
    "plan.asking": lambda event: f"planning: {_fact(event, 'step')}",
    "plan.trying": lambda event: f"trying: {_fact(event, 'command')}",
    "draining": _draining,
    "stopping": lambda event: f"stopping: {_fact(event, 'why')}",
    "untidy": lambda event: f"packs and refs are left as they are: {_fact(event, 'why')}",
    "waiting": lambda event: f"waiting for you: {_fact(event, 'why')}",
}
