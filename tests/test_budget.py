"""A budget is a check in code: over it nothing starts, a person is told how to go on, and a restart changes nothing."""

import pytest
from harness import Repo

from orchestrator.budget import (
    MICROS,
    Limits,
    Refusal,
    Scope,
    Sum,
    Usage,
    micros_read,
    refusal,
    tokens_at_most,
    tokens_read,
    tokens_said,
    usd,
)
from orchestrator.models.journal import NAME, Journal
from orchestrator.models.spent import Paid

TWO = """
[[attempt]]
task = "a"
write = {"a.txt" = "a"}
[[attempt]]
task = "b"
write = {"b.txt" = "b"}
"""


def spend(repo: Repo, dollars: float, task: str = "elsewhere") -> None:
    """Let a call of an earlier run have cost so much."""
    journal = Journal(repo.root / ".git" / NAME)
    journal.charge("worker", task, 1, Paid(round(dollars * MICROS)))
    journal.close()


@pytest.fixture
def two(repo: Repo) -> Repo:
    repo.task("a: do a", "b: do b (after: a)")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.config(TWO)
    repo.commit()
    return repo


def test_over_budget_nothing_starts_and_a_person_is_told_how_to_go_on(two: Repo) -> None:
    spend(two, 2.5)
    said = two.run("run", "--budget", "2", code=3)
    assert said.out == ("phase IMPLEMENTING: 0 landed\n  over budget: 2.5000 of 2.0000 USD of the budget are spent\n")
    assert (
        "next: orchestrator run --budget USD   # carries on, with a larger budget for the whole workflow\n" in said.err
    )
    assert "nothing more is started: 2.5000 of 2.0000 USD of the budget are spent" in said.err
    assert "started" not in said.err.replace("is started", "")
    assert two.landed() == []
    assert two.run("run", "--budget", "3").out.startswith("phase COMPLETE: 2 landed\n")


def test_the_budget_stands_in_the_configuration_and_its_reserve_is_not_for_work(two: Repo) -> None:
    spend(two, 2.5)
    two.config(TWO, more="[limits]\nbudget = 3\nreserve = 0.6")
    assert two.run("run", "--json", code=3).json["data"]["over_budget"] == (
        "2.5000 of 2.4000 USD of the budget are spent"
    )
    assert two.run("status").err.startswith("next: orchestrator run --budget USD")
    assert "problem 2.5000 of 2.4000 USD of the budget are spent" in two.run("run", "--dry-run").out
    two.config(TWO, more="[limits]\nbudget = 3\nreserve = 0.4")
    two.run("run")


def test_a_task_over_its_own_budget_is_stuck_and_the_others_go_on(repo: Repo) -> None:
    repo.task("a: do a", "b: do b")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.config('[[attempt]]\ntask = "a"\nexit = "transient"\n' + TWO, more="[limits]\ntask_budget = 1\nbackoff = 0.1")
    repo.commit()
    spend(repo, 1.5, "a")
    data = repo.run("run", "--json", code=3).json["data"]
    assert data["stuck"] == {"a": "1.5000 of 1.0000 USD of the budget of a are spent"}
    assert [item["task"] for item in data["landed"]] == ["b"]


def test_who_has_spent_nothing_has_no_journal(two: Repo) -> None:
    two.run("run")
    assert not (two.root / ".git" / NAME).exists()


def test_a_damaged_journal_is_named_before_anything_starts(two: Repo) -> None:
    spend(two, 1)
    journal = two.root / ".git" / NAME
    journal.write_text(journal.read_text() + "garbage\n")
    said = two.run("run", "--budget", "2", code=5)
    assert f"{journal}:2: no record of spending" in said.err
    assert two.landed() == []


COSTLY = """
[[attempt]]
task = "a"
attempt = 1
exit = "failed"
tokens = 1000
usd = 0.25
[[attempt]]
task = "a"
attempt = 2
write = {"a.txt" = "a"}
tokens = 234
usd = 0.125
[[attempt]]
task = "b"
write = {"b.txt" = "b"}
usd = 0.5
"""


def test_what_an_attempt_took_and_cost_is_in_git_and_shown(two: Repo) -> None:
    two.config(COSTLY)
    two.run("run")
    form = "--format=%(trailers:key=Tokens,key=Cost-Usd,separator=%x2C )"
    ref = "refs/orchestrator/attempts/a/1"
    assert two.git("log", "-1", form, ref) == "Tokens: 1000 out, Cost-Usd: 0.250000"
    landings = two.git("log", "--reverse", "--grep=^Task: ", form).split("\n")
    assert landings == ["Tokens: 1234 out, Cost-Usd: 0.3750", "Cost-Usd: 0.5000"]
    inspected = two.run("inspect", "a").out
    assert "1,000 tokens, 0.2500 USD" in inspected
    assert "234 tokens, 0.1250 USD" in inspected
    assert [try_["cost"] for try_ in two.run("inspect", "a", "--json").json["data"]["attempts"]] == [0.25, 0.125]
    assert [line.split("  ")[5].strip() for line in two.run("log", "--limit", "2").out.splitlines()] == [
        "0.5000 USD",
        "0.3750 USD",
    ]
    assert two.run("status").out.splitlines()[-1].endswith("; spent: 0.8750 USD")
    assert two.run("diff", "1..HEAD").out.splitlines()[-1] == "cost: 0.8750 USD"
    data = two.run("run", "--json").json["data"]
    assert (data["cost"], data["landed"]) == (0.875, [])


def test_a_dry_run_estimates_from_what_this_projects_own_attempts_have_cost(two: Repo) -> None:
    two.config(COSTLY)
    assert "cost" not in two.run("run", "--dry-run").out
    two.run("run", "--until", "IMPLEMENTING")
    two.task("a: do a", "b: do b (after: a)", "c: do c", "d: do d (after: c)")
    for task in "cd":
        two.spec(task, f"{task}.txt")
    said = two.run("run", "--dry-run", "--budget", "1.5").out
    assert "  may cost 0.8750 USD: 2 tasks at 0.4375 USD, the mean of the 2 so far" in said
    assert "  over budget: 0.8750 of 1.5000 USD are spent" in said
    data = two.run("run", "--dry-run", "--json").json["data"]["estimate"]
    assert data == {"tasks": 2, "each": 0.4375, "known": 2, "cost": 0.875, "spent": 0.875, "budget": 0.0}


def test_nothing_is_dispatched_after_the_cap(two: Repo) -> None:
    two.config(COSTLY, more="[limits]\nbudget = 0.3")
    said = two.run("run", code=3)
    assert said.err.count("started") == 3  # two attempts, and that nothing more is
    assert "0.2500 of 0.3000 USD of the budget are spent" in said.err
    assert two.landed() == ["a"]  # what had finished is taken in all the same
    assert two.run("status").out.splitlines()[-1].endswith("; spent: 0.3750 of 0.3000 USD")
    again = two.run("run", code=3)
    assert "started b" not in again.err
    two.run("run", "--budget", "1")
    assert two.landed() == ["a", "b"]


def test_what_a_dead_letter_has_cost_is_said_too(two: Repo) -> None:
    two.config('[[attempt]]\nexit = "failed"\nusd = 0.1\n', more="[limits]\nattempts = 1")
    two.run("run", code=1)
    assert two.git("log", "--grep=^Dead-Letter: a", "--format=%(trailers:key=Cost-Usd,valueonly)").strip() == "0.1000"


@pytest.mark.parametrize(
    ("limits", "whole", "task", "scope", "passing"),
    [
        (Limits(), Sum(1 << 40), Sum(), None, False),
        (Limits(workflow=100), Sum(50, 40), Sum(), None, False),
        (Limits(workflow=100), Sum(50, 41), Sum(), Scope.WORKFLOW, True),
        (Limits(workflow=100), Sum(91, 0), Sum(), Scope.WORKFLOW, False),
        (Limits(workflow=100, reserve=1), Sum(90, 0), Sum(), Scope.WORKFLOW, False),
        (Limits(task=20), Sum(1 << 40), Sum(10, 0), None, False),
        (Limits(task=20), Sum(), Sum(10, 1), Scope.TASK, True),
        (Limits(task=20), Sum(), Sum(11, 0), Scope.TASK, False),
        (Limits(workflow=100, task=20), Sum(95), Sum(10, 1), Scope.WORKFLOW, False),
        (Limits(call=9), Sum(), Sum(), Scope.CALL, False),
    ],
)
def test_what_a_call_of_ten_does_not_fit_in(
    limits: Limits,
    whole: Sum,
    task: Sum,
    scope: Scope | None,
    passing: bool,  # noqa: FBT001 - a parameter of the case
) -> None:
    found = refusal(limits, whole, task, 10)
    assert (found and found.scope, bool(found and found.passing)) == (scope, passing)


def test_a_closing_call_may_use_the_reserve() -> None:
    limits = Limits(workflow=100, reserve=30)
    assert isinstance(refusal(limits, Sum(80), Sum(), 10), Refusal)
    assert refusal(limits, Sum(80), Sum(), 10, closing=True) is None


def test_tokens_and_amounts_come_back_from_their_words() -> None:
    usage = Usage(1, 20, 300, 4000, 50000)
    assert tokens_said(usage) == "1 in, 20 cached, 300 kept, 4000 out, 50000 thinking"
    assert tokens_read(tokens_said(usage)) == usage
    assert (tokens_said(Usage()), tokens_read("1e9 in, many out")) == ("", Usage())
    assert (micros_read("0.012345"), micros_read("1.5000"), micros_read("nan"), micros_read("-1.0000")) == (
        12_345,
        1_500_000,
        0,
        0,
    )


def test_amounts_as_people_read_them() -> None:
    assert (usd(1_234_567), usd(0)) == ("1.2346", "0.0000")
    assert tokens_at_most(10) == 1_005
