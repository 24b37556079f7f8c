"""What no finished run may leave behind, whatever happened before: locks, temporary files, worktrees, processes, faults."""

import os
from pathlib import Path

from harness import Repo


def found(repo: Repo) -> list[str]:
    """Return everything that is left over or unwell in a repository where nothing is uncommitted."""
    return [*left(repo), *processes(repo), *uncommitted(repo), *unsound(repo), *unwell(repo)]


def left(repo: Repo) -> list[str]:
    """Return the locks, temporary files, worktrees and refs that a finished run has no use for."""
    git_dir = repo.root / ".git"
    paths = [
        *(path for path in git_dir.rglob("*.lock") if path.name != "orchestrator.lock"),
        *repo.root.rglob(".*.orchestrator-tmp"),
        *(git_dir / "objects").rglob("tmp_*"),
        *(git_dir / "objects").rglob("*.keep"),
        *(pack for pack in (git_dir / "objects").rglob("*.pack") if not pack.with_suffix(".idx").exists()),
        *(path for path in (git_dir / "worktrees").glob("*") if path.name != "verify"),
        *(path for path in (repo.root / ".orchestrator" / "worktrees").glob("*") if path.name != "verify"),
        *(repo.root / ".orchestrator" / "tmp").glob("*.lock"),
    ]
    refs = repo.git("for-each-ref", "--format=%(refname)", "refs/heads/orchestrator", "refs/orchestrator/advance")
    return [f"left over: {path}" for path in [*(str(path.relative_to(repo.root)) for path in paths), *refs.split()]]


def processes(repo: Repo) -> list[str]:
    """Return the processes of this repository's attempts that are still alive."""
    return [f"process {pid} is left" for pid in carrying(f"ORCHESTRATOR_TOKEN=orchestrator:{repo.root.resolve()}:")]


def carrying(marker: str) -> list[int]:
    """Return the processes that have a variable starting with `marker` in their environment."""
    pids = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - hot: no Path per pid
        if name.isdigit():
            try:
                block = Path(f"/proc/{name}/environ").read_bytes()
            except OSError:
                continue
            if any(entry.startswith(marker.encode()) for entry in block.split(b"\0")):
                pids.append(int(name))
    return pids


def uncommitted(repo: Repo) -> list[str]:
    """Return what the checkout shows besides HEAD."""
    status = repo.git("status", "--porcelain")
    return [f"git status: {status}"] if status else []


def unsound(repo: Repo) -> list[str]:
    """Return what git says is broken."""
    try:
        repo.git("fsck", "--strict", "--no-dangling")
    except AssertionError as error:
        return [str(error)]
    return []


def unwell(repo: Repo) -> list[str]:
    """Return what `doctor` finds to be an error."""
    doctor = repo.run("doctor", code=None)
    return [f"doctor: exit {doctor.code}\n{doctor.out}{doctor.err}"] if doctor.code else []
