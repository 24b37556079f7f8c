"""Reviews, through `orchestrator run`: nothing unreviewed lands, a rejection is the next attempt's input, no verdict is paid twice."""

import json

import pytest
from harness import Repo

from orchestrator.testing import FakeAPI, Fault, Request
from roles.judges import ACCEPT, REVIEW, at, calls, configured, reject, script

TWICE = '[[attempt]]\nattempt = 1\nwrite = {"a.txt" = "wrong\\n"}\n[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n'


@pytest.fixture
def one(repo: Repo) -> Repo:
    repo.write("a.txt", "old\n")
    repo.spec("a", "a.txt", goal="a.txt says right.")
    repo.task("a: do a")
    return repo


def judging(request: Request) -> object:
    return reject("It says wrong.", "a.txt", 1) if "+wrong" in request.newest else ACCEPT


def test_what_the_reviewer_rejects_is_sent_back_and_what_it_accepts_lands(one: Repo) -> None:
    configured(one, TWICE, verify="echo ALL GREEN")
    one.commit("a project")
    with FakeAPI(script(review=judging)) as fake:
        said = one.run("run", env=at(fake))
        asked = calls(fake, REVIEW)
    assert one.read("a.txt") == "right\n"
    assert one.landed() == ["a"]
    assert "Review: accept (claude-opus-5-5)" in one.git("log", "--format=%B", "--grep=^Task: a")
    rejected = one.git("log", "-1", "--format=%B", "refs/orchestrator/attempts/a/1")
    assert "Review: reject (claude-opus-5-5)" in rejected
    assert "Failure: deterministic" in rejected
    assert "a.txt:1: It says wrong." in (one.root / ".orchestrator/attempts/a/2/spec.md").read_text()
    assert "reviewed a/1: reject" in said.err
    assert len(asked) == 2
    first = asked[0].body["messages"][0]["content"]
    assert "a.txt says right." in json.dumps(first)
    assert "ALL GREEN" in json.dumps(first)
    assert "changed a.txt" in json.dumps(first)


def test_a_red_candidate_is_not_worth_a_review(one: Repo) -> None:
    configured(one, TWICE, verify="! grep -q wrong a.txt")
    one.commit("a project")
    with FakeAPI(script()) as fake:
        one.run("run", env=at(fake))
        assert len(calls(fake, REVIEW)) == 1
    assert one.read("a.txt") == "right\n"


@pytest.mark.parametrize(
    ("spec", "phases", "asked"),
    [
        ("", "", 1),
        ("\n**Review**: no\n", "", 0),
        ("", 'review.phases = ["testing"]', 0),
        ("\n**Review**: yes\n", 'review.phases = ["testing"]', 1),
        ("", 'review.phases = ["implementing"]', 1),
    ],
)
def test_who_is_reviewed_says_the_spec_then_the_configuration(one: Repo, spec: str, phases: str, asked: int) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.write("orchestrator.toml", f"{phases}\n{one.read('orchestrator.toml')}")
    one.spec("a", "a.txt", more=spec)
    one.commit("a project")
    with FakeAPI(script()) as fake:
        one.run("run", env=at(fake))
        assert len(calls(fake, REVIEW)) == asked
    trailer = one.git("log", "--format=%(trailers:key=Review,valueonly)", "--grep=^Task: a").strip()
    assert trailer == ("accept (claude-opus-5-5)" if asked else "")


WRONG = {
    "no model": (
        '[roles]\nreviewer = "scripted"',
        "roles.reviewer names 'scripted', which is no agent of kind anthropic",
    ),
    "nobody": ('[roles]\nresolver = "nobody"', "roles.resolver names 'nobody'"),
    "no phase": ('review.phases = ["polishing"]', "review.phases: 'polishing' is no phase"),
    "no reviewer": ("", "specs/a.md:1: the spec wants a review, and nobody is the reviewer"),
}


@pytest.mark.parametrize("what", WRONG)
def test_roles_that_cannot_be_filled_are_refused_before_anything_is_spent(one: Repo, what: str) -> None:
    more, said = WRONG[what]
    one.spec("a", "a.txt", more="\n**Review**: yes\n")
    one.config('[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.write("orchestrator.toml", f"{more}\n{one.read('orchestrator.toml')}")
    one.commit("a project")
    assert said in one.run("run", code=5).err
    assert one.landed() == []


def test_a_batch_is_reviewed_at_once_and_the_good_ones_of_it_land(repo: Repo) -> None:
    names = [f"t{number}" for number in range(4)]
    repo.write("z.txt", "old\n")
    for name in names:
        repo.spec(name, f"{name}.txt")
    repo.spec("z", "z.txt", more="\n**Review**: no\n")
    repo.task("z: do z", *(f"{name}: do {name}" for name in names))
    configured(
        repo,
        '[[attempt]]\ntask = "z"\nwrite = {"z.txt" = "z"}\n'
        '[[attempt]]\ntask = "t1"\nattempt = 1\nsleep = 0.3\nwrite = {"t1.txt" = "wrong\\n"}\n'
        + "".join(
            f'[[attempt]]\ntask = "{name}"\nsleep = 0.3\nwrite = {{"{name}.txt" = "right {name}\\n"}}\n'
            for name in names
        ),
        verify="sleep 1",
        more="[limits]\njobs = 5\n",
    )
    repo.commit("a project")
    with FakeAPI(script(review=judging)) as fake:
        repo.run("run", env=at(fake))
        assert len(calls(fake, REVIEW)) == 5
    assert sorted(repo.landed()) == [*names, "z"]
    assert repo.read("t1.txt") == "right t1\n"


def test_a_passing_fault_lets_the_work_wait_and_nothing_lands_unreviewed(one: Repo) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n', more="[limits]\nbackoff = 0.05\n")
    one.commit("a project")
    with FakeAPI(script()) as fake:
        fake.fail(Fault.OVERLOADED, times=2)
        one.run("run", env=at(fake))
    assert one.landed() == ["a"]
    assert "| 2 |" not in one.read("specs/a.result.md")


def test_without_a_right_to_ask_the_run_ends_and_the_work_waits(one: Repo) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.commit("a project")
    with FakeAPI(script()) as fake:
        said = one.run("run", code=4, env={**at(fake), "ANTHROPIC_API_KEY": "sk-ant-wrong"})
        assert "the reviewer cannot be asked: 401" in said.err
        assert one.landed() == []
        one.run("run", env=at(fake))
    assert one.landed() == ["a"]
    assert "| 2 |" not in one.read("specs/a.result.md")


MISFITS = {
    "another word": {**ACCEPT, "verdict": "accepted"},
    "one field more": {**ACCEPT, "land": True},
    "one field less": {"verdict": "accept"},
    "a path outside": reject("x", "../../etc/passwd", 1),
    "no finding": {**ACCEPT, "verdict": "reject"},
    "a line that is none": reject("x", "a.txt", -1),
    "a list": [ACCEPT],
}


@pytest.mark.parametrize("what", MISFITS)
def test_a_verdict_that_does_not_fit_is_asked_for_again_once_and_then_is_a_persons(one: Repo, what: str) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.commit("a project")
    with FakeAPI(script(review=lambda _request: MISFITS[what])) as fake:
        said = one.run("run", code=3, env=at(fake))
        assert len(calls(fake, REVIEW)) == 2
    assert one.landed() == []
    assert "orchestrator dlq show a" in said.err
    assert "the reviewer gave no verdict" in one.read("specs/a.result.md")
    assert "waits for your decision: a" in one.run("status").out


def test_a_verdict_that_fits_at_the_second_try_counts(one: Repo) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.commit("a project")
    with FakeAPI(script(review=lambda request: ACCEPT if "cannot be taken" in request.newest else {})) as fake:
        one.run("run", env=at(fake))
    assert one.landed() == ["a"]


def test_the_reviewer_sees_what_a_change_hides(one: Repo) -> None:
    one.write(".gitattributes", "*.txt -diff\n*.js linguist-generated\n")
    one.spec("a", "a.txt", ".hidden", "b.bin", "run.sh")
    one.write(
        "agent.sh",
        "printf 'a\\342\\200\\256b\\n' > a.txt; printf 'x\\000y' > b.bin; echo x > .hidden; echo x > run.sh; chmod +x run.sh",
    )
    configured(one, "")
    toml = one.read("orchestrator.toml").replace(
        'kind = "scripted"\nscript = ".agent.toml"', 'command = ["sh", "agent.sh"]'
    )
    one.write("orchestrator.toml", toml)
    one.commit("a project")
    with FakeAPI(script()) as fake:
        one.run("run", env=at(fake))
        content = calls(fake, REVIEW)[0].body["messages"][0]["content"]
    assert "+a<U+202E>b" in content
    assert "added .hidden (hidden: a name in its path begins with a dot)" in content
    assert "added b.bin (binary, not shown: 3 bytes)" in content
    assert "added run.sh (executable)" in content


def test_what_a_review_costs_stands_with_what_landed(one: Repo) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n')
    one.commit("a project")
    with FakeAPI(script()) as fake:
        one.run("run", env=at(fake))
    assert float(one.git("log", "--format=%(trailers:key=Cost-Usd,valueonly)", "--grep=^Task: a")) > 0


def test_over_the_budget_the_work_waits_and_lands_once_there_is_more(one: Repo) -> None:
    configured(one, '[[attempt]]\nwrite = {"a.txt" = "right\\n"}\n', more="[limits]\nbudget = 0.001\n")
    one.commit("a project")
    with FakeAPI(script()) as fake:
        one.run("run", code=3, env=at(fake))
        assert calls(fake, REVIEW) == []
        one.run("run", "--budget", "5", env=at(fake))
        assert len(calls(fake, REVIEW)) == 1
    assert one.landed() == ["a"]
    assert "| 2 |" not in one.read("specs/a.result.md")
