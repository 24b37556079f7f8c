"""The state machine: what the program is asked and when it is killed, in any order, between acts of its person."""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import ClassVar

import hand
import script
from ending import finish
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from injection import KILL_AFTER, KILL_BEFORE, Hit
from person import Person, numbers, tasks
from step import Kind
from story import story
from terminal import Warm
from world import RUN, World

_READS = (
    ("status",), ("status", "--json"), ("brief",), ("log",), ("log", "--json"), ("inspect", "a"), ("diff", "1..2"),
    ("dlq", "list"), ("dlq", "show", "a"), ("task", "list"), ("task", "next"), ("spec", "lint"), ("spec", "show", "b"),
    ("doctor",), ("doctor", "--json"), ("run", "--dry-run"), ("config", "show"), ("restore", "1", "--dry-run"),
    ("hook", "session-start"), ("hook", "stop"),
)  # fmt: skip
_MEANWHILE = ("writes README.md", "writes notes.txt", "commits notes.txt", "adds to specs/e.md", "adds to specs/c.md")
_CALLS = (
    (Kind.LEADS, ("checkpoint", "-m", "here we are")), (Kind.LEADS, ("checkpoint", "-m", "Task: f / \\ ../")),
    (Kind.LEADS, ("doctor", "--fix")), (Kind.LEADS, ("doctor", "--rebuild")), (Kind.FORKS, ("fork", "1", "try/1")),
    (Kind.FORKS, ("fork", "2", "try/1")),
)  # fmt: skip
_KILLED = (
    (Kind.LEADS, RUN), (Kind.LEADS, RUN), (Kind.LEADS, RUN), (Kind.LEADS, ("checkpoint", "-m", "by hand")),
    (Kind.LEADS, ("restore", "1")), (Kind.LEADS, ("drop", "c")), (Kind.LEADS, ("retry", "a")),
    (Kind.LEADS, ("task", "done", "a")), (Kind.LEADS, ("doctor", "--rebuild")), (Kind.LEADS, ("doctor", "--fix")),
    (Kind.AUTHORS, ("task", "add", "e", "more")), (Kind.AUTHORS, ("spec", "new", "e", "--file", "src/e.txt")),
    (Kind.CLAIMS, ("task", "next", "--claim", "--as", "ann")),
)  # fmt: skip


class Undertaking(Person):
    """One repository, from its first commit to the end of its plan. `warm` and `library` are set by the tests."""

    warm: ClassVar[Warm]
    library: ClassVar[Path | None] = None
    folder: ClassVar[Path]
    steps: ClassVar[int] = 0

    @initialize(
        every=st.sampled_from(["task", "auto", "phase", "session"]),
        keep=st.sampled_from([20, 1]),
        jobs=st.integers(1, 3),
    )
    def begins(self, every: str, keep: int, jobs: int) -> None:
        self.place = Path(tempfile.mkdtemp(dir=self.folder))
        self.world = World.made(self.place / "repo", self.warm, self.library, every=every, keep=keep, jobs=jobs)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            finish(self.world)
        finally:
            for line in self.world.log:
                note(line)
            Undertaking.steps += self.world.steps
            shutil.rmtree(self.place)

    @rule(task=tasks, manner=st.sampled_from(list(script.MANNERS)))
    def runs_with_an_agent_that(self, task: str, manner: str) -> None:
        self.world.manners[task] = manner
        self.runs(twice=True)

    @rule(twice=st.booleans())
    def runs(self, twice: bool) -> None:  # noqa: FBT001 - a rule's arguments are named
        code, _ = self.world.runs()
        if twice and code in {0, 1, 3}:
            self.world.runs_again(code)

    @rule(number=st.sampled_from([signal.SIGINT, signal.SIGTERM]), after=st.sampled_from([0.05, 0.15, 0.3]))
    def runs_until_asked_to_stop(self, number: int, after: float) -> None:
        self.world.manners |= dict.fromkeys("ac", "takes its time")
        self.world.runs(stop=(number, after))

    @rule(what=st.sampled_from(_MEANWHILE), seconds=st.sampled_from([0.05, 0.15, 0.25]))
    def runs_while_a_person(self, what: str, seconds: float) -> None:
        self.world.manners |= dict.fromkeys("ac", "takes its time")
        self.world.runs_while(seconds, lambda: self.meanwhile(what))

    @precondition(lambda self: self.library is not None)
    @rule(what=st.sampled_from(_KILLED), at=st.integers(1, 400), mode=st.sampled_from([KILL_BEFORE, KILL_AFTER]))
    def is_killed(self, what: tuple[Kind, tuple[str, ...]], at: int, mode: int) -> None:
        kind, argv = what
        self.world.is_killed(kind, Hit(at, mode), *argv)

    @rule(what=st.sampled_from(_READS))
    def reads(self, what: tuple[str, ...]) -> None:
        said = self.world.reads(*what)
        if what == ("status", "--json") and said.code == 0 and said.json["data"]["total"]:
            data, text = said.json["data"], self.world.repo.git("show", "HEAD:TODO.md")
            assert data["done"] == len(set(hand.tasks(text)) & story(self.world.repo).landed.keys()), data

    @rule(task=tasks, after=st.sampled_from(["", "a", "d"]), phase=st.sampled_from(["", "testing"]))
    def adds_a_task(self, task: str, after: str, phase: str) -> None:
        more = [*(["--after", after] if after else []), *(["--phase", phase] if phase else [])]
        self.world.calls(Kind.AUTHORS, "task", "add", task, f"do {task}", *more)

    @rule(task=tasks)
    def writes_a_spec(self, task: str) -> None:
        self.world.calls(Kind.AUTHORS, "spec", "new", task, "--file", f"src/{task}.txt")
        self.world.edits(f"specs/{task}.md", lambda text: text.replace("**Draft**", "**Was a draft**"))

    @rule(what=st.sampled_from([("next", "--claim", "--as", "ann"), ("release", "a"), ("release", "c")]))
    def takes_a_task_or_gives_it_back(self, what: tuple[str, ...]) -> None:
        self.world.calls(Kind.CLAIMS, "task", *what)

    @rule(task=tasks, work=st.sampled_from(["", "by hand\n", "wrong\n"]))
    def does_a_task(self, task: str, work: str) -> None:
        if work:
            self.world.acts(lambda: self.world.repo.write(f"src/{task}.txt", work))
        self.world.leads("task", "done", task, *([] if work else ["--unchanged"]))

    @rule(what=st.sampled_from(_CALLS))
    def calls(self, what: tuple[Kind, tuple[str, ...]]) -> None:
        kind, argv = what
        self.world.calls(kind, *argv)

    @rule(number=numbers)
    def restores(self, number: int) -> None:
        self.world.leads("restore", str(number))

    @rule(task=tasks, verb=st.sampled_from(["retry", "drop"]), more=st.booleans())
    def decides_about_a_dead_letter(self, task: str, verb: str, more: bool) -> None:  # noqa: FBT001 - see above
        self.world.leads("dlq", verb, task, *(["--with-dependents"] if more and verb == "drop" else []))
