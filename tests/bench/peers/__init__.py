"""What else a user could do: each peer is a program of its own, so that none is imported where it is not measured."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import Repo

from bench.watching import Ran, WrongError, timed

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
    Engine("LangGraph, 1 step", "langgraph", "langgraph_steps.py", 1),
    Engine("LangGraph, 5 steps", "langgraph", "langgraph_steps.py", 5),
)


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return `settings` as the environment that gives them to every git below."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def merges(repo: Repo, branches: Sequence[str], settings: Mapping[str, str]) -> Ran:
    """Merge the branches with `git merge`, one after another."""
    stdin = "".join(f"{name}\n" for name in branches)
    ran = timed(["sh", "-c", _MERGES], repo.root, repo.env | configured(settings), stdin=stdin)
    found = int(repo.git("rev-list", "--count", "--merges", "HEAD"))
    if found != len(branches):
        raise WrongError(f"git merged {found} of {len(branches)} branches")
    return ran


def bare_git(repo: Repo, count: int, settings: Mapping[str, str]) -> Ran:
    """Run the bare git commands of `count` tasks in `repo`."""
    worktrees = repo.root.parent / f"{repo.root.name}-worktrees"
    argv = ["sh", str(HERE / "bare_git.sh"), str(worktrees), str(count)]
    ran = timed(argv, repo.root, repo.env | configured(settings))
    found = int(repo.git("rev-list", "--count", "--merges", "HEAD"))
    left = list(worktrees.glob("*"))
    if found != count or left:
        raise WrongError(f"the script landed {found} of {count} tasks and left {len(left)} worktrees")
    return ran


def missing(python: Path, engine: Engine) -> bool:
    """Whether `engine` cannot run, for the interpreter `python` does not have it."""
    probe = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{engine.module}'))"
    try:
        timed([str(python), "-c", probe], HERE, {})
    except (WrongError, OSError):
        return True
    return False


def stepped(python: Path, engine: Engine, count: int, folder: Path) -> Ran:
    """Have `engine` do `count` tasks in a new database below `folder`."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        argv = [str(python), str(HERE / engine.script), place, str(count), str(engine.steps)]
        ran = timed(argv, folder, {"HOME": place, "PATH": str(Path(sys.executable).parent)})
    done = json.loads(ran.out.splitlines()[-1])["done"]
    if done != count:
        raise WrongError(f"{engine.name} did {done} of {count}")
    return ran
