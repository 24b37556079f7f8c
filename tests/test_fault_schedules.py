"""Random schedules of faults, with several agents that share one API and one budget.

Whatever goes wrong, in whatever order: only what passes is tried again, so often and so long as is allowed; no wrong
answer is taken for one; the budget is not overshot, and what may have cost something counts. A sample runs always; all
of it (two thousand schedules, some minutes) is one command:

    SCHEDULES=2000 python -m pytest tests/test_fault_schedules.py -m slow -n auto

A failure names its seed, which SCHEDULES_ONLY=4711 plays again.
"""

import os
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from model_faults import BROKEN, CLASSES, SLOW, STOPS

from orchestrator.budget import Limits
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.call import Call, CallError, Reply, Stop
from orchestrator.models.door import Door
from orchestrator.models.journal import Journal, read
from orchestrator.models.models import Models
from orchestrator.models.prices import prices
from orchestrator.models.purse import Purse
from orchestrator.testing import FakeAPI, Fault, Script, ToolUse
from orchestrator.testing import Reply as Said

_ALL = int(os.environ.get("SCHEDULES", "0"))
_ONLY = os.environ.get("SCHEDULES_ONLY", "")
_SAMPLE = 60
_PARTS = 6
_SEEDS = [int(_ONLY)] if _ONLY else range(_SAMPLE)
_BUSY = 5.0  # seconds that a machine may lose on the way when all of its cores are taken
_PATIENCE = 300.0
_MOST = 1000
_TOOL = {"name": "read", "input_schema": {"type": "object"}}
_WEIGHTED = [*[fault for fault in Fault if fault not in SLOW] * 3, *SLOW]
_PASSING = [fault for fault in CLASSES if CLASSES[fault][0] is Failure.TRANSIENT and fault not in SLOW | BROKEN]


@dataclass
class Hastened:
    """A clock that many share; who waits lets it jump. After so many waits in all, `cancel` is set."""

    cancel: threading.Event
    cancel_after: int
    seconds: float = 0.0
    waits: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, cancel: threading.Event, seconds: float) -> bool:
        with self.lock:
            self.seconds += seconds
            self.waits += 1
            if self.waits == self.cancel_after:
                self.cancel.set()
        return cancel.wait(0.001)  # lets the others go on


@dataclass(frozen=True)
class Watched(Door):
    """A door that keeps what became of each call, with how long it took; by the call's text."""

    log: dict[str, list[tuple[Reply | CallError, float]]] = field(default_factory=dict)

    def send(self, call, cancel, begun=None):  # noqa: ANN001, ANN201
        began = time.monotonic()
        text = str(call.messages[0]["content"])
        try:
            ended = super().send(call, cancel, begun)
        except CallError as error:
            self.log.setdefault(text, []).append((error, time.monotonic() - began))
            raise
        self.log.setdefault(text, []).append((ended, time.monotonic() - began))
        return ended


@dataclass
class Asked:
    """One question of a schedule: what is to go wrong with it, and what came of it."""

    text: str
    faults: list[Fault]
    deadline: float
    role: str
    task: str
    outcome: Reply | CallError | None = None


def said(request: object) -> Said:
    found = re.search(r"question [0-9-]+\.", request.newest)  # type: ignore[attr-defined]
    usage = {"input_tokens": 900, "output_tokens": _MOST}  # nearly what was set aside
    return Said([ToolUse("read", {"path": found[0] if found else ""})], usage=usage)


def accepts(reply: Reply, question: Asked) -> bool:
    """Whether who asked would act on the reply."""
    fits = [use["name"] == "read" and use["input"] == {"path": question.text} for use in reply.uses]
    return reply.stop is Stop.TOOLS and fits == [True] and not reply.garbled


@dataclass
class Schedule:
    """One schedule, made of a seed."""

    seed: int
    retries: int = 0
    agents: list[list[Asked]] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    cancel_after: int = 0
    waits: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - the same schedules every time
        self.retries = chance.randint(0, 5)
        self.cancel_after = chance.choice([0, 0, 0, chance.randint(1, 12)])
        for agent in range(chance.randint(1, 4)):
            self.agents.append([self._asked(chance, agent, number) for number in range(chance.randint(1, 3))])
        one = 25_000
        budget = chance.choice([0, 0, one * chance.randint(1, 12)])
        task = chance.choice([0, 0, one * chance.randint(1, 8)])
        dear = one // 2 if chance.random() < 0.05 else 0
        self.limits = Limits(budget, task, dear, chance.choice([0, one // 3]))

    def _asked(self, chance: random.Random, agent: int, number: int) -> Asked:
        kinds = chance.choice([_WEIGHTED, _PASSING])
        faults = [chance.choice(kinds) for _ in range(chance.choice([0, 0, 1, 1, 2, 3, 4, 7]))]
        text = f"question {self.seed}-{agent}-{number}."
        self.waits[text] = [chance.choice([0.5, 1, 2, 30, 3600]) for _ in faults]
        deadline = 0.5 if SLOW & {*faults} else 30.0
        role = chance.choice(["planner", "worker", "reviewer", "resolver"])
        return Asked(text, faults, deadline, role, f"T{agent % 3}")

    def play(self, fake: FakeAPI, path: Path) -> tuple[Watched, Purse]:
        fake.heal()
        for question in (each for agent in self.agents for each in agent):
            for fault, wait in zip(question.faults, self.waits[question.text], strict=True):
                fake.fail(fault, when=question.text, seconds=wait)
        cancel = threading.Event()
        path.mkdir()
        clock = Hastened(cancel, self.cancel_after)
        door = Watched(key=fake.key, url=fake.url)
        purse = Purse(Journal(path / "orchestrator" / "spend.jsonl"), self.limits, clock, pause=clock.pause)
        models = Models(lambda: door, purse, clock, self.retries, patience=_PATIENCE, pause=clock.pause)
        threads = [threading.Thread(target=self._ask, args=(models, each, cancel)) for each in self.agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return door, purse

    def _ask(self, models: Models, questions: list[Asked], cancel: threading.Event) -> None:
        for question in questions:
            messages = [{"role": "user", "content": question.text}]
            call = Call("claude-opus-5-5", "s", messages, (_TOOL,), most=_MOST, deadline=question.deadline)
            try:
                question.outcome = models.ask(call, Purpose(question.role, question.task, 1), cancel)
            except CallError as error:
                question.outcome = error

    def wrong(self, door: Watched, purse: Purse) -> Iterator[str]:
        """Say what is not as it should be."""
        for question in (each for agent in self.agents for each in agent):
            sends = door.log.get(question.text, [])
            yield from (f"{question.text} {why}" for why in self._wrong(question, sends))
        yield from self._wrong_sum(door, purse)

    def _wrong(self, question: Asked, sends: list[tuple[Reply | CallError, float]]) -> Iterator[str]:
        passed = [_passes(question, number, ended) for number, (ended, _) in enumerate(sends)]
        if len(sends) > self.retries + 1:
            yield f"was sent {len(sends)} times with {self.retries} retries"
        if not all(passed[:-1]):
            yield f"was sent again after {[str(ended) for ended, _ in sends]}"
        if sum(fault in BROKEN for fault in question.faults[: max(0, len(sends) - 1)]) > 1:
            yield "was sent again after two broken answers"
        late = [seconds for _, seconds in sends if seconds > question.deadline + 1 + _BUSY]
        if late:
            yield f"took {late} s of {question.deadline}"
        yield from self._wrong_outcome(question, sends)

    def _wrong_outcome(self, question: Asked, sends: list[tuple[Reply | CallError, float]]) -> Iterator[str]:
        outcome = question.outcome
        sound = len(sends) > len(question.faults)
        if isinstance(outcome, Reply):
            if accepts(outcome, question) != sound:
                yield f"has {outcome}, after {question.faults}"
            return
        if outcome is None:
            yield "has no outcome"
        elif not self._is_explained(outcome, question, sends):
            yield f"failed by {outcome!r}, after {question.faults}"

    def _is_explained(self, error: CallError, question: Asked, sends: list[tuple[Reply | CallError, float]]) -> bool:
        last = sends[-1][0] if sends else None
        if "budget" in error.facts:
            return error.failure in {Failure.QUOTA, Failure.DETERMINISTIC}
        if error.failure is Failure.INTERRUPTED:
            return self.cancel_after > 0
        if error.failure is Failure.QUOTA and error.wait is not None:
            return error.wait > _PATIENCE
        if error.failure is Failure.TRANSIENT and error.wait is not None:
            return True  # the API takes no calls for longer than there is patience left
        if not isinstance(last, CallError):
            return False
        broken = sum(fault in BROKEN for fault in question.faults[: len(sends)]) > 1
        if error.failure is Failure.TRANSIENT:
            return last.failure is Failure.TRANSIENT and not broken and len(sends) == self.retries + 1
        return error.failure is (Failure.DETERMINISTIC if broken else last.failure)

    def _wrong_sum(self, door: Watched, purse: Purse) -> Iterator[str]:
        spent = purse.spent
        known = [ended for sends in door.log.values() for ended, _ in sends if isinstance(ended, Reply) and ended.usage]
        real = sum(prices().cost("claude-opus-5-5", reply.usage) for reply in known if reply.usage)
        if spent.pending or read(purse.journal.path) != spent:
            yield "the journal is not settled, or is not what is known"
        unknown = [ended for sends in door.log.values() for ended, _ in sends if _may_cost(ended)]
        least = real + len(unknown) * prices().most("claude-opus-5-5", 1_000, _MOST)
        if spent.all.micros < least:
            yield f"{least} may have been spent, and {spent.all.micros} is known of"
        for name, limit, paid in (
            ("the budget", self.limits.work, spent.all.micros),
            *((task, self.limits.task, known.all.micros) for task, known in spent.tasks.items()),
        ):
            if limit and paid > limit:  # no call here costs more than was set aside for it
                yield f"{name} of {limit} is overshot: {paid}"


def _may_cost(ended: Reply | CallError) -> bool:
    """Whether nobody knows what the call cost: it went out, and was not refused."""
    if isinstance(ended, Reply):
        return ended.usage is None
    return bool(ended.facts["sent"]) and int(str(ended.facts.get("status", 0))) < 400


def _passes(question: Asked, number: int, ended: Reply | CallError) -> bool:
    """Whether a call that ended so may be sent again; what was to go right may only have met its deadline."""
    if number < len(question.faults):
        fault = question.faults[number]
        return fault not in STOPS and CLASSES[fault][0] is Failure.TRANSIENT
    return isinstance(ended, CallError) and ended.said.startswith("no answer within")


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAPI]:
    import_module("anthropic")  # seconds, which no deadline counts
    with FakeAPI(Script(otherwise=said)) as made:
        yield made


def _hold(seeds: range | list[int], fake: FakeAPI, path: Path) -> None:
    wrong = []
    for seed in seeds:
        schedule = Schedule(seed)
        door, purse = schedule.play(fake, path / str(seed))
        wrong += [f"SCHEDULES_ONLY={seed}: {why}" for why in schedule.wrong(door, purse)]
        purse.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", range(_PARTS))
def test_a_sample(part: int, fake: FakeAPI, tmp_path: Path) -> None:
    _hold(_SEEDS[part::_PARTS], fake, tmp_path)


@pytest.mark.skipif(not _ALL, reason="two thousand schedules take minutes: SCHEDULES=2000 plays them")
@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_all(part: int, fake: FakeAPI, tmp_path: Path) -> None:
    _hold(range(1000 + part, 1000 + _ALL, 20), fake, tmp_path)


def test_a_wrong_answer_that_is_taken_is_found() -> None:
    schedule = Schedule(1)
    question = schedule.agents[0][0]
    question.faults = [Fault.OVERLOADED]
    use = {"type": "tool_use", "id": "t", "name": "read", "input": {"path": question.text}}
    question.outcome = Reply("m", [use], Stop.TOOLS, None)
    assert list(schedule._wrong_outcome(question, [(question.outcome, 0.1)]))  # noqa: SLF001 - the check is checked


def test_a_call_that_is_sent_again_after_what_does_not_pass_is_found() -> None:
    schedule = Schedule(1)
    question = schedule.agents[0][0]
    question.faults = [Fault.UNAUTHENTICATED]
    question.outcome = CallError(Failure.FATAL, "401")
    sends = [(question.outcome, 0.1), (question.outcome, 0.1)]
    assert any("sent again" in why for why in schedule._wrong(question, sends))  # noqa: SLF001 - the same
