"""Money, decided: what a call may cost at most, whether it may still be spent, and when somebody is to be told.

An amount is a whole number of micros: millionths of a US dollar.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

MICROS = 1_000_000  # in a US dollar
_NEAR = 0.8  # of a budget: somebody is told
_BYTES_PER_TOKEN = 2  # text of any language has more; what was really read is what is charged
_WORDS = {"input": "in", "cached": "cached", "kept": "kept", "output": "out", "thinking": "thinking"}
_AROUND = 1_000  # tokens that the API itself puts around tools and schemas


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. `cached` were read from the cache, `kept` written to it; `thinking` is part of `output`."""

    input: int = 0
    cached: int = 0
    kept: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def total(self) -> int:
        """All tokens that went in or came out."""
        return self.input + self.cached + self.kept + self.output

    def __add__(self, other: "Usage") -> "Usage":
        """Return the tokens of both."""
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.kept + other.kept,
            self.output + other.output,
            self.thinking + other.thinking,
        )

    def beyond(self, other: "Usage") -> "Usage":
        """Return how many more these are than `other`; where they are fewer, none."""
        return Usage(
            max(0, self.input - other.input),
            max(0, self.cached - other.cached),
            max(0, self.kept - other.kept),
            max(0, self.output - other.output),
            max(0, self.thinking - other.thinking),
        )


@dataclass(frozen=True)
class Limits:
    """What may be spent, in micros; 0 is no limit.

    Attributes:
        workflow: by everything, over all runs.
        task: for one task, over all of its attempts.
        call: by one call.
        reserve: of `workflow`, what only a call that closes something may use.
    """

    workflow: int = 0
    task: int = 0
    call: int = 0
    reserve: int = 0

    @property
    def work(self) -> int:
        """What everything but closing calls may spend; 0 is no limit."""
        return max(1, self.workflow - self.reserve) if self.workflow else 0


@dataclass(frozen=True)
class Sum:
    """What is spent: `paid` for certain, `pending` at most, by calls that are under way; in micros."""

    paid: int = 0
    pending: int = 0


class Scope(StrEnum):
    """Which limit speaks."""

    CALL = "call"
    TASK = "task"
    WORKFLOW = "workflow"


@dataclass(frozen=True)
class Refusal:
    """A limit that a call does not fit in.

    Attributes:
        scope: which.
        passing: whether it may fit once calls that are under way have cost less than they might.
        said: why, in words for a person.
    """

    scope: Scope
    passing: bool
    said: str


def refusal(limits: Limits, whole: Sum, task: Sum, most: int, *, closing: bool = False) -> Refusal | None:
    """Return the limit that a call of at most `most` micros does not fit in, or None: then it may be made.

    Args:
        limits: what may be spent.
        whole: what everything has spent.
        task: what the call's task has spent.
        most: what the call may cost.
        closing: whether it writes down what is known, for which `limits.reserve` is kept.
    """
    if limits.call and most > limits.call:
        said = f"one call may cost up to {usd(most)} USD, and limits.call_budget is {usd(limits.call)} USD"
        return Refusal(Scope.CALL, passing=False, said=said)
    own = _short(Scope.TASK, limits.task, task, most)
    if own is not None and not own.passing:
        return own
    return _short(Scope.WORKFLOW, limits.workflow if closing else limits.work, whole, most) or own


def _short(scope: Scope, limit: int, spent: Sum, most: int) -> Refusal | None:
    if not limit or spent.paid + spent.pending + most <= limit:
        return None
    passing = spent.paid + most <= limit
    what = "of the budget" if scope is Scope.WORKFLOW else "of the task's budget"
    said = f"{usd(spent.paid)} of {usd(limit)} USD {what} are spent, and the next call may cost up to {usd(most)} USD"
    return Refusal(scope, passing, said)


def spent_up(limit: int, paid: int, what: str) -> str:
    """Return why nothing more of `what` may be spent; empty while something may, and for no limit."""
    return f"{usd(paid)} of {usd(limit)} USD of {what} are spent" if limit and paid >= limit else ""


def is_near(limits: Limits, paid: int) -> bool:
    """Whether so much of the workflow's budget is spent that somebody should know."""
    return bool(limits.workflow) and paid >= limits.workflow * _NEAR


def tokens_at_most(size: int) -> int:
    """Return how many tokens a request of `size` bytes is taken for before it is sent."""
    return size // _BYTES_PER_TOKEN + _AROUND


def usd(micros: int) -> str:
    """Return an amount as people read it: US dollars with four digits."""
    return f"{micros / MICROS:.4f}"


def micros(dollars: float) -> int:
    """Return US dollars as micros."""
    return round(dollars * MICROS)


def tokens_said(usage: Usage) -> str:
    """Return tokens in words, `1200 in, 300 cached, 80 out`; empty for none."""
    counts = ((getattr(usage, name), word) for name, word in _WORDS.items())
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def tokens_read(said: str) -> Usage:
    """Return the tokens that `tokens_said` made these words of; what is none of its is left out."""
    found = {word: int(count) for count, word in re.findall(r"\b([0-9]{1,15}) ([a-z]+)\b", said)}
    return Usage(**{name: found[word] for name, word in _WORDS.items() if word in found})


def micros_read(said: str) -> int:
    """Return an amount in US dollars, as a trailer says it, as micros; 0 where it is none of ours."""
    return micros(float(said)) if re.fullmatch(r"[0-9]{1,9}\.[0-9]{4,6}", said) else 0
