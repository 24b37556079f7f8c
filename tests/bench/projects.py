"""Repositories to measure on: a code base, a plan of so many tasks, and their finished attempts where they are wanted."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness import Repo

from orchestrator.repo.attempts import Attempt, Fate, draft
from orchestrator.repo.commits import Draft, build_all
from orchestrator.repo.git import Git
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.trees import Change

SCRIPT = '[[attempt]]\nexit = "complete"\n'
_FOLDERS = 40
_LINES = 20
_TOGETHER = 16
_WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def task(number: int) -> str:
    """Return the id of one of the plan's tasks."""
    return f"t{number:05}"


def path(number: int) -> str:
    """Return the file of one task; those below the repository's size are there before, the others are new."""
    return f"src/{number % _FOLDERS:02}/{number:05}.txt"


def opened(root: Path) -> Repo:
    """Return the repository at `root`, as a user has it."""
    repo = Repo(root)
    # Users have bytecode from the first start on; compiling the package at each would be measured as start-up.
    del repo.env["PYTHONDONTWRITEBYTECODE"]
    return repo


def code(root: Path, files: int) -> Repo:
    """Write a repository of `files` files and no plan: what a peer works on."""
    repo = opened(root).init()
    _import(repo, ((path(number), f"line of file {number}\n" * _LINES) for number in range(files)))
    return repo


def project(root: Path, tasks: int, files: int, *, agent: str = "", jobs: int = 16) -> Repo:
    """Write a repository of `files` files and a plan of `tasks` tasks; `agent` is a shell command, empty for scripted."""
    repo = code(root, files)
    _import(repo, _plan(tasks), "from refs/heads/main^0\n")
    more = f"[limits]\njobs = {jobs}\n"
    if agent:
        repo.shell_agent(agent, verify="true", more=more)
    else:
        repo.config(SCRIPT, verify="true", more=more)
    repo.commit("the agent and the check")
    return repo


def extend(repo: Repo, first: int, last: int) -> None:
    """Write more tasks into the plan, as a person does."""
    for number in range(first, last):
        repo.write(f"specs/{task(number)}.md", spec(number))
    repo.write("TODO.md", repo.read("TODO.md") + "".join(_line(number) for number in range(first, last)))
    repo.commit("more tasks")


def _line(number: int) -> str:
    return f"- [ ] {task(number)}: do number {number}\n"


def _plan(tasks: int) -> Iterable[tuple[str, str]]:
    yield "TODO.md", "# TODO\n\n## Implementing\n\n" + "".join(_line(number) for number in range(tasks))
    for number in range(tasks):
        yield f"specs/{task(number)}.md", spec(number)


def spec(number: int) -> str:
    """Return the contract of one task."""
    return (
        f"# Spec: do number {number}\n\n## Goal\n\n{path(number)} says so.\n\n## Files to Modify\n\n- {path(number)}\n\n"
        f"## Requirements\n\n- It is said once\n\n## Deliverable\n\n- The file\n"
    )


def _import(repo: Repo, files: Iterable[tuple[str, str]], parent: str = "") -> None:
    """Commit `files` in one process and check them out: as fast as git can, for this is not measured."""
    stream = bytearray(b"commit refs/heads/main\ncommitter A <a@example.org> 1770000000 +0000\ndata 5\nfiles\n")
    stream += parent.encode()
    for name, text in files:
        stream += b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(text), text.encode())
    subprocess.run(["git", "fast-import", "--quiet"], cwd=repo.root, env=repo.env, input=bytes(stream), check=True)
    repo.git("reset", "-q", "--hard")


def finish_attempts(repo: Repo, tasks: int) -> None:
    """Record a finished attempt for each of the plan's tasks, as dispatch does, from the plan's own checkpoint."""
    repo.run("checkpoint", "-m", "the plan", timeout=600)
    base = repo.git("rev-parse", "HEAD")
    ids = _spec_ids(repo)
    attempts = [_finished(number, base, ids[f"specs/{task(number)}.md"]) for number in range(tasks)]
    _build(repo, [(done.ref, draft(done, [_work(number)], base)) for number, done in enumerate(attempts)])


def branches(repo: Repo, count: int) -> list[str]:
    """Make a branch for each of the first tasks, with the same change as its attempt; return their names."""
    base = repo.git("rev-parse", "HEAD")
    names = [f"refs/heads/work/{task(number)}" for number in range(count)]
    drafts = [Draft(f"{task(number)}\n", (_work(number),), _WHEN, parent=base) for number in range(count)]
    _build(repo, list(zip(names, drafts, strict=True)))
    return names


def _build(repo: Repo, drafts: list[tuple[str, Draft]]) -> None:
    """Write the commits sixteen at a time, as sixteen jobs leave them: loose, not packed."""
    for first in range(0, len(drafts), _TOGETHER):
        build_all(Git(repo.root, repo.env), ObjectFolders(repo.root / ".git"), drafts[first : first + _TOGETHER])


def _finished(number: int, base: str, spec_id: str) -> Attempt:
    return Attempt(
        task=task(number),
        number=1,
        commit="",
        base=base,
        spec=spec_id,
        agent="scripted",
        fate=Fate.FINISHED,
        failure=None,
        seconds=0.1,
        detail="",
        result=_result(number).encode(),
        when=_WHEN,
    )


def _spec_ids(repo: Repo) -> dict[str, str]:
    lines = repo.git("ls-tree", "-r", "HEAD", "specs/").split("\n")
    return {name: facts.split(" ")[2] for facts, name in (line.split("\t") for line in lines)}


def _work(number: int) -> Change:
    return Change(path(number), "100644", f"done by {task(number)}\n".encode())


def _result(number: int) -> str:
    return (
        f"## Result: do number {number}\n\n**Status**: Complete\n"
        f"**Decisions**: {path(number)} says it in one line, as its neighbours do\n"
        f"**Tests needed**: that {path(number)} is read once\n**Issues**: None\n"
    )


def copied(repo: Repo, root: Path) -> Repo:
    """Return a copy of `repo` at `root` as git left it: its index knows the new files, and all is on the disk.

    Nothing is deleted to make room: ext4 makes new files several times slower for minutes where many were deleted.
    """
    shutil.copytree(repo.root, root, symlinks=True)
    copy = Repo(root, repo.env)
    copy.git("update-index", "-q", "--refresh")
    os.sync()
    return copy


def on_disk(repo: Repo) -> int:
    """Return the bytes that .git takes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in (repo.root / ".git").rglob("*"))
