"""A budget is a check in code: over it nothing starts, a person is told how to go on, and a restart changes nothing."""

import pytest
from harness import Repo

from orchestrator.budget import MICROS, Limits, Refusal, Scope, Sum, refusal, tokens_at_most, usd
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


def test_amounts_as_people_read_them() -> None:
    assert (usd(1_234_567), usd(0)) == ("1.2346", "0.0000")
    assert tokens_at_most(10) == 1_005
