"""What is allowed, and when a checkpoint is due."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import policy
from orchestrator.policy import GITLINK, GONE, SYMLINK, Moment, Touched, checkpoint_due

FILE = "100644"


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("a.py", "a.py", True),
        ("a.py", "b/a.py", False),
        ("src/", "src/a/b.py", True),
        ("src/", "src", False),
        ("src/", "srcs/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/b/a.py", False),
        ("src/**/a.py", "src/a.py", True),
        ("src/**/a.py", "src/x/y/a.py", True),
        ("**/a.py", "a.py", True),
        ("src/**", "src/x/y", True),
        ("src/?.py", "src/ab.py", False),
        ("src/[ab].py", "src/b.py", True),
        ("src/[!ab].py", "src/b.py", False),
        ("a.py", "aXpy", False),
        ("src/(x|y).py", "src/x.py", False),
    ],
)
def test_patterns(pattern: str, path: str, covered: bool) -> None:  # noqa: FBT001
    assert policy.covers([pattern], path) is covered


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("*a" * 30 + "*b", "a" * 255, False),
        ("*a" * 30 + "*b", "a" * 254 + "b", True),
        ("**/a*/" * 30 + "b", "a/" * 200 + "c", False),
        ("**/a*/" * 30 + "b", "a/" * 200 + "b", True),
        ("**/" * 100 + "b", "a/" * 200 + "c", False),
        ("*[!b]" * 60 + "c", "a" * 255, False),
    ],
)
def test_a_pattern_of_many_stars_is_answered_at_all(pattern: str, path: str, covered: bool) -> None:  # noqa: FBT001
    assert policy.covers([pattern], path) is covered


def test_a_name_with_a_line_end_is_covered_and_protected_like_any_other() -> None:
    assert policy.covers(["src/", "docs/**/x"], "src/a\nb")
    assert policy.covers(["docs/**/x"], "docs/a\nb/x")
    assert policy.protected(".github/a\nb")


def test_very_deep_paths_may_meet() -> None:
    deep = "a/" * 3_000
    assert policy.may_meet(f"{deep}b", f"{deep}b")
    assert not policy.may_meet(f"{deep}b", f"{deep}c")
    assert policy.may_meet(f"{deep}b", "**/" * 20 + "b")


NAMES = st.text("ab", min_size=1, max_size=2)
PARTS = st.sampled_from(["a", "b", "ab", "*", "a*", "?b", "**"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(PATTERNS, PATTERNS, PATHS)
def test_patterns_that_share_a_path_may_meet(one: str, other: str, path: str) -> None:
    if policy.covers([one], path) and policy.covers([other], path):
        assert policy.may_meet(one, other)


def test_patterns_that_cannot_share_a_path_do_not_meet() -> None:
    assert not policy.may_meet("src/a.py", "src/b.py")
    assert not policy.may_meet("src/", "docs/**")
    assert not policy.may_meet("src/*.py", "src/x/*.py")
    assert policy.may_meet("SRC/a.py", "src/A.py"), "not every disk minds case"


def why(touched: Touched, *patterns: str, allowed: tuple[str, ...] = (), existing: tuple[str, ...] = ()) -> str:
    found = policy.violations([touched], patterns, allowed, existing)
    return found[0].why if found else ""


def test_violations() -> None:
    assert why(Touched("a", FILE, FILE), "a") == ""
    assert why(Touched("b", FILE, FILE), "a") == "outside the spec's files"
    assert why(Touched("b", FILE, GONE), "a") == "outside the spec's files (deleted)"
    assert why(Touched("a", FILE, SYMLINK), "a").startswith("a symlink")
    assert why(Touched("a", FILE, SYMLINK), "a", allowed=("symlinks",)) == ""
    assert why(Touched("a", FILE, GITLINK), "a").startswith("a nested repository")
    assert why(Touched("A", GONE, FILE), "A", existing=("a",)) == "differs from a only by case"
    assert why(Touched("a/TODO.md", FILE, FILE), "a/") == ""
    assert why(Touched("TODO.md", FILE, FILE), "**") == "protected: the leader's state"


@pytest.mark.parametrize(
    "path",
    [
        "ToDo.MD",
        "specs/a.md",
        ".git",
        "a/.git/config",
        "A/.GIT/x",
        "x/.gitattributes",
        ".github/x",
        "d/CLAUDE.md",
        ".envrc",
    ],
)
def test_protected_whatever_the_spec_says(path: str) -> None:
    assert policy.protected(path)


@pytest.mark.parametrize(
    ("every", "moment", "reason"),
    [
        ("task", Moment(landed=True), "task landed"),
        ("task", Moment(), ""),
        ("phase", Moment(landed=True), ""),
        ("phase", Moment(landed=True, phase_ended=True), "phase boundary"),
        ("session", Moment(landed=True, phase_ended=True), ""),
        (20, Moment(landed=True, since_last=19), ""),
        (20, Moment(landed=True, since_last=20), "20 minutes"),
        # The seed's table: half an hour of work needs none but the last, a day wants every task.
        ("auto", Moment(landed=True, elapsed=10, remaining=15, since_last=25), ""),
        ("auto", Moment(landed=True, elapsed=60, remaining=30, since_last=29), ""),
        ("auto", Moment(landed=True, elapsed=60, remaining=30, since_last=30), "1.5 hours of work"),
        ("auto", Moment(landed=True, elapsed=100, remaining=140, since_last=20), "4.0 hours of work"),
        ("auto", Moment(landed=True, elapsed=200, remaining=400, since_last=0), "10.0 hours of work"),
        ("auto", Moment(risky_next=True), "before a risky step"),
        ("auto", Moment(delegating=True, elapsed=60), ""),
        ("auto", Moment(delegating=True, elapsed=180), "before delegation"),
    ],
)
def test_when_a_checkpoint_is_due(every: str | int, moment: Moment, reason: str) -> None:
    assert checkpoint_due(every, moment) == reason


@given(st.lists(st.sampled_from("*?[]!a/."), min_size=1, max_size=12).map("".join), PATHS)
def test_no_pattern_crashes_the_matcher(pattern: str, path: str) -> None:
    try:
        policy.covers([pattern], path)
    except re.error:  # pragma: no cover
        pytest.fail(f"{pattern!r} is no pattern to the matcher")
