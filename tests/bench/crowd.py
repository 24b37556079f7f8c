"""Many at once: so many command agents at the same time; none may fail, none may starve, and the leader stays small."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from harness import Repo

from bench import projects
from bench.report import Report, ratio
from bench.watching import MIB, Ran, WrongError, timed, watched

_COLUMNS = ("case", "tasks", "runs", "seconds", "ratio", "fastest", "median", "p95", "slowest", "MiB peak")


def many(folder: Path, runs: int, agents: int, rounds: int, seconds: float, files: int) -> Report:
    """Carry out `rounds` tasks for each of `agents` agents; each thinks for `seconds` and writes its file."""
    tasks = agents * rounds
    report = Report(f"Many at once: {agents} command agents, {rounds} tasks each, {seconds:g} s of work", _COLUMNS)
    template = projects.project(folder / "many", tasks, files, agent=_agent(seconds), jobs=agents)
    ran = []
    bare = []
    for number in range(runs):
        repo = projects.copied(template, folder / f"run-{number}")
        ran.append(watched(repo))
        _check(repo, ran[-1], tasks)
        bare.append(_bare(folder, tasks, agents, seconds))
    middle = sorted(ran, key=lambda each: each.seconds)[len(ran) // 2]
    least = median(bare)
    _ours(report, ran, tasks, least)
    for name, (first, last) in _SPANS.items():
        report.row(case=f"  {name}", tasks=tasks, runs=1, **_spread(spans(middle, first, last)))
    report.row(case="the same commands alone, xargs", tasks=tasks, runs=runs, seconds=least, ratio=1.0)
    report.notes.append("ratio: by the time of the same commands, as many at once, without repository or record")
    report.notes.append(
        "fairness: from its start to the agent's, of its agent, and to its record, of each attempt of one run"
    )
    report.series["agents at work"] = _at_work(middle)
    return report


_SPANS = {
    "start to agent": ("attempt.started", "agent.started"),
    "agent": ("agent.started", "agent.ended"),
    "agent to record": ("agent.ended", "attempt.recorded"),
    "record to landed": ("attempt.recorded", "landed"),
}


def _agent(seconds: float) -> str:
    return f'sleep {seconds:g}; mkdir -p "$(dirname "$1")" && echo "$ORCHESTRATOR_TASK" > "$1"'


def _ours(report: Report, ran: Sequence[Ran], tasks: int, least: float) -> None:
    took = median(each.seconds for each in ran)
    peak = max(each.peak for each in ran) / MIB
    report.row(
        case="orchestrator run", tasks=tasks, runs=len(ran), seconds=took, ratio=ratio(took, least), MiB_peak=peak
    )


def spans(ran: Ran, first: str, last: str) -> list[float]:
    """Return the seconds of each attempt between two of its events."""
    began = {told.task: told.at for told in ran.told if told.name == first}
    return sorted(told.at - began[told.task] for told in ran.told if told.name == last and told.task in began)


def _spread(seconds: Sequence[float]) -> Mapping[str, float]:
    if len(seconds) < 2:
        return {}
    return {
        "fastest": seconds[0],
        "median": median(seconds),
        "p95": quantiles(seconds, n=20)[-1],
        "slowest": seconds[-1],
    }


def _at_work(ran: Ran) -> list[tuple[float, int]]:
    """Return how many agents worked, at each moment that this changed."""
    steps = {"agent.started": 1, "agent.ended": -1}
    now, found = 0, []
    for told in ran.told:
        if told.name in steps:
            now += steps[told.name]
            found.append((round(told.at, 2), now))
    return found


def _bare(folder: Path, tasks: int, agents: int, seconds: float) -> float:
    numbers = "".join(f"{number}\n" for number in range(tasks))
    work = f'sleep {seconds:g}; echo "$0" > "{folder}/bare-$0"'
    return timed(["xargs", "-n", "1", "-P", str(agents), "sh", "-c", work], folder, {}, stdin=numbers).seconds


def _check(repo: Repo, ran: Ran, tasks: int) -> None:
    """Refuse a run in which an attempt failed, or whose work is not all there."""
    bad = [told.task for told in ran.told if told.name == "attempt.recorded" and told.facts["fate"] != "finished"]
    starts = ran.moments("attempt.started")
    if bad or len(starts) != tasks:
        raise WrongError(f"{len(starts)} attempts for {tasks} tasks; failed: {', '.join(bad) or 'none'}")
    wrong = [n for n in range(tasks) if repo.read(projects.path(n)) != f"{projects.task(n)}\n"]
    if wrong or len(set(repo.landed())) != tasks:
        raise WrongError(f"{len(set(repo.landed()))} of {tasks} landed; {len(wrong)} files are wrong")
