"""The purse: each call's price is set aside before it leaves, and what it really cost is taken when it is over."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.budget import Limits, Refusal, Scope, Sum, Usage, is_near, refusal, spent_up, tokens_at_most, usd
from orchestrator.clock import Clock, SystemClock
from orchestrator.events import Event, Tell, silent
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.call import Call, CallError
from orchestrator.models.circuit import Pause
from orchestrator.models.journal import Journal
from orchestrator.models.prices import prices
from orchestrator.models.spent import Hold, Paid, Spent

_LOOK = 0.1  # seconds between looks at whether others have cost less than they might


@dataclass
class Held:
    """What is set aside for one call, to be told how that call went.

    Attributes:
        usage: the tokens it took; None where that is not known: then it costs all that was set aside.
        free: it certainly cost nothing.
        request: the API's id of it.
        cost: what it cost in the end, in micros.
    """

    hold: Hold
    usage: Usage | None = None
    free: bool = False
    request: str = ""
    cost: int = 0


@dataclass
class Purse:
    """What one project may spend, and what it has; from any thread.

    Args:
        journal: remembers it.
        limits: what may be spent.
        clock: dates the records.
        tell: who is told that most of the budget is spent, or that a model has no price.
        pause: waits.
    """

    journal: Journal
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=SystemClock)
    tell: Tell = silent
    pause: Pause = threading.Event.wait
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refused: dict[str, str] = field(default_factory=dict)  # task, or "" for all, to why
    _unpriced: set[str] = field(default_factory=set)

    @property
    def spent(self) -> Spent:
        """What is spent so far; only to be looked at."""
        with self._lock:
            return self.journal.known()

    def over(self, task: str = "") -> str:
        """Return why nothing may start any more, or, with `task`, nothing for it; empty while something may.

        Once a call did not fit in, that is said for as long as the process runs: what is smaller would not get far.
        """
        with self._lock:
            for name in ("", task):
                if name in self._refused:
                    return self._refused[name]
            if not self.limits.workflow and not (task and self.limits.task):
                return ""
            self.journal.open()
            spent = self.journal.spent
            for limit, paid, what in (
                (self.limits.work, spent.whole().paid, "the budget"),
                (self.limits.task if task else 0, spent.of(task).paid, f"the budget of {task}"),
            ):
                why = spent_up(limit, paid, what)
                if why:
                    return why
        return ""

    def dear(self, tasks: Sequence[str]) -> dict[str, str]:
        """Return those of `tasks` whose own budget is spent, with the reason."""
        return {task: why for task in tasks if (why := self.over(task))}

    def left(self, task: str) -> int | None:
        """Return the micros that may still be spent on `task`, None where there is no limit."""
        if not self.limits.workflow and not self.limits.task:
            return None
        with self._lock:
            self.journal.open()
            spent = self.journal.spent
            pairs = ((self.limits.work, spent.whole()), (self.limits.task, spent.of(task)))
            lefts = [max(0, limit - known.paid - known.pending) for limit, known in pairs if limit]
        return min(lefts)

    @contextmanager
    def holding(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Iterator[Held]:
        """Set aside what `call` may cost within the block; settle it at its end, as the block has said by then.

        Where other calls hold what is left, it waits for what they really cost.

        Raises:
            CallError: it does not fit in the budget (quota), or is too dear for one call (deterministic); the fact
                `budget` says which limit. Or `cancel` was set while it waited.
        """
        held = Held(self._hold(call, purpose, cancel))
        try:
            yield held
        finally:
            self._settle(held, call.model)

    def account(self, role: str, task: str, attempt: int, paid: Paid) -> Paid:
        """Take note of what an attempt has cost, as whoever made it says: as far as that did not go through here.

        Returns what it has cost by all that is known.
        """
        with self._lock:
            if paid == Paid() and not self.journal.begun:
                return paid
            self.journal.open()
            more = paid.beyond(self.journal.spent.of_attempt(task, attempt))
            if more != Paid():
                self.journal.charge(role, task, attempt, more)
                self._tell_near()
            return self.journal.spent.of_attempt(task, attempt)

    def close(self) -> None:
        """Close the journal."""
        with self._lock:
            self.journal.close()

    def _hold(self, call: Call, purpose: Purpose, cancel: threading.Event) -> Hold:
        most = self._most(call)
        while True:
            got = self._try(most, call, purpose)
            if isinstance(got, Hold):
                return got
            if not got.passing:
                failure = Failure.DETERMINISTIC if got.scope is Scope.CALL else Failure.QUOTA
                raise CallError(failure, got.said, facts={"budget": got.scope.value})
            if self.pause(cancel, _LOOK):
                raise CallError(Failure.INTERRUPTED, "the call was stopped by the leader")

    def _most(self, call: Call) -> int:
        """Return what `call` may cost, in micros: all it sends written to the cache, all that may come back used."""
        if not prices().knows(call.model) and call.model not in self._unpriced:
            self._unpriced.add(call.model)
            self.tell(Event("price.unknown", facts={"model": call.model, "as_of": prices().as_of.isoformat()}))
        sent = (call.system, call.messages, call.tools, call.schema)
        size = len(json.dumps(sent, ensure_ascii=False, default=dict).encode("utf-8", "replace"))
        return prices().most(call.model, tokens_at_most(size), call.most)

    def _try(self, most: int, call: Call, purpose: Purpose) -> Hold | Refusal:
        with self._lock:
            self.journal.open()
            spent = self.journal.spent
            own = spent.of(purpose.task) if purpose.task else Sum()
            refused = refusal(self.limits, spent.whole(), own, most, closing=purpose.closing)
            if refused is None:
                more = {"step": purpose.step, "model": call.model, "at": self.clock.now().isoformat()}
                return self.journal.hold(most, purpose.role, purpose.task, purpose.attempt, **more)
            if not refused.passing and refused.scope is not Scope.CALL:
                self._refused[purpose.task if refused.scope is Scope.TASK else ""] = refused.said
            return refused

    def _settle(self, held: Held, model: str) -> None:
        with self._lock:
            usage = held.usage or Usage()
            known = 0 if held.free else held.hold.most
            held.cost = prices().cost(model, usage) if held.usage is not None else known
            self.journal.pay(held.hold, Paid(held.cost, usage), request=held.request)
            self._tell_near()

    def _tell_near(self) -> None:
        """Tell once, over all runs, that most of the budget is spent."""
        budget, paid = self.limits.workflow, self.journal.spent.all.micros
        if is_near(self.limits, paid) and self.journal.spent.told != budget:
            self.journal.tell(budget)
            self.tell(Event("budget.near", facts={"spent": usd(paid), "budget": usd(budget)}))
