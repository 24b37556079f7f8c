"""The state machine: what the program is asked, what its person does, and when it is killed, in any order."""

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import hand
import script
from ending import finish
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from injection import KILL_AFTER, KILL_BEFORE, Hit
from laws import Kind
from sight import see
from story import story
from terminal import Warm
from world import RUN, World

tasks = st.sampled_from(script.TASKS)
documents = st.sampled_from(["TODO.md", "workflow-state.md", "specs/a.md", "specs/c.md", "specs/a.result.md"])
code = st.sampled_from(["src/a.txt", "src/b.txt", "src/c.txt", "src/shared.txt", "README.md"])
fresh = st.sampled_from(["src/e/note.txt", "notes.txt", "a b.txt"])
branches = st.sampled_from(["main", "side"])
number = st.integers(0, 9)
_DAY = 86_400.0
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


class Undertaking(RuleBasedStateMachine):
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
            Undertaking.steps += len(self.world.log)
            shutil.rmtree(self.place)

    # What the program is asked

    @rule(task=tasks, manner=st.sampled_from(list(script.MANNERS)))
    def runs_with_an_agent_that(self, task: str, manner: str) -> None:
        self.world.manners[task] = manner
        self.runs(twice=True)

    @rule(twice=st.booleans())
    def runs(self, twice: bool) -> None:  # noqa: FBT001 - a rule's arguments are named
        first, _ = self.world.runs()
        if twice and first in {0, 1, 3}:
            before = see(self.world.repo)
            again, data = self.world.runs()
            after = see(self.world.repo)
            assert again == first, data
            assert (before.refs, before.files, before.index) == (after.refs, after.files, after.index), self.world.log

    @rule(number=st.sampled_from([signal.SIGINT, signal.SIGTERM]), after=st.sampled_from([0.05, 0.15, 0.3]))
    def runs_until_asked_to_stop(self, number: int, after: float) -> None:
        self.world.manners |= dict.fromkeys("ac", "takes its time")
        self.world.runs(stop=(number, after))

    @rule(what=st.sampled_from(_MEANWHILE), seconds=st.sampled_from([0.05, 0.15, 0.25]))
    def runs_while_a_person(self, what: str, seconds: float) -> None:
        self.world.manners |= dict.fromkeys("ac", "takes its time")
        self.world.runs_while(seconds, lambda: self._meanwhile(what))

    def _meanwhile(self, what: str) -> dict[str, bytes]:
        """Do what an agent never does at the same file; return what the file holds then."""
        repo = self.world.repo
        path = what.rpartition(" ")[2]
        text = b"meanwhile %d\n" % len(self.world.log)
        if what.startswith("adds to"):
            file = repo.root / path
            if not file.exists():
                return {}
            text = file.read_bytes() + text
        repo.write(path, text)
        if what.startswith("commits"):
            # As a person does whose git says that another one is at work.
            while not repo.tries("add", "--", path) or not repo.tries("commit", "-q", "-m", "meanwhile", "--", path):
                time.sleep(0.02)
        return {path: text}

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

    @rule(number=number)
    def restores(self, number: int) -> None:
        self.world.leads("restore", str(number))

    @rule(task=tasks, verb=st.sampled_from(["retry", "drop"]), more=st.booleans())
    def decides_about_a_dead_letter(self, task: str, verb: str, more: bool) -> None:  # noqa: FBT001 - see above
        self.world.leads("dlq", verb, task, *(["--with-dependents"] if more and verb == "drop" else []))

    # What the person does

    @rule(kind=st.sampled_from(list(hand.TODO)), task=tasks)
    def in_the_plan_a_person(self, kind: str, task: str) -> None:
        self.world.edits("TODO.md", lambda text: hand.TODO[kind](text, task))

    @rule(kind=st.sampled_from(list(hand.STATE)), task=tasks)
    def in_the_state_a_person(self, kind: str, task: str) -> None:
        self.world.edits("workflow-state.md", lambda text: hand.STATE[kind](text, task))

    @rule(kind=st.sampled_from(list(hand.SPEC)), task=tasks)
    def in_a_spec_a_person(self, kind: str, task: str) -> None:
        self.world.edits(f"specs/{task}.md", lambda text: hand.SPEC[kind](text, task))

    @rule(path=st.one_of(documents, code))
    def a_person_deletes(self, path: str) -> None:
        self.world.acts(lambda: (self.world.repo.root / path).unlink(missing_ok=True))

    @rule(path=st.one_of(code, fresh), staged=st.booleans(), number=number)
    def a_person_writes(self, path: str, staged: bool, number: int) -> None:  # noqa: FBT001 - see above
        def act() -> None:
            self.world.repo.write(path, f"mine {number}\n")
            if staged:
                self.world.repo.tries("add", "--", path)

        self.world.acts(act)

    @rule(everything=st.booleans())
    def a_person_commits(self, everything: bool) -> None:  # noqa: FBT001 - see above
        self.world.acts(lambda: self._commit(["-A"] if everything else ["src", "README.md"]))

    def _commit(self, what: list[str]) -> None:
        self.world.repo.tries("add", *what)
        self.world.repo.tries("commit", "-q", "-m", "mine")

    @rule(back=st.booleans())
    def a_person_stashes(self, back: bool) -> None:  # noqa: FBT001 - see above
        self.world.acts(lambda: self.world.repo.tries("stash", *(["pop", "-q"] if back else ["push", "-q", "-u"])))

    @rule(branch=branches)
    def a_person_switches(self, branch: str) -> None:
        def act() -> None:
            if not self.world.repo.tries("switch", "-q", branch):
                self.world.repo.tries("switch", "-q", "-c", branch)

        self.world.acts(act)

    @rule(branch=branches)
    def a_person_merges(self, branch: str) -> None:
        def act() -> None:
            if not self.world.repo.tries("merge", "-q", "--no-edit", branch):
                self.world.repo.tries("merge", "--abort")

        self.world.acts(act)

    @rule(number=number)
    def a_person_reverts(self, number: int) -> None:
        def act() -> None:
            if not self.world.repo.tries("revert", "--no-edit", f"HEAD~{number}"):
                self.world.repo.tries("revert", "--abort")

        self.world.acts(act)

    @rule(seconds=st.sampled_from([0.0, 60.0, -60.0, 3600.0, -3600.0, 400 * _DAY, -400 * _DAY]))
    def the_clock_is_set_off_by(self, seconds: float) -> None:
        self.world.repo.skew = seconds
