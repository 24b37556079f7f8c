"""The whole cycle: so many empty tasks from ready to landed, beside bare git commands and durable engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from harness import Repo

from bench import peers, projects
from bench.report import Report, ratio
from bench.watching import Ran, WrongError, watched

_COLUMNS = ("case", "tasks", "runs", "seconds", "ms a task", "ratio", "drift", "MiB peak", "KiB a task")
_WINDOW = 100  # tasks whose mean is called the cost of the one in their middle
_MIB = 1024 * 1024


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
    report = Report("Whole cycle: worktree, attempt, record, land, checkpoint; 16 jobs", _COLUMNS)
    report.notes.append("ratio: the program's time a task by the peer's; below 1 the program is quicker")
    report.notes.append(f"drift: the cost of the last {_WINDOW} tasks that landed, by that of tasks 51 to 150")
    report.notes.append(
        "bare git commands run one after another in a repository without plan, and keep one line of state"
    )
    report.notes.append("engines keep no code and no worktree: their tasks are steps that return a number")
    for case in cases:
        _case(report, folder, runs, case, python)
    return report


def _case(report: Report, folder: Path, runs: int, case: Case, python: Path) -> None:
    template = projects.project(folder / "cycle", case.tasks, case.files, agent=case.agent, jobs=case.jobs)
    peer = projects.code(folder / "peer", case.files)
    copy = folder / "copy"
    ran: list[Ran] = []
    bare: dict[str, list[float]] = {name: [] for name in peers.SETTINGS}
    engines: dict[str, list[float]] = {}
    grown = 0
    for _ in range(runs):
        repo = projects.copied(template, copy)
        empty = projects.on_disk(repo)
        ran.append(watched(repo))
        check(repo, case.tasks)
        grown = projects.on_disk(repo) - empty
        for name, settings in peers.SETTINGS.items() if case.bare else ():
            bare[name].append(peers.bare_git(projects.copied(peer, copy), case.bare, settings))
        if case.engines:
            _engines(report, engines, case, python, folder)
    cost = _ours(report, case, ran, grown)
    for name, seconds in bare.items():
        _peer(report, f"bare git commands, {name}", case.bare, seconds, cost)
    for name, seconds in engines.items():
        _peer(report, name, case.tasks, seconds, cost)
    for made in (template.root, peer.root, copy):
        projects.forget(made)


def _engines(report: Report, found: dict[str, list[float]], case: Case, python: Path, folder: Path) -> None:
    for engine in peers.ENGINES:
        why = peers.missing(python, engine)
        if why:
            report.notes += [f"{engine.name}: skipped, {why}"] * (engine.name not in " ".join(report.notes))
        else:
            found.setdefault(engine.name, []).append(peers.stepped(python, engine, case.tasks, folder)[0])


def _ours(report: Report, case: Case, ran: Sequence[Ran], grown: int) -> float:
    """Add our row and return its milliseconds a task."""
    middle = sorted(ran, key=lambda each: each.seconds)[len(ran) // 2]
    seconds = median(each.seconds for each in ran)
    costs = windows(middle.moments("landed"))
    report.row(
        case=case.name,
        tasks=case.tasks,
        runs=len(ran),
        seconds=seconds,
        ms_a_task=seconds / case.tasks * 1000,
        drift=drift(middle.moments("landed")),
        MiB_peak=max(each.peak for each in ran) / _MIB,
        KiB_a_task=grown / case.tasks / 1024,
    )
    step = max(1, len(middle.memory) // 100)
    memory = [(round(at, 1), round(held / _MIB, 1)) for at, held in middle.memory[::step]]
    report.series[case.name] = {f"ms a task, in windows of {_WINDOW}": costs, "MiB at second": memory}
    return seconds / case.tasks * 1000


def _peer(report: Report, name: str, tasks: int, seconds: Sequence[float], ours: float) -> None:
    if seconds:
        each = median(seconds) / tasks * 1000
        facts = {"runs": len(seconds), "seconds": median(seconds), "ms_a_task": each}
        report.row(case=f"  {name}", tasks=tasks, ratio=ratio(ours, each), **facts)


def windows(landed: Sequence[float]) -> list[float]:
    """Return the milliseconds a task in each window of a hundred, in the order they landed."""
    edges = landed[_WINDOW - 1 :: _WINDOW]
    return [round((after - before) / _WINDOW * 1000, 3) for before, after in pairwise(edges)]


def drift(landed: Sequence[float]) -> float | None:
    """Return the cost of the last hundred tasks by that of the tasks around the hundredth; None where there are few."""
    if len(landed) < 3 * _WINDOW:
        return None
    half = _WINDOW // 2
    first = landed[_WINDOW + half - 1] - landed[half - 1]
    return (landed[-1] - landed[-_WINDOW - 1]) / first


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
