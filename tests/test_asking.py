"""Asking models: paid for before, tried again only where that helps, and never past what may be spent."""

import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from orchestrator.budget import MICROS, Limits, Usage
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.events import Event
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.call import Call, CallError
from orchestrator.models.door import Door
from orchestrator.models.journal import Journal, read
from orchestrator.models.models import Models, door_of
from orchestrator.models.prices import prices
from orchestrator.models.purse import Purse
from orchestrator.models.spent import Paid
from orchestrator.testing import FakeAPI, Fault, Rule, Script
from orchestrator.testing import Reply as Said

CALL = Call("claude-opus-5-5", "You are brief.", [{"role": "user", "content": "greet"}], most=1000, deadline=30.0)
FOR = Purpose("worker", "T1", 1, "1")
NEVER = threading.Event()
MOST = 25_170  # micros: what CALL may cost


@dataclass
class Pinned:
    """A clock that moves when somebody waits; the waits are remembered."""

    seconds: float = 1000.0
    waits: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, cancel: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.seconds += seconds
        self.meanwhile()
        return cancel.is_set()


@pytest.fixture(scope="module", autouse=True)
def _sdk() -> None:
    import_module("anthropic")  # seconds, which no deadline counts


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI(Script([Rule("greet", [Said("Hello.")])])) as made:
        yield made


@dataclass
class Bench:
    """A project's way to the fake, with a clock in hand."""

    fake: FakeAPI
    path: Path
    limits: Limits = field(default_factory=Limits)
    clock: Pinned = field(default_factory=Pinned)
    told: list[Event] = field(default_factory=list)
    retries: int = 5

    def __post_init__(self) -> None:
        journal = Journal(self.path / "orchestrator" / "spend.jsonl")
        self.purse = Purse(journal, self.limits, self.clock, self.told.append, self.clock.pause)
        door = Door(key=self.fake.key, url=self.fake.url, clock=SystemClock())
        self.models = Models(
            lambda: door, self.purse, self.clock, self.retries, tell=self.told.append, pause=self.clock.pause
        )

    def refused(self, call: Call = CALL, purpose: Purpose = FOR, cancel: threading.Event = NEVER) -> CallError:
        with pytest.raises(CallError) as caught:
            self.models.ask(call, purpose, cancel)
        return caught.value

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.purse.journal.path.read_text().splitlines()]


@pytest.fixture
def bench(fake: FakeAPI, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(fake, tmp_path)
    yield made
    made.purse.close()


def test_an_answer_says_what_it_cost(bench: Bench) -> None:
    said = bench.models.ask(CALL, FOR, NEVER)
    assert (said.text, said.micros) == ("Hello.", prices().cost(said.model, said.usage or Usage()))
    assert said.micros > 0
    spent = bench.purse.spent
    assert (spent.all.micros, spent.roles["worker"].usage, spent.tasks["T1"].all.micros, spent.pending) == (
        said.micros,
        said.usage,
        said.micros,
        {},
    )


def test_what_a_call_may_cost_is_on_the_disk_before_it_leaves(bench: Bench) -> None:
    seen: list[list[dict[str, object]]] = []
    bench.fake.script = Script(otherwise=lambda _request: seen.append(bench.lines()) or Said("Hello."))
    bench.models.ask(CALL, FOR, NEVER)
    assert [(line["hold"], line["micros"], line["role"], line["task"], line["attempt"]) for line in seen[0]] == [
        (1, MOST, "worker", "T1", 1)
    ]


@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.SERVER_ERROR, Fault.RESET, Fault.ERROR_MIDWAY, Fault.CUT])
def test_what_passes_is_tried_again_with_growing_pauses(bench: Bench, fault: Fault) -> None:
    bench.fake.fail(fault, times=3)
    assert bench.models.ask(CALL, FOR, NEVER).text == "Hello."
    assert len(bench.fake.requests) == 4
    assert [1 <= bench.clock.waits[0] <= 2, 2 <= bench.clock.waits[1] <= 4, 4 <= bench.clock.waits[2] <= 8] == [
        True
    ] * 3


def test_what_passes_is_tried_only_so_often(bench: Bench) -> None:
    bench.fake.fail(Fault.OVERLOADED, times=None)
    assert bench.refused().failure is Failure.TRANSIENT
    assert len(bench.fake.requests) == 6


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault.UNAUTHENTICATED, Failure.FATAL),
        (Fault.FORBIDDEN, Failure.FATAL),
        (Fault.MODEL_GONE, Failure.FATAL),
        (Fault.UNPAID, Failure.QUOTA),
        (Fault.PROMPT_TOO_LONG, Failure.DETERMINISTIC),
        (Fault.TOO_LARGE, Failure.DETERMINISTIC),
    ],
    ids=lambda value: value.name,
)
def test_what_does_not_pass_is_asked_once_and_costs_nothing(bench: Bench, fault: Fault, failure: Failure) -> None:
    bench.fake.fail(fault, times=None)
    assert bench.refused().failure is failure
    assert (len(bench.fake.requests), bench.purse.spent.all.micros) == (1, 0)


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.WRONG_SHAPE, Fault.TRUNCATED, Fault.BAD_UTF8])
def test_what_is_no_answer_is_asked_for_twice(bench: Bench, fault: Fault) -> None:
    bench.fake.fail(fault, times=None)
    assert bench.refused().failure is Failure.DETERMINISTIC
    # Nobody knows what these have cost: they count at their most.
    assert (len(bench.fake.requests), bench.purse.spent.all.micros) == (2, 2 * MOST)


def test_an_answer_without_figures_costs_what_was_set_aside(bench: Bench) -> None:
    bench.fake.script = Script(otherwise=Said("Hello.", usage={"input_tokens": 1 << 50}))
    assert bench.models.ask(CALL, FOR, NEVER).micros == MOST


def test_a_server_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with FakeAPI() as gone:
        pass
    bench = Bench(gone, tmp_path)
    assert bench.refused(replace(CALL, deadline=5.0)).failure is Failure.TRANSIENT
    assert bench.purse.spent.all.micros == 0
    bench.purse.close()


def test_the_wait_that_an_api_asks_for_is_waited(bench: Bench) -> None:
    bench.fake.fail(Fault.RATE_LIMITED, seconds=7)
    bench.models.ask(CALL, FOR, NEVER)
    assert sum(bench.clock.waits) == pytest.approx(7.0, abs=0.01)
    assert len(bench.fake.requests) == 2


def test_all_others_keep_to_it(bench: Bench) -> None:
    bench.fake.fail(Fault.RATE_LIMITED, seconds=3600)
    first = bench.refused()
    assert (first.failure, first.wait) == (Failure.QUOTA, 3600.0)
    assert bench.models.shut_for() == 3600.0
    others = bench.refused(purpose=Purpose("reviewer", "T2"))
    assert (others.failure, others.wait, len(bench.fake.requests)) == (Failure.QUOTA, 3600.0, 1)
    bench.clock.seconds += 3600.0
    assert bench.models.ask(CALL, FOR, NEVER).text == "Hello."


def test_after_five_failures_in_a_row_nobody_asks_for_a_while(bench: Bench) -> None:
    bench.fake.fail(Fault.SERVER_ERROR, times=5)
    for _ in range(5):
        bench.models.retries = 0
        bench.refused()
    assert 0 < bench.models.shut_for() <= 60
    assert bench.models.ask(CALL, FOR, NEVER).text == "Hello."
    assert bench.models.shut_for() == 0


def test_one_goes_ahead_and_the_others_follow_once_it_is_answered(bench: Bench) -> None:
    bench.fake.fail(Fault.RATE_LIMITED, seconds=1)
    bench.models.retries = 0
    bench.refused()
    bench.models.retries = 5
    ahead, go_on = threading.Event(), threading.Event()

    def answer(_request: object) -> Said:
        if not ahead.is_set():
            ahead.set()
            assert go_on.wait(10)
        return Said("Hello.")

    bench.fake.script = Script(otherwise=answer)
    waiting = itertools.count()
    bench.clock.meanwhile = lambda: go_on.set() if ahead.is_set() and next(waiting) == 2 else None
    bench.clock.seconds += 1.0
    first = threading.Thread(target=lambda: bench.models.ask(CALL, FOR, NEVER))
    first.start()
    assert ahead.wait(10)
    asked = len(bench.fake.requests)
    second = threading.Thread(target=lambda: bench.models.ask(CALL, Purpose("worker", "T2"), NEVER))
    second.start()
    first.join()
    second.join()
    assert (asked, len(bench.fake.requests)) == (2, 3)


def test_who_is_told_to_stop_waits_no_longer(bench: Bench) -> None:
    bench.fake.fail(Fault.RATE_LIMITED, times=None, seconds=60)
    cancel = threading.Event()
    bench.clock.meanwhile = cancel.set
    assert bench.refused(cancel=cancel).failure is Failure.INTERRUPTED
    assert len(bench.fake.requests) == 1


def test_nothing_is_asked_once_the_budget_does_not_suffice(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(workflow=MOST + 10))
    cost = bench.models.ask(CALL, FOR, NEVER).micros
    assert not bench.purse.over()
    error = bench.refused()
    assert (error.failure, error.facts["budget"], len(fake.requests)) == (Failure.QUOTA, "workflow", 1)
    assert error.said == (
        f"{cost / MICROS:.4f} of 0.0252 USD of the budget are spent, and the next call may cost up to 0.0252 USD"
    )
    assert bench.purse.over() == error.said
    bench.purse.close()


def test_the_budget_holds_over_restarts(fake: FakeAPI, tmp_path: Path) -> None:
    first = Bench(fake, tmp_path, Limits(workflow=MOST + 10))
    first.models.ask(CALL, FOR, NEVER)
    first.purse.close()
    again = Bench(fake, tmp_path, Limits(workflow=MOST + 10))
    assert again.refused().facts["budget"] == "workflow"
    again.purse.close()


def test_a_call_that_a_kill_cut_short_counts_at_its_most(fake: FakeAPI, tmp_path: Path) -> None:
    killed = Journal(tmp_path / "orchestrator" / "spend.jsonl")
    killed.hold(MOST, "worker", "T1", 1)
    killed.close()
    with killed.path.open("ab") as file:
        file.write(b'{"pay":1,"mic')  # the power went here
    assert read(killed.path).whole().pending == MOST
    bench = Bench(fake, tmp_path)
    bench.models.ask(CALL, FOR, NEVER)
    assert MOST < bench.purse.spent.of("T1").paid < 2 * MOST
    assert [next(iter(line)) for line in bench.lines()] == ["hold", "pay", "hold", "pay"]
    bench.purse.close()


def test_a_process_that_is_killed_leaves_what_it_had_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator" / "spend.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path; from orchestrator.models.journal import Journal;"
        f"Journal(Path(sys.argv[1])).hold({MOST}, 'worker', 'T1', 1); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert (done.returncode, read(path).of("T1").pending) == (-signal.SIGKILL, MOST)


def test_what_is_left_is_the_lesser_of_what_the_task_and_the_workflow_have(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(workflow=1000, task=400, reserve=100))
    assert bench.purse.left("T1") == 400
    bench.purse.account("worker", "T2", 1, Paid(600))
    assert (bench.purse.left("T1"), bench.purse.left("T2")) == (300, 0)
    assert Bench(fake, tmp_path / "other").purse.left("T1") is None
    bench.purse.close()


def test_who_cannot_have_what_others_hold_waits_for_what_they_really_cost(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(workflow=MOST + MOST // 2))
    held = bench.purse.journal.hold(MOST, "worker", "T2", 1)
    bench.clock.meanwhile = lambda: bench.purse.journal.pay(held, Paid(5))
    assert bench.models.ask(CALL, FOR, NEVER).text == "Hello."
    assert bench.clock.waits == [0.1]
    bench.purse.close()


def test_a_task_has_a_budget_of_its_own(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(task=MOST + 10))
    bench.models.ask(CALL, FOR, NEVER)
    assert bench.refused().facts["budget"] == "task"
    assert bench.models.ask(CALL, Purpose("worker", "T2"), NEVER).text == "Hello."
    assert (bool(bench.purse.over("T1")), bench.purse.over("T2"), bench.purse.over()) == (True, "", "")
    bench.purse.close()


def test_a_call_that_is_too_dear_is_no_matter_of_waiting(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(call=MOST - 1))
    error = bench.refused()
    assert (error.failure, error.facts["budget"], len(fake.requests)) == (Failure.DETERMINISTIC, "call", 0)
    assert bench.models.ask(replace(CALL, most=900), FOR, NEVER).text == "Hello."
    bench.purse.close()


def test_a_reserve_is_kept_for_who_closes_something(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(workflow=2 * MOST, reserve=MOST + 10))
    assert bench.refused().facts["budget"] == "workflow"
    assert bench.models.ask(CALL, replace(FOR, closing=True), NEVER).text == "Hello."
    bench.purse.close()


def test_that_most_is_spent_is_told_once_over_all_runs(fake: FakeAPI, tmp_path: Path) -> None:
    told = []
    for _ in range(3):
        bench = Bench(fake, tmp_path, Limits(workflow=100_000))
        bench.purse.account("worker", "T9", 1, Paid(80_000))
        bench.models.ask(replace(CALL, most=100), FOR, NEVER)
        told += [(event.name, event.facts["budget"]) for event in bench.told]
        bench.purse.close()
    assert told == [("budget.near", "0.1000")]


def test_what_others_have_paid_counts_once(bench: Bench) -> None:
    cost = bench.models.ask(CALL, FOR, NEVER).micros
    for _ in range(2):
        bench.purse.account("worker", "T1", 1, Paid(cost + 500, Usage(output=1)))
    assert bench.purse.spent.all.micros == cost + 500
    bench.purse.account("worker", "T1", 2, Paid(70))
    assert (bench.purse.spent.all.micros, bench.purse.spent.tasks["T1"].last) == (cost + 570, Paid(70))


def test_a_long_journal_becomes_its_own_total(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "orchestrator" / "spend.jsonl")
    open_call = journal.hold(3, "planner", "", 0)
    for number in range(2_100):
        journal.pay(journal.hold(50, "worker", f"T{number % 7}", number % 3 + 1), Paid(10, Usage(1, 2, 3, 4, 1)))
    assert len(journal.path.read_bytes().splitlines()) < 500
    journal.pay(open_call, Paid(2))
    assert read(journal.path) == journal.spent
    assert (journal.spent.all, journal.spent.roles["planner"]) == (
        Paid(21_002, Usage(2_100, 4_200, 6_300, 8_400, 2_100)),
        Paid(2),
    )
    journal.close()


@pytest.mark.parametrize(
    "line", ["garbage", "[]", '{"hold":1}', '{"pay":"1"}', '{"hold":1,"micros":-1}', '{"told":true}']
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "spend.jsonl"
    path.write_text(f'{{"told":1}}\n{line}\n')
    with pytest.raises(OrchestratorError) as caught:
        read(path)
    assert caught.value.where == f"{path}:2"


def test_a_model_without_a_price_is_charged_as_the_dearest_and_that_is_told_once(bench: Bench) -> None:
    usage = Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000)
    assert prices().cost("claude-next", usage) == (10 + 1) * MICROS + 12_500_000 + 50 * MICROS
    bench.fake.fail(Fault.MODEL_GONE, times=None)
    for _ in range(2):
        bench.refused(replace(CALL, model="claude-next"))
    assert [event.facts["model"] for event in bench.told if event.name == "price.unknown"] == ["claude-next"]


def test_prices_hang_on_the_length_of_a_request_and_not_on_a_models_date() -> None:
    table = prices()
    assert table.cost("claude-haiku-5-5", Usage(input=100_000)) == 10_000
    assert table.cost("claude-haiku-5-5", Usage(input=1, cached=100_000)) == 5_001
    assert table.cost("claude-haiku-4-5-20251001", Usage(output=10)) == 50
    assert table.cost("claude-haiku-5-5", Usage(input=1)) == 1  # never nothing


def test_what_a_model_can_do_is_asked_of_the_api_once(bench: Bench) -> None:
    bench.fake.fail(Fault.OVERLOADED, path="/v1/models/*")
    able, again = (bench.models.abilities("claude-opus-5-5", NEVER) for _ in range(2))
    assert able == again
    assert (able.context, able.output, able.structured, "max" in able.efforts) == (1_000_000, 128_000, True, True)
    assert len(bench.fake.requests) == 2


def test_many_that_want_to_know_it_at_once_ask_once(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, retries=0)

    def told() -> list[int | str]:
        outcomes: list[int | str] = []

        def look() -> None:
            try:
                outcomes.append(bench.models.abilities("claude-opus-5-5", NEVER).context)
            except CallError as error:
                outcomes.append(error.failure.value)

        threads = [threading.Thread(target=look) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    fake.fail(Fault.RESET, times=None, path="/v1/models/*")
    assert told() == ["transient"] * 20
    fake.heal()
    before = len(fake.requests)
    assert told() == [1_000_000] * 20
    assert len(fake.requests) == before + 1
    bench.purse.close()


def test_who_waits_for_another_that_was_stopped_asks_itself(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path)
    stopped, outcomes = threading.Event(), list[int]()
    fake.fail(Fault.HANG, path="/v1/models/*")

    def first() -> None:
        with pytest.raises(CallError, match="stopped"):
            bench.models.abilities("claude-opus-5-5", stopped)

    def second() -> None:
        outcomes.append(bench.models.abilities("claude-opus-5-5", NEVER).context)

    asking = threading.Thread(target=first)
    asking.start()
    assert fake.wait(1)
    waiting = threading.Thread(target=second)
    waiting.start()
    stopped.set()
    asking.join()
    waiting.join()
    assert outcomes == [1_000_000]
    bench.purse.close()


def test_a_key_is_wanted_only_when_something_is_asked(tmp_path: Path) -> None:
    models = Models(lambda: door_of({}, SystemClock()), Purse(Journal(tmp_path / "orchestrator" / "j")), SystemClock())
    assert models.shut_for() == 0
    with pytest.raises(OrchestratorError, match="no key") as caught:
        models.ask(CALL, FOR, NEVER)
    assert (caught.value.code, "ANTHROPIC_API_KEY" in caught.value.hint) == (Exit.MISSING, True)
    assert models.purse.spent.all.micros == 0
    assert door_of({"ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://x"}, SystemClock()).url == "http://x"


def test_fifty_at_once_stay_within_the_budget(fake: FakeAPI, tmp_path: Path) -> None:
    bench = Bench(fake, tmp_path, Limits(workflow=MOST * 3))
    outcomes: list[int] = []

    def ask(number: int) -> None:
        try:
            outcomes.append(bench.models.ask(CALL, Purpose("worker", f"T{number}", 1), NEVER).micros)
        except CallError as error:
            assert error.facts["budget"] == "workflow"  # noqa: PT017 - the others were answered

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = bench.purse.spent
    assert (spent.pending, spent.all.micros) == ({}, sum(outcomes))
    assert spent.all.micros <= MOST * 3
    bench.purse.close()
