"""The crowd: agents that all finish at one instant, each with a file of its own, and what may not be lost of them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import aftermath
from harness import Repo

_ATTEMPTS = "refs/orchestrator/attempts"
# Each waits until all are there, so that whatever comes after it happens at one instant.
_TOGETHER = """set -e
printf . >> "$CROWD_BARRIER"
while [ "$(wc -c < "$CROWD_BARRIER")" -lt "$CROWD_SIZE" ]; do sleep 0.02; done
echo "new $ORCHESTRATOR_TASK" > "$1"
"""
_COMMITS = """git add "$1"
git -c user.name=Crowd -c user.email=crowd@example.org commit -qm "$ORCHESTRATOR_TASK by itself"
"""
_CONFIG = """[agents.sh]
command = ["sh", "agent.sh", "{{files}}"]
env = ["CROWD_*"]

[limits]
jobs = {size}
timeout = 60
"""


def project(root: Path, size: int, *, committing: bool) -> Repo:
    """Return a repository with `size` tasks that all run at once; `committing` agents use git by themselves."""
    repo = Repo(root).init()
    names = tasks(size)
    for name in names:
        repo.write(f"src/{name}.txt", "old\n")
        repo.spec(name, f"src/{name}.txt")
    repo.task(*(f"{name}: do {name}" for name in names))
    repo.write("agent.sh", _TOGETHER + (_COMMITS if committing else ""))
    repo.write("orchestrator.toml", _CONFIG.format(size=size))
    repo.commit("a project")
    repo.env |= {"CROWD_SIZE": str(size), "CROWD_BARRIER": str(root.parent / f"{root.name}-barrier")}
    return repo


def tasks(size: int) -> list[str]:
    """Return the names of a crowd's tasks, in plan order."""
    return [f"t{number:02d}" for number in range(size)]


def lost(repo: Repo, names: Sequence[str], *, committing: bool) -> list[str]:
    """Return what is missing, twice or left over after a run that should have landed each of `names` at its first try."""
    found = [] if sorted(repo.landed()) == sorted(names) else [f"landed: {repo.landed()}"]
    for name in names:
        holds = repo.git("show", f"HEAD:src/{name}.txt")
        found += [] if holds == f"new {name}" else [f"{name}: HEAD has {holds!r}"]
    shown = repo.git("for-each-ref", "--format=%(refname:lstrip=3)", _ATTEMPTS).split()
    found += [] if shown == [f"{name}/1" for name in names] else [f"attempts: {shown}"]
    own = repo.git("log", "--format=%s", "--grep=by itself$", f"--glob={_ATTEMPTS}").split("\n")
    wanted = [f"{name} by itself" for name in names] if committing else [""]
    found += [] if sorted(own) == sorted(wanted) else [f"the agents' own commits: {own}"]
    return found + aftermath.found(repo)


def forget(repo: Repo) -> None:
    """Delete a project and all that stands beside it."""
    for item in (repo.root, *repo.root.parent.glob(f"{repo.root.name}-*")):
        shutil.rmtree(item) if item.is_dir() else item.unlink()
