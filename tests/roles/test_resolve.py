"""Conflicts merged by a model, through `orchestrator run`: what it merges is verified as any work, what it cannot is a person's."""

import json
from typing import Any

import pytest
from harness import Repo

from orchestrator.testing import FakeAPI, Request
from roles.judges import RESOLVE, UNSURE, at, calls, configured, merged, script

LINES = [f"line {n}\n" for n in range(12)]
BOTH = merged("a and b\n")
# b is at work until a has landed, so that it finds the branch moved under it.
WORK = """
[[attempt]]
task = "a"
write = {{"x.txt" = {a}, "only-a.txt" = "a\\n"}}
[[attempt]]
task = "b"
attempt = 1
sleep = 2
write = {{"x.txt" = {b}, "only-b.txt" = "b\\n"}}
[[attempt]]
task = "b"
write = {{"only-b.txt" = "second\\n"}}
"""


def with_line(number: int, text: str) -> str:
    return "".join([*LINES[:number], text, *LINES[number + 1 :]])


@pytest.fixture
def torn(repo: Repo) -> Repo:
    repo.write("x.txt", "".join(LINES))
    repo.spec("a", "x.txt (shared)", "only-a.txt", goal="Line 5 says a.")
    repo.spec("b", "x.txt (shared)", "only-b.txt", goal="Line 5 says b.")
    repo.task("a: do a", "b: do b")
    return repo


def begin(repo: Repo, *, verify: str = "", a: str = "a\n", b: str = "b\n", more: str = "") -> None:
    work = WORK.format(a=json.dumps(with_line(5, a)), b=json.dumps(with_line(5, b)))
    configured(repo, work, verify=verify, reviewer="", resolver="judge", more=more)
    repo.commit("a project")


def test_what_the_resolver_merges_lands_without_a_second_attempt(torn: Repo) -> None:
    begin(torn, verify="! grep -q '<<<' x.txt")
    with FakeAPI(script(resolve=BOTH)) as fake:
        said = torn.run("run", env=at(fake))
        (asked,) = calls(fake, RESOLVE)
    assert torn.read("x.txt") == with_line(5, "a and b\n")
    assert torn.read("only-b.txt") == "b\n"
    assert torn.landed() == ["a", "b"]
    body = torn.git("log", "-1", "--format=%B", "--grep=^Task: b")
    assert "Resolved-by: claude-opus-5-5" in body
    assert "Attempt: 1" in body
    assert "merging b/1 with the branch: merged: Both go together." in said.err
    content = asked.body["messages"][0]["content"]
    assert "Line 5 says b." in content
    assert "Its spec's goal: Line 5 says a." in content
    assert "Base:\n\n```text\nline 5\n```\n\nOurs:\n\n```text\na\n```\n\nTheirs:\n\n```text\nb\n```" in content
    merged_work = torn.git("log", "-1", "--format=%B", "refs/orchestrator/attempts/b/1")
    before = merged_work.partition("Resolves: 1 ")[2].split()[0]
    assert torn.git("show", f"{before}:x.txt") + "\n" == with_line(5, "b\n")
    torn.git("merge-base", "--is-ancestor", before, "refs/orchestrator/attempts/b/1")


def test_a_merge_that_fails_verify_is_asked_for_once_more_with_what_failed(torn: Repo) -> None:
    def says(request: Request) -> Any:
        return BOTH if "ONLY HALF OF IT" in request.newest else merged("b\n")

    begin(
        torn,
        verify="grep -q b only-b.txt 2>/dev/null && ! grep -q 'a and b' x.txt && echo ONLY HALF OF IT && exit 1; true",
    )
    with FakeAPI(script(resolve=says)) as fake:
        torn.run("run", env=at(fake))
        assert len(calls(fake, RESOLVE)) == 2
    assert torn.read("x.txt") == with_line(5, "a and b\n")
    assert "| 2 |" not in torn.read("specs/b.result.md")


ASK_A_PERSON = {
    "unsure": (UNSURE, "the resolver is unsure: One wants 1, the other 2: which is right?", 1),
    "twice red": (merged("b\n"), "what the resolver merged fails verify, 2 times", 2),
    "markers": (merged("<<<<<<< ours\n"), "the resolver gave no answer", 2),
    "a region less": (merged(), "the resolver gave no answer", 2),
    "a region more": (merged("x\n", "y\n"), "the resolver gave no answer", 2),
    "a hidden sign": (merged("x\u202e\n"), "the resolver gave no answer", 2),
    "one field more": ({**BOTH, "path": "/etc/passwd"}, "the resolver gave no answer", 2),
}


@pytest.mark.parametrize("what", ASK_A_PERSON)
def test_a_conflict_that_cannot_be_merged_waits_for_a_person(torn: Repo, what: str) -> None:
    answer, why, times = ASK_A_PERSON[what]
    begin(torn, verify="[ ! -e only-b.txt ] || grep -q 'a and b' x.txt")
    with FakeAPI(script(resolve=lambda _request: answer)) as fake:
        said = torn.run("run", code=3, env=at(fake))
        assert len(calls(fake, RESOLVE)) == times
        assert torn.run("run", code=3, env=at(fake)).code == 3
        assert len(calls(fake, RESOLVE)) == times
    assert torn.landed() == ["a"]
    assert "orchestrator dlq show b" in said.out + said.err
    assert "waits for your decision: b" in torn.run("status").out
    letter = torn.run("dlq", "show", "b").out
    assert why in letter
    assert "orchestrator retry b" in letter
    assert torn.read("x.txt") == with_line(5, "a\n")


def test_a_person_goes_on_with_a_fresh_attempt_or_by_hand(torn: Repo) -> None:
    begin(torn)
    with FakeAPI(script(resolve=UNSURE)) as fake:
        torn.run("run", code=3, env=at(fake))
        torn.run("retry", "b")
        torn.run("run", env=at(fake))
    assert torn.landed() == ["a", "b"]
    assert torn.read("only-b.txt") == "second\n"


@pytest.mark.parametrize("what", ["no text", "lines are not to be merged"])
def test_what_is_no_text_is_a_fresh_attempts_as_without_a_resolver(torn: Repo, what: str) -> None:
    end = "\x00\n" if what == "no text" else "\n"
    torn.write(".gitattributes", "" if what == "no text" else "x.txt -merge\n")
    begin(torn, a=f"a{end}", b=f"b{end}")
    with FakeAPI(script(resolve=BOTH)) as fake:
        torn.run("run", env=at(fake))
        assert calls(fake, RESOLVE) == []
    assert torn.landed() == ["a", "b"]
    assert torn.read("only-b.txt") == "second\n"


def test_line_ends_and_several_regions_are_put_together_as_they_were(torn: Repo) -> None:
    lines = [f"line {n}\r\n" for n in range(30)]
    torn.write("x.txt", "".join(lines))

    def changed(sign: str) -> str:
        return "".join(f"{sign}{n}\r\n" if n in {5, 25} else line for n, line in enumerate(lines))

    work = WORK.format(a=json.dumps(changed("a")), b=json.dumps(changed("b")))
    configured(torn, work, reviewer="", resolver="judge")
    torn.commit("a project")
    with FakeAPI(script(resolve=merged("both\n", ""))) as fake:
        torn.run("run", env=at(fake))
    expected = "".join("both\r\n" if n == 5 else line for n, line in enumerate(lines) if n != 25)
    assert (torn.root / "x.txt").read_bytes() == expected.encode()
