"""What else a user could do: each peer is a program of its own, so that none is imported where it is not measured."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import Repo

from bench.watching import WrongError, timed

HERE = Path(__file__).parent
# A peer is not charged for collecting garbage in the background, which the program leaves to the user too.
PLAIN = {"gc.auto": "0", "maintenance.auto": "false"}
DURABLE = {**PLAIN, "core.fsync": "all", "core.fsyncMethod": "fsync"}
SETTINGS: Mapping[str, Mapping[str, str]] = {"git's default": PLAIN, "as durable": DURABLE}
_MERGES = 'while read -r ref; do git merge -q --no-ff -m "land $ref" "$ref" || exit 1; done'


@dataclass(frozen=True)
class Engine:
    """A durable engine's script: the module it needs, and how many durable steps each task is."""

    name: str
    module: str
    script: str
    steps: int


ENGINES = (
    Engine("DBOS, a step in workflows of 100", "dbos", "dbos_steps.py", 0),
    Engine("DBOS queue, 1 step", "dbos", "dbos_steps.py", 1),
    Engine("DBOS queue, 5 steps", "dbos", "dbos_steps.py", 5),
    Engine("LangGraph, 1 step", "langgraph.checkpoint.sqlite", "langgraph_steps.py", 1),
    Engine("LangGraph, 5 steps", "langgraph.checkpoint.sqlite", "langgraph_steps.py", 5),
)


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return `settings` as the environment that gives them to every git below."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def merges(repo: Repo, branches: Sequence[str], settings: Mapping[str, str]) -> float:
    """Return the seconds that `git merge` takes for the branches, one after another."""
    stdin = "".join(f"{name}\n" for name in branches)
    ran = timed(["sh", "-c", _MERGES], repo.root, repo.env | configured(settings), stdin=stdin)
    found = int(repo.git("rev-list", "--count", "--merges", "HEAD"))
    if found != len(branches):
        raise WrongError(f"git merged {found} of {len(branches)} branches")
    return ran.seconds


def bare_git(repo: Repo, count: int, settings: Mapping[str, str]) -> float:
    """Return the seconds that the bare git commands of `count` tasks take in `repo`."""
    worktrees = repo.root.parent / f"{repo.root.name}-worktrees"
    argv = ["sh", str(HERE / "bare_git.sh"), str(worktrees), str(count)]
    ran = timed(argv, repo.root, repo.env | configured(settings))
    found = int(repo.git("rev-list", "--count", "--merges", "HEAD"))
    left = list(worktrees.glob("*"))
    if found != count or left:
        raise WrongError(f"the script landed {found} of {count} tasks and left {len(left)} worktrees")
    return ran.seconds


def missing(python: Path, engine: Engine) -> str:
    """Return why `engine` cannot run on the interpreter `python`; empty when it can."""
    probe = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{engine.module.partition('.')[0]}'))"
    try:
        timed([str(python), "-c", probe], HERE, {})
    except (WrongError, OSError):
        return f"{engine.module} is not installed for {python}: python -m bench peers"
    return ""


def stepped(python: Path, engine: Engine, count: int, folder: Path) -> tuple[float, float]:
    """Return the seconds of the whole process, and of the steps alone, in a new database below `folder`."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        argv = [str(python), str(HERE / engine.script), place, str(count), str(engine.steps)]
        ran = timed(argv, folder, {"HOME": place, "PATH": str(Path(sys.executable).parent)})
    said = json.loads(ran.out.splitlines()[-1])
    if said["done"] != count:
        raise WrongError(f"{engine.name} did {said['done']} of {count}")
    return ran.seconds, said["seconds"]
