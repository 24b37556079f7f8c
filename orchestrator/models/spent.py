"""What was spent, as a fold over records: each says that money is set aside, paid, or that somebody was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.budget import Sum, Usage

_MOST = 1 << 60  # micros: more is no amount


@dataclass(frozen=True)
class Hold:
    """Money set aside for one call: the most it may cost in micros, and whom for."""

    id: int
    most: int
    role: str
    task: str
    attempt: int


@dataclass(frozen=True)
class Paid:
    """What was paid for something, in micros, and the tokens that were paid for."""

    micros: int = 0
    usage: Usage = field(default_factory=Usage)

    def __add__(self, other: "Paid") -> "Paid":
        """Return both together."""
        return Paid(self.micros + other.micros, self.usage + other.usage)

    def beyond(self, other: "Paid") -> "Paid":
        """Return how much more this is than `other`; what is less counts for nothing."""
        return Paid(max(0, self.micros - other.micros), self.usage.beyond(other.usage))


@dataclass(frozen=True)
class OfTask:
    """What a task has cost in all, and what its attempt number `attempt`, the last that cost anything, has."""

    all: Paid = field(default_factory=Paid)
    attempt: int = 0
    last: Paid = field(default_factory=Paid)

    def with_(self, attempt: int, paid: Paid) -> "OfTask":
        """Return it after `paid` for `attempt`; 0 is for the task alone."""
        if not attempt or attempt < self.attempt:
            return OfTask(self.all + paid, self.attempt, self.last)
        last = self.last + paid if attempt == self.attempt else paid
        return OfTask(self.all + paid, attempt, last)


@dataclass
class Spent:
    """Everything that was spent so far.

    Attributes:
        all: paid in all.
        roles: paid by role.
        tasks: paid by task.
        pending: set aside for calls that have not been settled, by id.
        told: the budget, in micros, of which somebody was told that it is nearly spent; 0 for none.
        next: the id of the next hold.
    """

    all: Paid = field(default_factory=Paid)
    roles: dict[str, Paid] = field(default_factory=dict)
    tasks: dict[str, OfTask] = field(default_factory=dict)
    pending: dict[int, Hold] = field(default_factory=dict)
    told: int = 0
    next: int = 1

    def whole(self) -> Sum:
        """Return what everything has spent."""
        return Sum(self.all.micros, sum(hold.most for hold in self.pending.values()))

    def of(self, task: str) -> Sum:
        """Return what `task` has spent."""
        pending = sum(hold.most for hold in self.pending.values() if hold.task == task)
        return Sum(self.tasks[task].all.micros if task in self.tasks else 0, pending)

    def of_attempt(self, task: str, attempt: int) -> Paid:
        """Return what an attempt has been charged, where it is the task's last that cost anything."""
        known = self.tasks.get(task)
        return known.last if known and known.attempt == attempt else Paid()

    def take(self, record: Mapping[str, Any]) -> None:
        """Take the next record.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        if "hold" in record:
            hold = Hold(_count(record["hold"]), _count(record["micros"]), *_whom(record))
            self.pending[hold.id] = hold
            self.next = max(self.next, hold.id + 1)
        elif "pay" in record:
            held = self.pending.pop(_count(record["pay"]), None)
            role, task, attempt = (held.role, held.task, held.attempt) if held else _whom(record)
            self._pay(role, task, attempt, _paid(record))
        elif "told" in record:
            self.told = _count(record["told"])
        else:
            self._begin(record["total"])

    def _pay(self, role: str, task: str, attempt: int, paid: Paid) -> None:
        self.all += paid
        self.roles[role] = self.roles.get(role, Paid()) + paid
        if task:
            self.tasks[task] = self.tasks.get(task, OfTask()).with_(attempt, paid)

    def _begin(self, total: Mapping[str, Any]) -> None:
        """Take a running total, which stands first in a journal that was compacted."""
        self.all = _paid(total)
        self.roles = {str(role): _paid(paid) for role, paid in total["roles"].items()}
        self.tasks = {
            str(task): OfTask(_paid(each), _count(each["attempt"]), _paid(each["last"]))
            for task, each in total["tasks"].items()
        }
        self.told, self.next = _count(total["told"]), _count(total["next"])

    def total(self) -> dict[str, Any]:
        """Return everything but what is pending as the record that `take` begins with."""
        tasks = {
            task: {**paid_record(each.all), "attempt": each.attempt, "last": paid_record(each.last)}
            for task, each in self.tasks.items()
        }
        roles = {role: paid_record(paid) for role, paid in self.roles.items()}
        more = {"roles": roles, "tasks": tasks, "told": self.told, "next": self.next}
        return {"total": {**paid_record(self.all), **more}}


def hold_record(hold: Hold, **more: object) -> dict[str, Any]:
    """Return a hold as a record; `more` is for people who read the file."""
    whom = {"role": hold.role, "task": hold.task, "attempt": hold.attempt}
    return {"hold": hold.id, "micros": hold.most, **whom, **more}


def paid_record(paid: Paid) -> dict[str, Any]:
    """Return what was paid as the fields of a record."""
    usage = paid.usage
    tokens = [usage.input, usage.cached, usage.kept, usage.output, usage.thinking]
    return {"micros": paid.micros, "tokens": tokens}


def _paid(record: Mapping[str, Any]) -> Paid:
    return Paid(_count(record["micros"]), Usage(*(_count(number) for number in record["tokens"])))


def _whom(record: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(record["role"]), str(record["task"]), _count(record["attempt"])


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise ValueError("no whole number")
    return value
