"""Landing: so many finished attempts become so many verified commits, beside `git merge` of the same commits."""

from collections.abc import Sequence
from pathlib import Path

from harness import Repo

from bench import costs, peers, projects
from bench.report import Report
from bench.watching import MIB, Ran, WrongError, watched

_WHOLE = "orchestrator run"


def landing(folder: Path, runs: int, sizes: Sequence[int], files: int, merges: int) -> Report:
    """Measure each size: all of a plan's finished attempts landed by one `orchestrator run`."""
    report = Report(
        f"Landing finished attempts, {files:,} files", (*costs.COLUMNS, "verified", "MiB peak"), notes=[*costs.NOTES]
    )
    report.notes.append(
        f"git merge is measured on at most {merges} branches of a repository without plan, and keeps no state"
    )
    peer = projects.code(folder / "peer", files)
    branches = projects.branches(peer, min(max(sizes), merges))
    for size in sizes:
        template = projects.project(folder / f"landing-{size}", size, files)
        projects.finish_attempts(template, size)
        _size(report, template, peer, runs, size, branches[:size])
    found = [float(row["ms a task"] or 0) for row in report.rows if row["case"] == _WHOLE]
    report.notes += [
        f"a task of {size:,} costs {cost / found[0]:.2f} of one of {sizes[0]:,}"
        for size, cost in zip(sizes[1:], found[1:], strict=True)
    ]
    return report


def _size(report: Report, template: Repo, peer: Repo, runs: int, size: int, branches: Sequence[str]) -> None:
    ran: list[Ran] = []
    merged: dict[str, list[Ran]] = {name: [] for name in peers.SETTINGS}
    verified = 0
    for number in range(runs):
        place = template.root.parent / f"run-{size}-{number}"
        repo = projects.copied(template, place / "ours")
        ran.append(watched(repo))
        verified = check(repo, ran[-1], size)
        for name, settings in peers.SETTINGS.items():
            merged[name].append(peers.merges(projects.copied(peer, place / name), branches, settings))
    peak = max(each.peak for each in ran) / MIB
    ours = costs.add(report, _WHOLE, size, ran, verified=verified, **{"MiB peak": peak})
    costs.add(report, "  its landing alone", size, [_alone(each) for each in ran])
    for name, each in merged.items():
        costs.add(report, f"git merge, {name}", len(branches), each, ours)


def _alone(ran: Ran) -> Ran:
    """Return the part of a run after the base was proved: the verify worktree is there, and the loop starts."""
    return Ran(ran.moments("landed")[-1] - ran.moments("verify.ended")[0])


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
