"""The person of the state machine: what they do between two calls, and during one."""

import time

import hand
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from script import TASKS
from world import World

tasks = st.sampled_from(TASKS)
numbers = st.integers(0, 9)
_documents = st.sampled_from(["TODO.md", "workflow-state.md", "specs/a.md", "specs/c.md", "specs/a.result.md"])
_code = st.sampled_from(["src/a.txt", "src/b.txt", "src/c.txt", "src/shared.txt", "README.md"])
_fresh = st.sampled_from(["src/e/note.txt", "notes.txt", "a b.txt"])
_branches = st.sampled_from(["main", "side"])
_DAY = 86_400.0


class Person(RuleBasedStateMachine):
    """Somebody with an editor, a git of their own, and a clock that may be set off."""

    world: World

    @rule(kind=st.sampled_from(list(hand.TODO)), task=tasks)
    def in_the_plan_a_person(self, kind: str, task: str) -> None:
        self.world.edits("TODO.md", lambda text: hand.TODO[kind](text, task))

    @rule(kind=st.sampled_from(list(hand.STATE)), task=tasks)
    def in_the_state_a_person(self, kind: str, task: str) -> None:
        self.world.edits("workflow-state.md", lambda text: hand.STATE[kind](text, task))

    @rule(kind=st.sampled_from(list(hand.SPEC)), task=tasks)
    def in_a_spec_a_person(self, kind: str, task: str) -> None:
        self.world.edits(f"specs/{task}.md", lambda text: hand.SPEC[kind](text, task))

    @rule(path=st.one_of(_documents, _code))
    def a_person_deletes(self, path: str) -> None:
        self.world.acts(lambda: (self.world.repo.root / path).unlink(missing_ok=True))

    @rule(path=st.one_of(_code, _fresh), staged=st.booleans(), number=numbers)
    def a_person_writes(self, path: str, staged: bool, number: int) -> None:  # noqa: FBT001 - a rule's arguments are named
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

    @rule(branch=_branches)
    def a_person_switches(self, branch: str) -> None:
        def act() -> None:
            if not self.world.repo.tries("switch", "-q", branch):
                self.world.repo.tries("switch", "-q", "-c", branch)

        self.world.acts(act)

    @rule(branch=_branches)
    def a_person_merges(self, branch: str) -> None:
        def act() -> None:
            if not self.world.repo.tries("merge", "-q", "--no-edit", branch):
                self.world.repo.tries("merge", "--abort")

        self.world.acts(act)

    @rule(number=numbers)
    def a_person_reverts(self, number: int) -> None:
        def act() -> None:
            if not self.world.repo.tries("revert", "--no-edit", f"HEAD~{number}"):
                self.world.repo.tries("revert", "--abort")

        self.world.acts(act)

    @rule(seconds=st.sampled_from([0.0, 60.0, -60.0, 3600.0, -3600.0, 400 * _DAY, -400 * _DAY]))
    def the_clock_is_set_off_by(self, seconds: float) -> None:
        self.world.repo.skew = seconds

    def meanwhile(self, what: str) -> dict[str, bytes]:
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
