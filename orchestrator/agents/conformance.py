"""The public conformance suite: what every adapter must do, as a class of tests to inherit from.

A subclass named `Test...` says how to make its agent behave; pytest collects the rest:

    class TestMine(AgentConformance):
        def make_agent(self, behaviour, folder):
            return MyAgent(stub_program(behaviour, folder))

        def make_missing(self, folder):
            return MyAgent(folder / "no such program")
"""

# ruff: noqa: S101  # assert is how a test speaks, also in a suite that ships

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.agents.protocol import DETAIL, Agent, Answer, Assignment
from orchestrator.clock import SystemClock
from orchestrator.documents.result import Result, Status
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.process import reap

SPEC = "# Spec: grüße\n\nWrite a greeting. {not a placeholder}\n"
RESULT = "## Result: greet\n\n**Status**: Complete\n**Issues**: None\n"
BLOCKED = "## Result: greet\n\n**Status**: Blocked\n**Issues**: the API key is missing\n"
FOLDER = "a folder, with ünïcode"

_PROMPT = 2.0  # seconds within which an agent that is told to stop has stopped


@dataclass(frozen=True)
class Behaviour:
    """What the agent under test is to do, in this order; a stub program or a script can do all of it.

    Attributes:
        write: files to write in the worktree, path to text.
        echo: file in the worktree to write the spec to, as it arrived; empty for none.
        result: the result document to write; empty for none.
        say: last words, where the adapter takes a failure's detail from.
        hang: go on for ever, in silence, with a background process where the adapter has processes.
        exit: "complete", "transient" or "failed".
    """

    write: Mapping[str, str] = field(default_factory=dict)
    echo: str = ""
    result: str = ""
    say: str = ""
    hang: bool = False
    exit: str = "complete"


class AgentConformance:
    """Inherit from this, say how to make the agent, and every test of the suite is yours.

    Attributes:
        always_reports: whether the agent hands a result document back each time, also where none was asked for.
    """

    always_reports = False

    def make_agent(self, behaviour: Behaviour, folder: Path) -> Agent:
        """Return an agent that will behave so; `folder` is empty and yours."""
        raise NotImplementedError

    def make_missing(self, folder: Path) -> Agent:
        """Return an agent that cannot be started: its command or file does not exist."""
        raise NotImplementedError

    def assert_silent_success(self, answer: Answer) -> None:
        """Assert that the agent succeeded, and made up no result document unless it always writes one."""
        assert answer.failure is None
        assert (answer.result is not None) is self.always_reports
        if answer.result is not None:
            assert Result.parse(answer.result, "greet.result.md").status is Status.COMPLETE

    def test_completes_and_leaves_its_change_in_the_worktree(self, tmp_path: Path) -> None:
        """The change is there, in a path with spaces and non-ASCII, and nothing else has changed."""
        trial = Trial(tmp_path)
        answer = trial.run(self, Behaviour(write={"src/grüße.txt": "hello\n"}))
        self.assert_silent_success(answer)
        assert trial.files() == {"src/grüße.txt": "hello\n", "kept.txt": "kept\n"}
        assert trial.outside() == {"neighbour.txt": "mine\n"}

    def test_the_spec_reaches_the_agent(self, tmp_path: Path) -> None:
        """Character for character."""
        trial = Trial(tmp_path)
        assert trial.run(self, Behaviour(echo="seen.md")).failure is None
        assert trial.files()["seen.md"] == SPEC

    def test_the_result_document_is_handed_back(self, tmp_path: Path) -> None:
        """As bytes, just as the agent wrote it."""
        answer = Trial(tmp_path).run(self, Behaviour(write={"kept.txt": "changed\n"}, result=RESULT))
        assert (answer.failure, answer.result) == (None, RESULT.encode())

    def test_a_result_that_is_not_complete_is_a_failure(self, tmp_path: Path) -> None:
        """Whatever the exit says."""
        answer = Trial(tmp_path).run(self, Behaviour(result=BLOCKED))
        assert answer.failure is Failure.DETERMINISTIC
        assert "the API key is missing" in answer.detail

    def test_a_result_that_cannot_be_read_is_a_failure(self, tmp_path: Path) -> None:
        """And the detail says where."""
        answer = Trial(tmp_path).run(self, Behaviour(result="**Status**: Perhaps\n"))
        assert answer.failure is Failure.DETERMINISTIC
        assert "greet.result.md:" in answer.detail

    def test_an_old_result_is_not_the_answer(self, tmp_path: Path) -> None:
        """A result document that was there before the attempt says nothing about it."""
        trial = Trial(tmp_path)
        trial.assignment().result_path.write_text(BLOCKED)
        answer = trial.run(self, Behaviour(write={"kept.txt": "changed\n"}))
        self.assert_silent_success(answer)

    def test_a_failure_is_an_answer(self, tmp_path: Path) -> None:
        """Never an exception; the last words are kept."""
        answer = Trial(tmp_path).run(self, Behaviour(say="no such thing as a greeting", exit="failed"))
        assert answer.failure is Failure.DETERMINISTIC
        assert "no such thing as a greeting" in answer.detail

    def test_last_words_are_bounded(self, tmp_path: Path) -> None:
        """At most 4,000 characters, the last ones."""
        answer = Trial(tmp_path).run(self, Behaviour(say="x" * 50_000 + "THE END", exit="failed"))
        assert len(answer.detail) <= DETAIL
        assert answer.detail.endswith("THE END")

    def test_a_transient_failure_is_told_apart(self, tmp_path: Path) -> None:
        """The same attempt may work later."""
        answer = Trial(tmp_path).run(self, Behaviour(say="busy", exit="transient"))
        assert answer.failure is Failure.TRANSIENT

    def test_the_total_timeout_ends_it(self, tmp_path: Path) -> None:
        """And its processes with it."""
        trial = Trial(tmp_path, timeout=0.5)
        assert trial.run(self, Behaviour(hang=True)).failure is Failure.TIMEOUT
        assert trial.seconds < 0.5 + _PROMPT
        assert trial.processes() == ()

    def test_the_idle_timeout_ends_it(self, tmp_path: Path) -> None:
        """And its processes with it."""
        trial = Trial(tmp_path, idle=0.5)
        assert trial.run(self, Behaviour(hang=True)).failure is Failure.TIMEOUT
        assert trial.seconds < 0.5 + _PROMPT
        assert trial.processes() == ()

    def test_cancel_ends_it_within_two_seconds(self, tmp_path: Path) -> None:
        """And leaves the work so far in the worktree, and no process."""
        trial = Trial(tmp_path)
        trial.cancel_soon_after("half.txt")
        answer = trial.run(self, Behaviour(write={"half.txt": "half"}, hang=True))
        assert answer.failure is Failure.INTERRUPTED
        assert trial.seconds_after_cancel < _PROMPT
        assert trial.files()["half.txt"] == "half"
        assert trial.processes() == ()

    def test_an_agent_that_can_start_passes_its_check(self, tmp_path: Path) -> None:
        """Quietly."""
        self.make_agent(Behaviour(), Trial(tmp_path).own).check()

    def test_a_missing_agent_is_found_before_it_is_started(self, tmp_path: Path) -> None:
        """With the configuration key that names it, and a hint."""
        agent = self.make_missing(Trial(tmp_path).own)
        error = _refusal(agent)
        assert error is not None, "check() passed an agent that is not there"
        assert error.code is Exit.MISSING
        assert f"agents.{agent.name}." in error.message
        assert error.hint

    def test_a_missing_agent_that_is_run_all_the_same_is_fatal(self, tmp_path: Path) -> None:
        """An answer even then."""
        trial = Trial(tmp_path)
        answer = self.make_missing(trial.own).run(trial.assignment(), cancel=trial.cancel, transcript=trial.note)
        assert answer.failure is Failure.FATAL
        assert answer.detail


class Trial:
    """One attempt in a folder of its own, with a neighbour that nobody may touch."""

    def __init__(self, tmp_path: Path, timeout: float | None = 30, idle: float | None = None) -> None:
        self.cancel = threading.Event()
        self.seconds = self.seconds_after_cancel = 0.0
        self._cancelled = float("inf")
        self.events: list[str] = []
        self._root = tmp_path / FOLDER
        self._limits = (timeout, idle)
        self._worktree = self._root / "worktree"
        self.own = tmp_path / "own"
        for folder in (self._worktree, self._root / "logs", self._root / "given", self.own):
            folder.mkdir(parents=True)
        (self._worktree / "kept.txt").write_text("kept\n")
        (self._root / "neighbour.txt").write_text("mine\n")
        (self._root / "given" / "greet.md").write_text(SPEC)

    def run(self, suite: AgentConformance, behaviour: Behaviour) -> Answer:
        """Make the agent and let it run; `seconds` says how long it took."""
        agent = suite.make_agent(behaviour, self.own)
        clock = SystemClock()
        began = clock.monotonic()
        answer = agent.run(self.assignment(), cancel=self.cancel, transcript=self.note)
        self.seconds = clock.monotonic() - began
        self.seconds_after_cancel = clock.monotonic() - self._cancelled
        return answer

    def cancel_soon_after(self, path: str) -> None:
        """Cancel half a second after a file has appeared in the worktree."""
        clock = SystemClock()

        def work() -> None:
            while not (self._worktree / path).exists():
                self.cancel.wait(0.05)
            self.cancel.wait(0.5)
            self._cancelled = clock.monotonic()
            self.cancel.set()

        threading.Thread(target=work, daemon=True).start()

    def assignment(self) -> Assignment:
        """The assignment the agent gets."""
        given = self._root / "given"
        timeout, idle = self._limits
        return Assignment(
            task="greet",
            attempt=1,
            spec=SPEC,
            spec_path=given / "greet.md",
            result_path=given / "greet.result.md",
            files=("src/grüße.txt", "kept.txt"),
            worktree=self._worktree,
            logs=self._root / "logs",
            token=f"conformance {self._root}/",
            timeout=timeout,
            idle=idle,
        )

    def note(self, event: str, _facts: Mapping[str, object]) -> None:
        """The transcript."""
        self.events.append(event)

    def files(self) -> dict[str, str]:
        """Every file in the worktree, by relative path."""
        return _texts(self._worktree)

    def outside(self) -> dict[str, str]:
        """Every file beside the worktree that is neither a log nor given to the agent."""
        known = ("worktree/", "logs/", "given/")
        return {path: text for path, text in _texts(self._root).items() if not path.startswith(known)}

    def processes(self) -> tuple[int, ...]:
        """Processes of the attempt that are still there; they are ended now."""
        return reap(self.assignment().token)


def _refusal(agent: Agent) -> OrchestratorError | None:
    try:
        agent.check()
    except OrchestratorError as error:
        return error
    return None


def _texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}
