"""Each law sees what it is for: a program that breaks it is caught, a good one is not."""

from collections.abc import Callable

import pytest
from harness import Said
from step import Kind
from terminal import Terminal
from world import World

FINE = Said(0, "", "")
RUN = ("run",)


def commit(repo: Terminal, message: str, **files: str) -> None:
    for name, text in files.items():
        repo.write(name.replace("__", "/") + ".txt", text)
    repo.commit(message)


def ticked(repo: Terminal) -> None:
    repo.write("TODO.md", repo.read("TODO.md").replace("- [ ] c", "- [x] c"))
    repo.commit("a tick, and no trailer")


def started(task: str) -> Said:
    return Said(0, f'{{"at": "now", "event": "attempt.started", "task": "{task}", "attempt": 1}}\n', "")


LANDED = "Attempt: 1\nCheckpoint: 0001"
BAD: dict[str, tuple[Kind, tuple[str, ...], Callable[[Terminal], object]]] = {
    "says_what_is_wrong": (Kind.LEADS, RUN, lambda _: Said(70, "", "Traceback (most recent call last):")),
    "says_what_is_wrong: exit 2": (Kind.LEADS, RUN, lambda _: Said(2, "", "error: what?\nhint: none\n")),
    "says_what_is_wrong: no way out": (Kind.LEADS, RUN, lambda _: Said(5, "", "error: it cannot be done\n")),
    "touches_only_its_own: files": (Kind.READS, ("status",), lambda r: r.write("README.md", "read\n")),
    "touches_only_its_own: more": (Kind.AUTHORS, ("task", "add"), lambda r: r.write("README.md", "# A project\nx\n")),
    "touches_only_its_own: git": (Kind.CLAIMS, ("task", "next"), lambda r: r.git("branch", "other")),
    "touches_only_its_own: lines": (Kind.AUTHORS, ("task", "add"), lambda r: r.write("TODO.md", "# TODO\n")),
    "history_only_grows": (Kind.LEADS, RUN, lambda r: r.git("commit", "-q", "--amend", "--allow-empty", "-m", "gone")),
    "history_only_grows: refs/heads/side": (Kind.LEADS, RUN, lambda r: r.git("branch", "-D", "side")),
    "keeps_what_a_person_has_not_committed: mine.txt": (Kind.LEADS, RUN, lambda r: (r.root / "mine.txt").unlink()),
    "keeps_what_a_person_has_not_committed: src/a.txt is": (Kind.LEADS, RUN, lambda r: r.git("reset", "-q")),
    "keeps_what_a_person_has_not_committed: what stood": (Kind.LEADS, RUN, lambda r: r.write("TODO.md", "# Other\n")),
    "leaves_the_checkout_clean: new.txt": (Kind.LEADS, RUN, lambda r: r.write("new.txt", "left\n")),
    "leaves_the_checkout_clean: TODO.md was not": (Kind.LEADS, RUN, lambda _: None),
    "leaves_nothing_behind": (Kind.LEADS, RUN, lambda r: r.write(".git/refs/heads/main.lock", "")),
    "runs_nothing_again": (Kind.LEADS, RUN, lambda _: started("z")),
    "lands_once_and_in_order: done twice": (Kind.LEADS, RUN, lambda r: commit(r, "again\n\nTask: done")),
    "lands_once_and_in_order: checkpoint": (Kind.LEADS, RUN, lambda r: commit(r, "again\n\nCheckpoint: 0003")),
    "lands_once_and_in_order: a: do a is of": (
        Kind.LEADS,
        RUN,
        lambda r: commit(r, f"a: do a\n\nTask: a\nTask: b\n{LANDED}"),
    ),
    "lands_only_what_may: a: do a: outside": (
        Kind.LEADS,
        RUN,
        lambda r: commit(r, f"a: do a\n\nTask: a\n{LANDED}", other="x\n"),
    ),
    "lands_only_what_may: a: do a: a red": (
        Kind.LEADS,
        RUN,
        lambda r: commit(r, f"a: do a\n\nTask: a\n{LANDED}", src__a="wrong\n"),
    ),
    "ticks_what_has_landed": (Kind.LEADS, RUN, ticked),
}


@pytest.fixture
def troubled(world: World) -> World:
    """A world with something in it to lose."""
    repo = world.repo
    repo.git("branch", "side")
    commit(repo, "by hand\n\nTask: done")
    repo.git("update-ref", "refs/orchestrator/attempts/z/1", "HEAD")

    def act() -> None:
        repo.write("mine.txt", "mine\n")
        repo.write("src/a.txt", "staged\n")
        repo.git("add", "src/a.txt")
        repo.write("TODO.md", repo.read("TODO.md") + "\nMine.\n")

    world.acts(act)
    return world


@pytest.mark.parametrize("law", BAD)
def test_a_program_that_breaks_a_law_is_caught(troubled: World, law: str) -> None:
    kind, argv, breach = BAD[law]

    def call() -> Said:
        said = breach(troubled.repo)
        return said if isinstance(said, Said) else FINE

    with pytest.raises(AssertionError) as caught:
        troubled.held(kind, argv, call)
    assert any(line.startswith(law) for line in str(caught.value).split("\n")), caught.value


def test_a_program_that_keeps_all_of_them_is_not(troubled: World) -> None:
    assert troubled.runs()[0] == 5
    assert troubled.reads("status").code == 0
    troubled.acts(lambda: troubled.repo.commit("mine"))
    assert troubled.runs()[0] == 0
    troubled.runs_again(0)
