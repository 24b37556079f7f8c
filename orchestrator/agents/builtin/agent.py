"""The built-in agent as the leader sees it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import render
from orchestrator.agents.builtin.files import digest
from orchestrator.agents.builtin.finish import finish
from orchestrator.agents.builtin.folder import Folder
from orchestrator.agents.builtin.journal import NAME, DamagedError, Journal
from orchestrator.agents.builtin.loop import NO_NOTE, SYSTEM, Loop, Mind, Outcome, ended
from orchestrator.agents.builtin.shell import Shell
from orchestrator.agents.builtin.talk import Talk, add_up
from orchestrator.agents.builtin.tools import OFFER, Workshop
from orchestrator.agents.builtin.watch import Watch
from orchestrator.agents.protocol import Answer, Assignment, Transcript
from orchestrator.agents.verdict import End, ResultFile
from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.models.ask import Asking
from orchestrator.models.call import CallError
from orchestrator.sandbox import Confinement, Policy
from orchestrator.workspace import write_whole

TURNS = 200
CONTEXT = 200_000  # tokens, where nobody knows what the model takes
_MOST = 16_000  # tokens of one reply


@dataclass(frozen=True)
class BuiltinAgent:
    """Carries a spec out by asking a model and doing what it says, turn by turn.

    Attributes:
        name: the name it has in `orchestrator.toml`.
        model: the model's id, where a spec names no other.
        asking: puts the questions.
        git_dir: the git directory all worktrees share.
        effort: how hard the model tries, where a spec does not say; empty for its default.
        turns: replies that one attempt may take.
        policy: how commands must be confined.
        env_passed: names of variables that commands may see besides the usual ones.
        readable: what commands may read besides, such as what the configuration links into worktrees.
        base_env: the environment to choose from, usually `os.environ`.
        ready: raises where no question can be put, before anything is spent.
        room: returns how many tokens a model's conversation may have.
        clock: measures.
    """

    name: str
    model: str
    asking: Asking
    git_dir: Path
    effort: str = ""
    turns: int = TURNS
    policy: Policy = Policy.BEST
    env_passed: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()
    base_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: Callable[[], None] = lambda: None
    room: Callable[[str, threading.Event], int] = lambda _model, _cancel: CONTEXT
    clock: Clock = field(default_factory=SystemClock, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _found: list[Confinement] = field(default_factory=list, repr=False, compare=False)

    @property
    def resumes(self) -> bool:
        """It goes on with an attempt that was cut short, from its last recorded turn."""
        return True

    @property
    def must_change(self) -> bool:
        """A model's word that all is done is worth nothing without a change."""
        return True

    def check(self) -> None:
        """Find out whether there is a model, a key and the sandbox that is asked for.

        Raises:
            OrchestratorError: there is not (`Exit.MISSING`).
        """
        if not self.model:
            raise OrchestratorError(
                f"agents.{self.name}.model is empty", hint='name a model, such as "claude-opus-5-5"', code=Exit.MISSING
            )
        self.ready()
        self._confinement()

    def run(self, assignment: Assignment, *, cancel: threading.Event, transcript: Transcript) -> Answer:
        """Carry one attempt out, from its last recorded turn on.

        Raises:
            OSError: a turn cannot be written down, which is no fault of the agent.
        """
        result = ResultFile(assignment.result_path)
        journal = Journal(assignment.logs / NAME)
        try:
            self.check()
            talk = add_up(journal.read())
        except (OrchestratorError, DamagedError) as error:
            failure = Failure.FATAL if isinstance(error, OrchestratorError) else Failure.DETERMINISTIC
            return result.conclude(End(failure, str(error), None, 0.0))
        watch = Watch(assignment, self.clock, cancel, talk.seconds)
        with watch.on():
            outcome = self._outcome(assignment, watch, journal, talk, transcript)
        if outcome.result is not None:
            write_whole(assignment.result_path, finish(outcome.result).document())
        end = End(outcome.failure, outcome.detail, None, watch.seconds, talk.usage, talk.micros, talk.sandbox)
        answer = result.conclude(end)
        transcript("ended", {"failure": answer.failure, "code": None, "seconds": answer.seconds})
        return answer

    def _outcome(
        self, assignment: Assignment, watch: Watch, journal: Journal, talk: Talk, transcript: Transcript
    ) -> Outcome:
        if talk.end:
            return ended(talk.end)
        try:
            mind = self._mind(assignment, watch)
        except CallError as error:
            return Outcome(*(watch.why or (error.failure, error.said)))
        confined = self._confinement()
        worktree = assignment.worktree.resolve()
        shell = Shell(worktree, confined, assignment.token, watch.heard)
        shop = Workshop(Folder(worktree, assignment.logs), shell, watch.ending)
        loop = Loop(assignment, mind, shop, journal, talk, watch, transcript)
        facts = {"model": mind.model, "effort": mind.effort, "sandbox": confined.chosen.sentence}
        transcript("started", {**facts, "turn": talk.turns})
        self._begin(loop, confined)
        try:
            return loop.run()
        except OrchestratorError as error:
            return Outcome(Failure.FATAL, f"{error} ({error.hint})")

    def _mind(self, assignment: Assignment, watch: Watch) -> Mind:
        model = assignment.model or self.model
        room = self.room(model, watch.ending)
        return Mind(self.asking, model, assignment.effort or self.effort, room, self.turns, _MOST)

    def _begin(self, loop: Loop, confined: Confinement) -> None:
        """Open the conversation, or a fresh one where the program or the model is not the one it was opened with."""
        given = {"system": render.text(SYSTEM, {}), "tools": OFFER, "model": loop.mind.model}
        bound = digest(repr(given).encode())
        level = confined.chosen.level.value
        if not loop.talk.start:
            opening = [loop.assignment.spec, _start(loop.assignment, confined)]
            loop.note("begin", opening=opening, bound=bound, sandbox=level)
        elif loop.talk.start["bound"] != bound:
            loop.note("handoff", note=NO_NOTE, usage=None, micros=0, bound=bound)
        if loop.talk.sandbox != level:
            loop.note("confined", sandbox=level)

    def _confinement(self) -> Confinement:
        """Return how commands are confined, found once.

        Raises:
            OrchestratorError: what is asked for is not there; with the key that asks for it.
        """
        with self._lock:
            if not self._found:
                try:
                    found = Confinement.find(self.base_env, self.env_passed, self.policy, self.git_dir, self.readable)
                except OrchestratorError as error:
                    message = f"agents.{self.name}.sandbox: {error.message}"
                    raise OrchestratorError(message, hint=error.hint, code=error.code) from error
                self._found.append(found)
            return self._found[0]


def _start(assignment: Assignment, confined: Confinement) -> str:
    level = confined.chosen.level
    values = {"confinement": _WAYS[level.value], "timeout": assignment.timeout}
    return render.text("prompts/worker-start.md.j2", values)


_WAYS = {
    "bwrap": "in a sandbox without network, where only the worktree and /tmp can be written",
    "rlimits": "without a sandbox: touch nothing outside of the worktree",
    "none": "without a sandbox: touch nothing outside of the worktree",
}
