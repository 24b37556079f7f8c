"""The whole cycle: so many empty tasks from ready to landed, beside bare git commands and durable engines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from harness import Repo

from bench import costs, peers, projects
from bench.report import Report
from bench.watching import MIB, Look, Ran, WrongError, watched

_WINDOW = 100  # tasks whose mean is called the cost of the one in their middle
_TOGETHER = 0.05  # seconds between two landings of one batch, at most
_NOTES = (
    f"drift: the cost of the last {_WINDOW} tasks that landed while others started, by that of tasks 51 to 150; median",
    "bare git commands run one after another in a repository without plan, and keep one line of state",
    "engines keep no code and no worktree: their tasks are steps that return a number",
)


@dataclass(frozen=True)
class Case:
    """What to measure: how many tasks, in how many files, by whom; and how many of them the bare commands get."""

    name: str
    tasks: int
    files: int
    agent: str = ""
    bare: int = 0
    engines: bool = False
    jobs: int = 16


def cycle(folder: Path, runs: int, cases: Sequence[Case], python: Path) -> Report:
    """Measure each case: the plan carried out from nothing by one `orchestrator run`."""
    title = "Whole cycle: worktree, attempt, record, land, checkpoint; 16 jobs"
    report = Report(
        title, (*costs.COLUMNS, "drift", "CPU drift", "MiB peak", "KiB a task"), notes=[*costs.NOTES, *_NOTES]
    )
    gone = [engine for engine in peers.ENGINES if peers.missing(python, engine)]
    if gone and any(case.engines for case in cases):
        names = ", ".join(engine.name for engine in gone)
        report.notes.append(f"skipped, for {python} does not have them (python -m bench peers): {names}")
    for number, case in enumerate(cases):
        _case(report, folder / str(number), runs, case, python)
    return report


def _case(report: Report, folder: Path, runs: int, case: Case, python: Path) -> None:
    template = projects.project(folder / "cycle", case.tasks, case.files, agent=case.agent, jobs=case.jobs)
    peer = projects.code(folder / "peer", case.files)
    ran: list[Ran] = []
    others: dict[tuple[str, int], list[Ran]] = {}
    grown = 0
    for number in range(runs):
        repo = projects.copied(template, folder / f"ours-{number}")
        empty = projects.on_disk(repo)
        ran.append(watched(repo))
        check(repo, case.tasks)
        grown = projects.on_disk(repo) - empty
        for name, settings in peers.SETTINGS.items() if case.bare else ():
            found = peers.bare_git(projects.copied(peer, folder / f"{name}-{number}"), case.bare, settings)
            others.setdefault((f"bare git commands, {name}", case.bare), []).append(found)
        for engine in _engines(case, python):
            others.setdefault((engine.name, case.tasks), []).append(peers.stepped(python, engine, case.tasks, folder))
    ours = _ours(report, case, ran, grown)
    for (name, tasks), found in others.items():
        costs.add(report, f"  {name}", tasks, found, ours)


def _engines(case: Case, python: Path) -> Iterator[peers.Engine]:
    return (engine for engine in peers.ENGINES if case.engines and not peers.missing(python, engine))


def _ours(report: Report, case: Case, ran: Sequence[Ran], grown: int) -> costs.Cost:
    """Add our row and return what a task cost."""
    middle = sorted(ran, key=lambda each: each.seconds)[len(ran) // 2]
    looks = middle.looks[:: max(1, len(middle.looks) // 100)]
    report.series[case.name] = {
        f"ms a task, in windows of {_WINDOW}": windows(_moments(middle)),
        "MiB at second": [(round(look.at, 1), round(look.resident / MIB, 1)) for look in looks],
    }
    more = {
        "drift": _median(drift(_busy(each)) for each in ran),
        "CPU drift": _median(drift(worked(_busy(each), each.looks)) for each in ran),
        "MiB peak": max(each.peak for each in ran) / MIB,
        "KiB a task": grown / case.tasks / 1024,
    }
    return costs.add(report, case.name, case.tasks, ran, **more)


def _moments(run: Ran) -> list[float]:
    return steady(run.moments("landed"), run.moments("attempt.started")[0])


def _busy(run: Ran) -> list[float]:
    """Return when each task was done that landed while others started."""
    last = run.moments("attempt.started")[-1]
    return [moment for moment in _moments(run) if moment <= last]


def _median(found: Iterable[float | None]) -> float | None:
    known = [each for each in found if each is not None]
    return median(known) if known else None


def steady(landed: Sequence[float], start: float = 0.0) -> list[float]:
    """Return when each task was done, if the tasks that land together are done one after another since the last ones."""
    edges = [number for number, (at, after) in enumerate(pairwise(landed)) if after - at > _TOGETHER]
    moments: list[float] = []
    for last in [*edges, len(landed) - 1]:
        count = last + 1 - len(moments)
        began = moments[-1] if moments else start
        moments += [began + (landed[last] - began) * number / count for number in range(1, count + 1)]
    return moments


def worked(moments: Sequence[float], looks: Sequence[Look]) -> list[float]:
    """Return the processor seconds used until each of the moments; between two looks they are taken as even."""
    if len(looks) < 2:
        return list(moments)
    found, ahead = [], 1
    for moment in moments:
        while ahead < len(looks) - 1 and looks[ahead].at < moment:
            ahead += 1
        before, after = looks[ahead - 1], looks[ahead]
        share = (moment - before.at) / (after.at - before.at)
        found.append(before.cpu + (after.cpu - before.cpu) * share)
    return found


def windows(moments: Sequence[float]) -> list[float]:
    """Return the milliseconds a task in each window of a hundred."""
    edges = moments[_WINDOW - 1 :: _WINDOW]
    return [round((after - before) / _WINDOW * 1000, 3) for before, after in pairwise(edges)]


def drift(moments: Sequence[float]) -> float | None:
    """Return the cost of the last hundred tasks by that of the tasks around the hundredth; None where there are few."""
    if len(moments) < 3 * _WINDOW:
        return None
    half = _WINDOW // 2
    first = moments[_WINDOW + half - 1] - moments[half - 1]
    return (moments[-1] - moments[-_WINDOW - 1]) / first


def check(repo: Repo, tasks: int) -> None:
    """Refuse a run that did not do the work.

    Raises:
        WrongError: a task did not land or has no checkpoint, the checkout does not follow, or a worktree is left.
    """
    landed = repo.landed()
    if sorted(landed) != [projects.task(number) for number in range(tasks)]:
        raise WrongError(f"{len(set(landed))} of {tasks} tasks landed")
    points = repo.git("log", "--format=%(trailers:key=Checkpoint,valueonly,separator=%x2C)").split()
    if len(set(points)) < tasks:
        raise WrongError(f"{len(set(points))} checkpoints for {tasks} tasks")
    if repo.git("status", "--porcelain"):
        raise WrongError("the checkout does not follow the branch")
    refs = repo.git("for-each-ref", "--format=x", "refs/orchestrator/attempts").count("x")
    if refs < tasks:
        raise WrongError(f"{refs} attempts are kept of {tasks}")
