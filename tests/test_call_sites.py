"""Every fault of a model's API at every place where the program asks one, once and from then on.

Only what passes is tried again, as often and as long as is allowed; no wrong answer becomes a plan, a verdict, a merge or
a landing; the exit code and the last words say what to do; and once all is well the next call finishes, with nothing that
was done before lost. A few run always; all are one command:

    CALL_SITES=1 python -m pytest tests/test_call_sites.py -m slow -n auto
"""

import os
from collections import defaultdict
from collections.abc import Iterator

import pytest
from call_sites import AMPLE, DEADLINE, GOAL, RETRIES, SITES, Call, Site
from harness import Repo, Said
from hurried import Stable
from model_faults import BROKEN, CLASSES, SLOW, STOPS
from planned import OUTLINE_MARK

from orchestrator.failure import Failure
from orchestrator.testing import FakeAPI, Fault

_ALL = bool(os.environ.get("CALL_SITES"))
_PLANNER, _LANDING = {"outline", "specs"}, {"reviewer", "resolver"}
_BUSY = 5.0  # seconds that a machine may lose on the way when all of its cores are taken
_AGAIN = (RETRIES + 1) ** 2  # times that one question is put, where who asks waits and asks again
_CASES = [(site, fault, ever) for site in SITES for fault in Fault for ever in (False, True)]
_SAMPLE = [
    ("outline", Fault.RESET_MIDWAY, False),
    ("specs", Fault.HTML, True),
    ("worker", Fault.OVERLOADED, True),
    ("worker", Fault.UNPAID, True),
    ("reviewer", Fault.TRUNCATED, True),
    ("resolver", Fault.ERROR_MIDWAY, True),
]

Case = tuple[str, Fault, bool]


def named(case: Case) -> str:
    site, fault, ever = case
    return f"{site}-{fault.name}-{'ever' if ever else 'once'}"


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI() as made:
        yield made


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable]:
    made = Stable.open()
    yield made
    made.close()


@pytest.mark.parametrize("case", _SAMPLE, ids=named)
def test_a_few(case: Case, stable: Stable, repo: Repo, fake: FakeAPI) -> None:
    hold(case, stable, repo, fake)


@pytest.mark.skipif(not _ALL, reason="all faults at all places take half an hour: CALL_SITES=1 runs them")
@pytest.mark.slow
@pytest.mark.parametrize("case", _CASES, ids=named)
def test_all(case: Case, stable: Stable, repo: Repo, fake: FakeAPI, record_property: object) -> None:
    site = hold(case, stable, repo, fake)
    record_property("cases", 1)  # type: ignore[operator]
    record_property("calls", len(site.calls()))  # type: ignore[operator]


def hold(case: Case, stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """Let a case come to pass, and hold what came of it against what must."""
    name, fault, ever = case
    site = SITES[name](stable, repo, fake)
    fake.fail(fault, times=None if ever else 1, when=site.here, seconds=0.1)
    waits = ever and CLASSES.get(fault, (None,))[0] is Failure.QUOTA and name not in _PLANNER
    said = site.go(DEADLINE if fault in SLOW else AMPLE, site.here if waits else None)
    code = expected(*case)
    assert said.code == code, f"exit {said.code}, not {code}\n{said.out}\n{said.err}"
    full = name == "worker" and fault is Fault.PROMPT_TOO_LONG  # a fresh conversation is begun, a few times
    assert list(wrong_calls(name, site.calls(), DEADLINE if fault in SLOW else AMPLE, fresh=full)) == []
    if code:
        assert site.holds() == site.before
        assert_helpful(case, site, said)
        site.again()
    assert_finished(case, site)
    return site


def expected(name: str, fault: Fault, ever: bool) -> int:  # noqa: FBT001 - a case has it
    """Return the exit code of the first run."""
    failure = CLASSES[fault][0] if fault in CLASSES else None
    if failure is Failure.FATAL:
        return 4
    if failure is Failure.QUOTA:
        return 3 if name in _PLANNER else 130 if ever else 0
    if not ever and (failure is not Failure.DETERMINISTIC or name == "worker"):
        return 0
    return 3 if name in _LANDING and (failure is not Failure.TRANSIENT or fault in BROKEN) else 1


def wrong_calls(name: str, calls: list[Call], deadline: float, *, fresh: bool) -> Iterator[str]:
    """Say what of a run's calls should not have been made, or should have ended before.

    With `fresh` a question may be put again after it was refused as too long: another conversation came to it.
    """
    yield from (f"took {call.seconds} s" for call in calls if call.seconds > deadline + 1 + _BUSY)
    known: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        known[call.asked].append(call)
    most = RETRIES + 1 if name in _PLANNER else _AGAIN
    for same in known.values():
        ends = [call.ended for call in same]
        if not {*ends[:-1]} <= {"transient", "quota", *STOPS.values(), *(["deterministic"] if fresh else [])}:
            yield f"was sent again after {ends}"
        if sum(call.broken for call in same) > RETRIES + 1:
            yield f"was sent again after two that were no answers: {ends}"
        answered = 0 if fresh else sum(end in STOPS.values() for end in ends)
        if ends.count("transient") > most or answered > RETRIES + 1:
            yield f"was sent {len(ends)} times: {ends}"


def assert_helpful(case: Case, site: Site, said: Said) -> None:
    """Assert that the last words say what went wrong and what to do."""
    name, fault, _ever = case
    why = CLASSES[fault][1] if fault in CLASSES else ""
    if name == "worker" and fault is Fault.PROMPT_TOO_LONG:
        why = "it repeats the same calls"  # in conversation after conversation
    told = said.err
    if said.code == 130:
        assert "orchestrator run" in told
        return
    if "orchestrator dlq show" in told:
        told += site.call("dlq", "show", "b" if name == "resolver" else "t").out
    else:
        assert "hint: " in told
    assert why in told, told
    assert "Traceback" not in told


def assert_finished(case: Case, site: Site) -> None:
    """Assert that all is done as if nothing had gone wrong, and nothing was done twice that did not have to be."""
    name, fault, _ever = case
    passes = fault not in CLASSES or CLASSES[fault][0] in {Failure.TRANSIENT, Failure.QUOTA, Failure.FATAL}
    if name in _PLANNER:
        assert site.repo.git("log", "-1", "--format=%s") == f"plan: {GOAL}"
        first = [each for each in site.fake.requests if OUTLINE_MARK in str(each.body)]
        if name == "specs" and passes and fault not in STOPS:
            assert len(first) == 1
        return
    tasks = ["a", "b"] if name == "resolver" else ["t"]
    assert site.repo.landed() == tasks
    refs = site.repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/attempts").split()
    # A second attempt at b is made on what a has landed: there is nothing to merge then.
    assert site.holds() == ("b\n" if "b/2" in refs else site.after)
    if name in _LANDING and passes and fault not in BROKEN and fault not in STOPS:
        assert refs == [f"{task}/1" for task in tasks]
    site.repo.git("fsck", "--strict", "--no-dangling")
    assert site.repo.git("status", "--porcelain") == ""
