"""What a failure means: each is classed once, here, and the class alone decides what happens next."""

from collections.abc import Sequence
from enum import StrEnum

_DOUBLINGS = 1_023  # no float holds a higher power of two


class Failure(StrEnum):
    """Why an attempt did not land.

    Attributes:
        TRANSIENT: the world was busy; the same attempt may work later (command agents: exit 75).
        DETERMINISTIC: the work is wrong; a new attempt gets what was learnt.
        SCOPE: the change leaves the spec's files or touches a protected path.
        CONFLICT: the change no longer fits the branch; a new attempt starts from the new base.
        TIMEOUT: the attempt ran, or was silent, for too long.
        STALE: a person changed the spec while the attempt was running.
        INTERRUPTED: the leader stopped or was killed; nothing is held against the attempt.
        QUOTA: a limit of the account is reached: waited out, however long it takes, and held against nobody.
        FATAL: the agent cannot work at all (key, model, program): its task waits for another run, and is not blamed.
        UNDECIDED: only a person can say what is right: nobody else could merge it, or judge it.
    """

    TRANSIENT = "transient"
    DETERMINISTIC = "deterministic"
    SCOPE = "scope"
    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    STALE = "stale"
    INTERRUPTED = "interrupted"
    QUOTA = "quota"
    FATAL = "fatal"
    UNDECIDED = "undecided"

    @property
    def spends(self) -> bool:
        """Whether an attempt that ended so counts against `limits.attempts`."""
        free = {Failure.TRANSIENT, Failure.STALE, Failure.INTERRUPTED, Failure.QUOTA, Failure.FATAL}
        return self not in free


class Next(StrEnum):
    """What follows an attempt that did not land."""

    AGAIN = "again"
    LATER = "later"
    DEAD = "dead letter"


def what_next(failures: Sequence[Failure], limit: int, retries: int, *, repeated: bool) -> tuple[Next, str]:
    """Decide what follows, from the failures of a task's counted attempts, oldest first.

    Args:
        failures: one per attempt.
        limit: attempts that may be spent.
        retries: transient failures in a row that are waited out.
        repeated: whether the last two attempts left the very same tree: a third would be the same answer again.

    Returns:
        What to do, and why, in words for a person.
    """
    last = failures[-1]
    spent = sum(failure.spends for failure in failures)
    if last is Failure.UNDECIDED:
        return Next.DEAD, "a person must decide"
    if last is Failure.TRANSIENT:
        row = transient_row(failures)
        if row > retries:
            return Next.DEAD, f"{row} transient failures in a row"
        return Next.LATER, f"transient failure {row}"
    if last is Failure.QUOTA:
        return Next.LATER, "a limit of the account is reached"
    if last in {Failure.STALE, Failure.INTERRUPTED, Failure.FATAL}:
        return Next.AGAIN, last.value
    if spent >= limit:
        return Next.DEAD, f"{last.value} after {spent} of {limit} attempts"
    if repeated:
        return Next.DEAD, f"{last.value}: two attempts gave the same answer"
    return Next.AGAIN, f"{last.value}, attempt {spent} of {limit}"


def transient_row(failures: Sequence[Failure]) -> int:
    """Return how many failures that are waited out stand at the end."""
    passing = {Failure.TRANSIENT, Failure.QUOTA}
    return next((n for n, failure in enumerate(reversed(failures)) if failure not in passing), len(failures))


def backoff(row: int, base: float, chance: float, cap: float = 300.0) -> float:
    """Return the seconds to wait before retry number `row` (from 1): doubling from `base` up to `cap`, half jitter.

    `chance` is a random number from 0 to 1: "equal jitter", so that agents that failed together do not return together.
    """
    full = min(cap, base * 2.0 ** min(row - 1, _DOUBLINGS))
    return full / 2 + chance * full / 2
