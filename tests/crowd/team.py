"""A team: built-in agents that all work at once and talk to one fake API, and what the leader's process costs with them."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import Repo

from orchestrator.testing import FakeAPI, Reply, Request, Script, ToolUse

_PATIENCE = 120.0  # seconds for something to come to pass on a busy machine
_SIZE = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB", re.MULTILINE)
_CONFIG = """[agents.claude]
kind = "anthropic"
model = "claude-opus-5-5"

[limits]
jobs = {size}
drain = 600
"""
_RESULT: dict[str, Any] = {
    "status": "complete",
    "summary": "done",
    "files": [],
    "decisions": [],
    "tests_needed": [],
    "issues": [],
}
_DONE = ToolUse("result", _RESULT)
_CAUGHT = 3  # the turn at which a team is caught in the middle
_ANSWER, _COMMAND, _SLOWLY = range(3)  # what a member waits for then, by its number modulo four
_SAYS = "seq 2000"  # 9 kB, which each further turn sends again


def project(root: Path, size: int, fake: FakeAPI) -> Repo:
    """Return a repository with a task for each member of the team."""
    repo = Repo(root).init()
    for name in tasks(size):
        repo.write(f"src/{name}.txt", "old\n")
        repo.spec(name, f"src/{name}.txt", goal=f"Do the part of {name}.")
    repo.task(*(f"{name}: do {name}" for name in tasks(size)))
    repo.write("orchestrator.toml", _CONFIG.format(size=size))
    repo.commit("a project")
    repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
    return repo


def tasks(size: int) -> list[str]:
    """Return the names of a team's tasks, in plan order."""
    return [f"w{number:02d}" for number in range(size)]


def whose(request: Request) -> str:
    """Return the task whose worker asks."""
    found = re.search(r"Do the part of (w\d\d)", request.turns[0].text)
    assert found, request.turns[0].text
    return found[1]


def turn(request: Request) -> int:
    """Return which of its turns a worker asks for, from 1."""
    return 1 + sum(said.role == "assistant" for said in request.turns)


@dataclass
class Hall:
    """Where the team's members wait for each other: all are in a call when the last has come.

    Attributes:
        size: how many there are.
        turns: turns of each, the result among them.
        until: the turn at which they wait.
    """

    size: int
    turns: int = 4
    until: int = 3
    full: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    _in: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self) -> Script:
        """Return what the model says to each member."""
        return Script(otherwise=self._reply)

    def _reply(self, request: Request) -> Reply:
        name, number = whose(request), turn(request)
        if number == self.until and not self.go.is_set():
            with self._lock:
                self._in.add(name)
                if len(self._in) == self.size:
                    self.full.set()
            self.go.wait(_PATIENCE)
        return step(name, number, self.turns)


def step(name: str, number: int, turns: int) -> Reply:
    """Return what a member of the team does at its turn `number` of `turns`."""
    if number >= turns:
        return Reply(_DONE)
    if number == 1:
        return Reply(ToolUse("write", {"path": f"src/{name}.txt", "content": f"new {name}\n"}))
    return Reply(ToolUse("bash", {"command": f"{_SAYS}; echo {number}"}))


@dataclass
class Stage:
    """A team that is caught in the middle of everything: by fours, one waits for an answer, one for a command, one hears
    an answer that comes slowly, and one gets done and is landed.
    """

    size: int
    turns: int = 4
    over: threading.Event = field(default_factory=threading.Event)
    _waiting: set[str] = field(default_factory=set)
    _set: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: Request) -> Reply:
        """Return what the model says."""
        name, number = whose(request), turn(request)
        usual = step(name, number, self.turns)
        if number != _CAUGHT or self.over.is_set():
            return usual
        manner = int(name[1:]) % 4
        if manner == _COMMAND:
            return Reply(ToolUse("bash", {"command": "sleep 1000"}))
        with self._lock:
            self._waiting |= {name} if manner in {_ANSWER, _SLOWLY} else set()
            if len(self._waiting) == sum(number % 4 in {_ANSWER, _SLOWLY} for number in range(self.size)):
                self._set.set()
        if manner == _ANSWER:
            self.over.wait(_PATIENCE)
        return replace(usual, pace=5.0) if manner == _SLOWLY else usual

    def wait(self, leader: "Running") -> None:
        """Wait until everybody is in the middle of it."""
        assert self._set.wait(_PATIENCE)
        commands = {name for name in tasks(self.size) if int(name[1:]) % 4 == _COMMAND}

        def begun(events: Sequence[dict[str, Any]]) -> bool:
            tools = {
                each["task"]
                for each in events
                if each.get("event") == "agent.tool" and each["facts"]["turn"] == _CAUGHT
            }
            return commands <= tools

        leader.wait_until(begun)


@dataclass
class Running:
    """The program at work, as somebody beside it sees it."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    peak: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        """Take in what it says, to its end."""
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()

    def wait_until(self, came: Callable[[Sequence[dict[str, Any]]], bool]) -> None:
        """Wait until what it has said so far is enough."""
        with self._news:
            assert self._news.wait_for(lambda: came(self.events), _PATIENCE), self.events[-20:]

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until it has said that something happened, so often."""
        self.wait_until(lambda events: sum(each.get("event") == event for each in events) >= times)

    def interrupt(self) -> None:
        """Press Ctrl-C, as a shell hands it on: to the leader alone, whose agents are in groups of their own."""
        self.process.send_signal(signal.SIGINT)

    def resident(self) -> int:
        """Return its resident memory now, in KiB, and keep its peak."""
        sizes = dict(_SIZE.findall(Path(f"/proc/{self.process.pid}/status").read_text()))
        self.peak = max(self.peak, int(sizes.get("VmHWM", 0)))
        return int(sizes.get("VmRSS", 0))

    def end(self) -> float:
        """Wait for its end, and return the seconds that took; its peak is looked at meanwhile."""
        began = time.monotonic()
        while self.process.poll() is None:
            self.resident()
            assert time.monotonic() - began < _PATIENCE
            time.sleep(0.02)
        return time.monotonic() - began


@contextmanager
def running(repo: Repo, *argv: str) -> Iterator[Running]:
    """Have the program carry the plan on beside the block; what is left of it is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, *(argv or ("-m", "orchestrator")), "run", "--events", "jsonl"],
        cwd=repo.root,
        env=repo.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    made = Running(process)
    listening = threading.Thread(target=made.listen)
    listening.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        listening.join()
        assert process.stdout
        process.stdout.close()
