"""The demo's stage: a small repository made up for it, and a real leader in it that can be killed."""

import json
import os
import shlex
import signal
import site
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orchestrator
from orchestrator import process, render
from orchestrator.errors import OrchestratorError
from orchestrator.events import Event
from orchestrator.repo.git import Git
from orchestrator.workspace import write_durably

TASKS = {
    "greet": ("ada", "A customer is greeted by name."),
    "price": ("ben", "The price of a thing includes its tax of 20 percent."),
    "stock": ("cleo", "What is left in stock is known, and never below zero."),
    "receipt": ("ada", "A receipt greets, names the price and says what is left."),
}
_PATIENCE = 60.0  # seconds a leader of the demo may take
_SETTINGS = {"user.name": "Demo", "user.email": "demo@localhost", "commit.gpgSign": "false", "gc.auto": "0"}


@dataclass(frozen=True)
class Stage:
    """The repository at `root`; no configuration of the person's reaches it: `home` stands in for theirs."""

    root: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of everything that runs here."""
        packages = Path(orchestrator.__file__).parent.parent
        extra = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(packages),
            "PYTHONUSERBASE": site.getuserbase(),  # with another HOME, `pip install --user` would be lost
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return process.environment(os.environ, ("VIRTUAL_ENV",), extra)

    @property
    def git(self) -> Git:
        """Git in the repository."""
        return Git(self.root, self.env)

    def build(self) -> None:
        """Make the repository: four functions without a body, their specs, a check, three scripted agents."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        self.git.run("init", "--quiet", "--template=", "--initial-branch=main")
        for key, value in _SETTINGS.items():
            self.git.run("config", key, value)
        for path, content in _files().items():
            write_durably(self.root / path, content)
        self.git.run("add", "--all")
        self.git.run("commit", "--quiet", "--message", "a shop without functions, and a plan")

    def lead(self, see: Callable[[Event], bool]) -> "Led":
        """Run `orchestrator run` in a process of its own until it ends, or is killed because `see` said so.

        Args:
            see: is shown each event; once it returns True, the leader's whole process group gets SIGKILL.
        """
        watcher = _Watcher(see)
        ended = process.run(
            [sys.executable, "-m", "orchestrator", "run", "--events", "jsonl"],
            cwd=self.root,
            env=self.env,
            limits=process.Limits(_PATIENCE, None),
            token=f"orchestrator-demo:{os.getpid()}",
            cancel=threading.Event(),
            heard=watcher.hear,
        )
        if not watcher.killed and ended.code != 0:
            last = ended.stdout.strip().split("\n")[-1]  # the envelope, which names the error
            raise OrchestratorError(
                f"the demo's leader ended with {ended.code}: {last}\n{ended.last_lines()}",
                hint="orchestrator doctor",
            )
        return Led(watcher.killed, ended.seconds)


@dataclass(frozen=True)
class Led:
    """A leader that is over: whether it was killed, and its seconds."""

    killed: bool
    seconds: float


@dataclass
class _Watcher:
    """Reads a leader's stream of events, and kills the leader when told to."""

    see: Callable[[Event], bool]
    killed: bool = False
    _pid: int = 0
    _facts: Mapping[str, object] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        facts = json.loads(line)
        if "pid" in facts:
            self._pid = facts["pid"]
        if "event" not in facts or self.killed:
            return
        event = Event(facts["event"], facts["task"], facts["attempt"], facts["facts"])
        if self.see(event):
            self.killed = True
            os.killpg(self._pid, signal.SIGKILL)


def _files() -> dict[str, bytes]:
    check = json.dumps(f"{shlex.quote(sys.executable)} check.py", ensure_ascii=False)
    files = {
        "TODO.md": _rendered("TODO.md"),
        "orchestrator.toml": _rendered("orchestrator.toml", check=check),
        "agents.toml": _rendered("agents.toml"),
        "check.py": _rendered("check.py", modules=list(TASKS)),
        "shop/__init__.py": b"",
    }
    for task, (agent, goal) in TASKS.items():
        files[f"specs/{task}.md"] = _rendered("spec.md", task=task, agent=agent, goal=goal)
        files[f"shop/{task}.py"] = b"# to be written\n"
    return files


def _rendered(name: str, **values: object) -> bytes:
    return render.document(f"demo/{name}.j2", values)
