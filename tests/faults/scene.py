"""The project every sweep runs, and what must be true of it once a run has finished, whatever happened before."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import aftermath
from harness import Repo
from quick import Quick

TASKS = ("a", "b", "c", "d")
_OWN = ("workflow-state.md", "TODO.md", "checkpoints/", "specs/")
_ATTEMPTS = "refs/orchestrator/attempts"
_SWAPPED = ("src/file", "src/file/", "src/folder", "src/folder/")
# a makes a folder of a file and a file of a folder; c is wrong until its spec says that it did not land; d commits by itself.
_AGENT = """set -e
echo "$ORCHESTRATOR_TASK/$ORCHESTRATOR_ATTEMPT" >> "$FAULTS_RUNS"
case "$ORCHESTRATOR_TASK" in
a) echo "new a" > "$1"
   rm -r src/file src/folder
   mkdir src/file
   echo new > src/file/in
   echo new > src/folder ;;
c) if grep -q "did not land" "$ORCHESTRATOR_SPEC"; then echo "new c" > "$1"; else echo wrong > "$1"; fi ;;
d) echo "new d" > "$1"
   git add "$1"
   git -c user.name=D -c user.email=d@example.org commit -qm "its own" ;;
*) echo "new $ORCHESTRATOR_TASK" > "$1" ;;
esac
"""
_CONFIG = """[agents.sh]
command = ["sh", "agent.sh", "{files}"]
env = ["LD_PRELOAD", "FAULTS_*"]

[verify]
command = "! grep -rq wrong src"
env = ["LD_PRELOAD", "FAULTS_*"]

[limits]
jobs = 4
backoff = 0.05
"""


def project(root: Path) -> Repo:
    """Four tasks, one after another's, one sent back by verify once; each landing is a checkpoint."""
    repo = Quick(root).init()
    for name in TASKS:
        repo.write(f"src/{name}.txt", "old\n")
        repo.spec(name, f"src/{name}.txt", *(_SWAPPED if name == "a" else ()))
    repo.write("src/file", "old\n")
    repo.write("src/folder/in", "old\n")
    repo.task("a: do a", "b: do b (after: a)", "c: do c", "d: do d")
    repo.write("agent.sh", _AGENT)
    repo.write("orchestrator.toml", _CONFIG)
    repo.commit("a project")
    return _with_runs(repo)


def copied(repo: Repo, root: Path) -> Repo:
    """Return an untouched copy of the project at `root`."""
    shutil.copytree(repo.root, root, symlinks=True)
    return opened(root)


def opened(root: Path) -> Repo:
    """Return the project that stands at `root` already."""
    return _with_runs(Quick(root))


def _with_runs(repo: Repo) -> Repo:
    """Give the agents a log outside the repository, a line for each start of one, and the program a place for bytecode."""
    runs = repo.root.parent / f"{repo.root.name}-runs"
    runs.touch()
    repo.env["FAULTS_RUNS"] = str(runs)
    # Compiling the package anew at each start would be most of a sweep's time.
    del repo.env["PYTHONDONTWRITEBYTECODE"]
    repo.env["PYTHONPYCACHEPREFIX"] = str(repo.root.parent / "bytecode")
    return repo


def forget(repo: Repo) -> None:
    """Delete a project and all that stands beside it: a sweep makes thousands."""
    for item in (repo.root, *repo.root.parent.glob(f"{repo.root.name}-*")):
        shutil.rmtree(item) if item.is_dir() else item.unlink()


@dataclass(frozen=True)
class Kept:
    """What stood when a run was cut short: recorded attempts, and those whose agent was known to have done its work."""

    recorded: frozenset[str]
    answered: frozenset[str]


def kept(repo: Repo) -> Kept:
    """Return what may not be lost from here on."""
    answers = (repo.root / ".orchestrator" / "attempts").glob("*/*/ended.json")
    answered = [
        f"{path.parts[-3]}/{path.parts[-2]}" for path in answers if not json.loads(path.read_bytes())["failure"]
    ]
    return Kept(recorded(repo), frozenset(answered))


def recorded(repo: Repo) -> frozenset[str]:
    """Return the attempts that have a ref."""
    found = repo.git("for-each-ref", "--format=%(refname)", _ATTEMPTS).split()
    return frozenset(ref.removeprefix(f"{_ATTEMPTS}/") for ref in found)


def code_tree(repo: Repo) -> str:
    """Return what HEAD holds besides the program's own documents."""
    lines = repo.git("ls-tree", "-r", "HEAD").split("\n")
    return "\n".join(line for line in lines if not line.split("\t")[1].startswith(_OWN))


def wrong(repo: Repo, tree: str, before: Kept) -> list[str]:
    """Return what is not as it must be after a finished run; `tree` is the code of a run that nobody disturbed."""
    return [*_lost(repo, tree, before), *aftermath.found(repo)]


def _lost(repo: Repo, tree: str, before: Kept) -> list[str]:
    found = []
    if sorted(repo.landed()) != list(TASKS):
        found.append(f"landed: {repo.landed()}")
    if code_tree(repo) != tree:
        found.append(f"another code tree: {code_tree(repo)}")
    files = {name: repo.root / "src" / f"{name}.txt" for name in TASKS}
    shown = {name: file.read_text() if file.exists() else "" for name, file in files.items()}
    if shown != {name: f"new {name}\n" for name in TASKS}:
        found.append(f"the checkout shows {shown}")
    runs = Counter(Path(repo.env["FAULTS_RUNS"]).read_text().split())
    found += [f"{key} ran {times} times" for key, times in runs.items() if times > 1]
    found += [f"the recorded attempt {key} is gone" for key in before.recorded - recorded(repo)]
    return found + [f"the work of {key} was finished and is {fate}" for key, fate in _fates(repo, before) if fate]


def _fates(repo: Repo, before: Kept) -> list[tuple[str, str]]:
    """Return each attempt that was answered, with what is wrong with its fate (empty: nothing)."""
    shown = repo.git(
        "for-each-ref", "--format=%(refname:lstrip=3) %(contents:trailers:key=Fate,valueonly,separator=%x2C)", _ATTEMPTS
    )
    fates = dict(line.split(" ", 1) for line in shown.split("\n") if line)
    good = {key: ("finished", "rejected") if key.startswith("c/") else ("finished",) for key in before.answered}
    return [(key, "" if fates.get(key) in good[key] else str(fates.get(key))) for key in sorted(before.answered)]
