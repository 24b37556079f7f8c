"""Landing: so many finished attempts become so many verified commits, beside `git merge` of the same commits."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from harness import Repo

from bench import peers, projects
from bench.report import Report, ratio
from bench.watching import Ran, WrongError, watched

_COLUMNS = ("case", "tasks", "runs", "seconds", "ms a task", "ratio", "verified")
_WHOLE = "orchestrator run"


def landing(folder: Path, runs: int, sizes: Sequence[int], files: int, merges: int) -> Report:
    """Measure each size: all of a plan's finished attempts landed by one `orchestrator run`."""
    report = Report(f"Landing finished attempts, {files:,} files", _COLUMNS)
    report.notes.append("ratio: the program's time a task by git's; below 1 the program is quicker")
    report.notes.append(
        f"git merge is measured on at most {merges} branches of a repository without plan, and keeps no state"
    )
    peer = projects.code(folder / "peer", files)
    branches = projects.branches(peer, min(max(sizes), merges))
    for size in sizes:
        template = projects.project(folder / f"landing-{size}", size, files)
        projects.finish_attempts(template, size)
        _size(report, template, peer, runs, size, branches[:size])
        projects.forget(template.root)
    costs = [float(row["ms a task"] or 0) for row in report.rows if row["case"] == _WHOLE]
    report.notes += [
        f"a task of {size:,} costs {cost / costs[0]:.2f} of one of {sizes[0]:,}"
        for size, cost in zip(sizes[1:], costs[1:], strict=True)
    ]
    return report


def _size(report: Report, template: Repo, peer: Repo, runs: int, size: int, branches: Sequence[str]) -> None:
    copy = template.root.parent / "copy"
    whole, alone, verified = [], [], 0
    merged: dict[str, list[float]] = {name: [] for name in peers.SETTINGS}
    for _ in range(runs):
        repo = projects.copied(template, copy)
        ran = watched(repo)
        verified = check(repo, ran, size)
        whole.append(ran.seconds)
        alone.append(ran.moments("landed")[-1] - ran.moments("skipping")[-1])
        for name, settings in peers.SETTINGS.items():
            merged[name].append(peers.merges(projects.copied(peer, copy), branches, settings))
    projects.forget(copy)
    cost = _row(report, _WHOLE, size, whole, verified=verified)
    _row(report, "  its landing alone", size, alone)
    for name, seconds in merged.items():
        each = median(seconds) / len(branches) * 1000
        _row(report, f"git merge, {name}", len(branches), seconds, ratio=ratio(cost, each))


def _row(report: Report, case: str, tasks: int, seconds: Sequence[float], **more: float | None) -> float:
    """Add a row and return its milliseconds a task."""
    each = median(seconds) / tasks * 1000
    report.row(case=case, tasks=tasks, runs=len(seconds), seconds=median(seconds), ms_a_task=each, **more)
    return each


def check(repo: Repo, ran: Ran, size: int) -> int:
    """Return how often a run verified, beside the base.

    Raises:
        WrongError: it did not do the work: a task did not land, a file is not there, the checkout does not follow.
    """
    landed = repo.landed()
    if sorted(landed) != [projects.task(number) for number in range(size)]:
        raise WrongError(f"{len(set(landed))} of {size} tasks landed")
    if repo.read(projects.path(size - 1)) != f"done by {projects.task(size - 1)}\n":
        raise WrongError("the last task's file is not what its attempt wrote")
    if repo.git("status", "--porcelain"):
        raise WrongError("the checkout does not follow the branch")
    return len(ran.moments("verify.ended")) - 1
