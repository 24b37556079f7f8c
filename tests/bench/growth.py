"""Growth: what the verbs cost on a finished project of so many checkpoints, what it takes on disk, and its brief."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from harness import Repo

from bench import keeping, projects
from bench.report import Report, ratio
from bench.watching import Ran, WrongError, program, timed, watched

_VERBS = ("status", "brief", "log", "run")
_PEERS = {"git status": ("status", "--short"), "git log -20": ("log", "-20", "--oneline")}
_COLUMNS = ("case", "checkpoints", "runs", "seconds", "ratio", "CPU seconds", "CPU ratio", "KiB each", "objects")
_NOTES = (
    "KiB each: what .git grew by, per checkpoint, its attempt included; all landed in one run",
    "git's own commands show what the same question costs without a program around it",
)
_AHEAD = 16  # tasks still open when a brief is measured: a fresh session has something to take up


def growth(cache: Path, runs: int, sizes: Sequence[int], files: int) -> Report:
    """Measure `status`, `brief`, `log` and `run` with nothing left to do, at each size."""
    report = Report(
        "Growth: a finished project", _COLUMNS, notes=[f"ratio: by that at {sizes[0]:,} checkpoints", *_NOTES]
    )
    repos = {size: _finished(cache, size, files) for size in sizes}
    tips = [repo.git("rev-parse", "HEAD") for repo in repos.values()]
    for name in (*_VERBS, *_PEERS):
        _verb(report, name, repos, runs)
    if [repo.git("rev-parse", "HEAD") for repo in repos.values()] != tips:
        raise WrongError("a run with nothing to do moved the branch")
    for size, repo in repos.items():
        _disk(report, repo, size)
    return report


def _verb(report: Report, name: str, repos: Mapping[int, Repo], runs: int) -> None:
    """Add the rows of one verb; the sizes take turns, so that what else the machine does meets all alike."""
    ran: dict[int, list[Ran]] = {size: [] for size in repos}
    for _ in range(runs):
        for size, repo in repos.items():
            ran[size].append(_call(repo, name))
    first = Ran(0.0)
    for size, each in ran.items():
        now = Ran(median(one.seconds for one in each), cpu=median(one.cpu for one in each))
        first = first if first.seconds else now
        compared = {"ratio": ratio(now.seconds, first.seconds), "CPU ratio": ratio(now.cpu, first.cpu)}
        facts = {"case": name, "checkpoints": size, "runs": runs, "seconds": now.seconds, "CPU seconds": now.cpu}
        report.rows.append(facts | compared)


def _call(repo: Repo, name: str) -> Ran:
    if name in _PEERS:
        return timed(["git", *_PEERS[name]], repo.root, repo.env)
    return program(repo, name)


def _disk(report: Report, repo: Repo, size: int) -> None:
    """Add what the history takes, as the run left it and packed by git."""
    made = json.loads((repo.root.parent / "made.json").read_text())
    report.row(case=".git", checkpoints=size, KiB_each=made["grown"] / size / 1024, objects=made["objects"])
    report.row(case=".git after git gc", checkpoints=size, KiB_each=made["packed"] / size / 1024)


def _finished(cache: Path, size: int, files: int) -> Repo:
    """Return a project whose `size` tasks have landed, each a checkpoint; made by the program, once."""

    def make(folder: Path) -> None:
        repo = projects.project(folder / "repo", size, files)
        empty, packed = projects.on_disk(repo), _packed(repo)
        projects.finish_attempts(repo, size)
        watched(repo)
        if len(set(repo.landed())) != size:
            raise WrongError(f"{len(set(repo.landed()))} of {size} tasks landed")
        facts = {"grown": projects.on_disk(repo) - empty, "objects": _objects(repo), "packed": _packed(repo) - packed}
        (folder / "made.json").write_text(json.dumps(facts))

    return projects.opened(keeping.kept(cache, f"finished-{size}-{files}", make) / "repo")


def _packed(repo: Repo) -> int:
    """Return what a copy of .git takes once git has packed it."""
    with tempfile.TemporaryDirectory(dir=repo.root.parent) as place:
        copy = projects.copied(repo, Path(place) / "repo")
        copy.git("gc", "-q", "--prune=now")
        return projects.on_disk(copy)


def _objects(repo: Repo) -> int:
    counted = dict(line.split(": ") for line in repo.git("count-objects", "-v").split("\n"))
    return int(counted["count"]) + int(counted["in-pack"])


def tokens(cache: Path, sizes: Sequence[int], files: int) -> Report:
    """Measure the brief at each size, with tasks still open."""
    report = Report("Brief", ("checkpoints", "tokens", "characters", "ratio"))
    report.notes.append(
        f"{_AHEAD} tasks are open; ratio: tokens by those at {sizes[0]:,} checkpoints; never above 2,400"
    )
    first = 0.0
    for size in sizes:
        pack = json.loads(program(_open(cache, size, files), "brief", "--json").out)["data"]
        first = first or pack["tokens"]
        facts = {"tokens": pack["tokens"], "characters": pack["characters"]}
        report.row(checkpoints=size, ratio=ratio(pack["tokens"], first), **facts)
    return report


def _open(cache: Path, size: int, files: int) -> Repo:
    """Return a copy of the finished project of that size with some more tasks in its plan."""

    def make(folder: Path) -> None:
        repo = projects.copied(_finished(cache, size, files), folder / "repo")
        projects.extend(repo, size, size + _AHEAD)

    return projects.opened(keeping.kept(cache, f"open-{size}-{files}", make) / "repo")
