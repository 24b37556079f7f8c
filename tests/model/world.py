"""The world of one sequence: a repository, what its person has not committed, and every call held against the laws."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import script
from harness import Said
from injection import Hit, strike
from laws import broken
from sight import Sight, see
from step import Kind, Step
from terminal import Terminal, Warm

RUN = ("run", "--events", "jsonl")
_SKEWED = str(Path(__file__).with_name("skewed.py"))
_CONFIG = """[agents.scripted]
kind = "scripted"
script = {script}

[verify]
command = "! grep -rq wrong src"

[limits]
jobs = {jobs}
attempts = 2
retries = 1
backoff = 0.01

[checkpoint]
every = "{every}"
keep = {keep}
"""


@dataclass
class World:
    """One repository from its first commit on.

    Attributes:
        repo: the person's terminal in it.
        library: what kills at a mutation, None where it cannot be built.
        mine: what the person has not committed: path to bytes, None for a deleted file.
        murky: a kill has left something half-way, and no leader has finished since.
        manners: how the agent behaves, by task.
        log: every call with its exit code.
        config: what orchestrator.toml says.
        steps: how many calls and acts there were.
    """

    repo: Terminal
    library: Path | None = None
    mine: Mapping[str, bytes | None] = field(default_factory=dict)
    murky: bool = False
    manners: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    config: str = ""
    steps: int = 0

    @classmethod
    def made(
        cls, root: Path, warm: Warm, library: Path | None = None, *, every: str = "task", keep: int = 20, jobs: int = 2
    ) -> "World":
        """Make the repository: four tasks in two phases, one after another's, and an agent that does as it is told."""
        world = cls(Terminal(root, warm=warm), library)
        repo = world.repo
        repo.init()
        for name in script.TASKS:
            repo.write(f"src/{name}.txt", "old\n")
        for name in "abcd":
            repo.spec(name, f"src/{name}.txt")
        repo.write("src/shared.txt", "shared\n")
        repo.write("README.md", "# A project\n")
        repo.write(
            "TODO.md",
            "# TODO\n\n## Implementing\n\n- [ ] a: do a\n- [ ] b: do b (after: a)\n- [ ] c: do c\n\n"
            "## Testing\n\n- [ ] d: do d\n",
        )
        facts = {"script": json.dumps(str(world._script)), "every": every, "keep": keep, "jobs": jobs}
        world.config = _CONFIG.format(**facts)
        repo.write("orchestrator.toml", world.config)
        repo.commit("a project")
        return world

    @property
    def _script(self) -> Path:
        return self.repo.root.parent / f"{self.repo.root.name}-agent.toml"

    def calls(self, kind: Kind, *argv: str, stop: tuple[int, float] = (0, 0.0)) -> Said:
        """Call the program, and hold what happened against the laws; `stop` is a signal and its second."""
        return self.held(kind, argv, lambda: self.repo.run(*argv, code=None, stop=stop))

    def leads(self, *argv: str) -> Said:
        """Call a verb that leads."""
        return self.calls(Kind.LEADS, *argv)

    def runs(self, stop: tuple[int, float] = (0, 0.0)) -> tuple[int, Any]:
        """Run the plan; return the exit code, and the data of the envelope the events end with."""
        said = self.calls(Kind.LEADS, *RUN, stop=stop)
        last = said.out.rstrip("\n").split("\n")[-1]
        return said.code, json.loads(last or "{}").get("data", {})

    def runs_again(self, code: int) -> None:
        """Run a plan that came to rest, and see that nothing changes by it."""
        before = see(self.repo)
        again, data = self.runs()
        after = see(self.repo)
        assert again == code, (code, again, data, self.log)
        assert (before.refs, before.files, before.index) == (after.refs, after.files, after.index), self.log

    def runs_while(self, seconds: float, act: Callable[[], Mapping[str, bytes]]) -> Said:
        """Run the plan, and let the person act after that many seconds; `act` returns what it wrote."""
        theirs: dict[str, bytes] = {}

        def later() -> None:
            time.sleep(seconds)
            theirs.update(act())

        def call() -> Said:
            person = threading.Thread(target=later)
            person.start()
            said = self.repo.run(*RUN, code=None)
            person.join()
            return said

        return self.held(Kind.LEADS, RUN, call, theirs)

    def reads(self, *argv: str) -> Said:
        """Call a verb that only reads."""
        return self.calls(Kind.READS, *argv)

    def is_killed(self, kind: Kind, hit: Hit, *argv: str) -> Said:
        """Call the program and kill it with all its children at a mutation, if it makes as many."""
        assert self.library, "there is no library to kill with"
        library, program = self.library, (_SKEWED, str(self.repo.skew))

        def call() -> Said:
            struck = strike(library, self.repo, hit, *argv, program=program)
            self.log.append(f"hit: {struck.fired or 'nothing'}")
            if kind is Kind.CLAIMS:
                self._let_git_prune()
            return struck.said

        return self.held(kind, argv, call)

    def _let_git_prune(self) -> None:
        """Do what git's own gc does in time: a claim is made without a lead, and nobody heals half an object of one."""
        for path in (self.repo.root / ".git" / "objects").glob("??/tmp_obj_*"):
            path.unlink()

    def held(
        self, kind: Kind, argv: tuple[str, ...], call: Callable[[], Said], theirs: Mapping[str, bytes] | None = None
    ) -> Said:
        self.steps += 1
        self._script.write_text(script.script(self.manners, self.steps))
        before = see(self.repo)
        said = call()
        killed = said.code < 0
        after = see(self.repo)
        self.log.append(f"orchestrator {' '.join(argv)} -> {said.code}")
        mine = {**self.mine, **(theirs or {})}
        step = Step(self.repo, kind, argv, said, before, after, mine, self.murky, killed, theirs)
        problems = broken(step)
        assert not problems, "\n".join([*problems, "", said.out, said.err, "", *self.log])
        self.murky = killed or (self.murky and not step.finished)
        self._look(before, after, by_hand=kind is Kind.AUTHORS)
        return said

    def acts(self, act: Callable[[], object]) -> None:
        """Let the person do something between two calls."""
        self.steps += 1
        # What git itself advises where a killed git left its lock: no git is alive between two calls.
        (self.repo.root / ".git" / "index.lock").unlink(missing_ok=True)
        before = see(self.repo)
        act()
        self._look(before, see(self.repo), by_hand=True)

    def _look(self, before: Sight, after: Sight, *, by_hand: bool) -> None:
        """Note what is the person's; in the half-dark after a kill only what was, and what they just changed."""
        theirs = dict(self.mine)
        if by_hand:
            theirs |= {path: data for path, data in after.uncommitted.items() if before.files.get(path) != data}
        known = theirs if self.murky else after.uncommitted
        self.mine = {path: data for path, data in after.uncommitted.items() if path in known and known[path] == data}

    def edits(self, path: str, edit: Callable[[str], str]) -> None:
        """Let the person change a document in an editor; one that is not there is not edited."""
        file = self.repo.root / path
        if file.is_file():
            text = file.read_bytes().decode()
            self.acts(lambda: file.write_bytes(edit(text).encode()))
