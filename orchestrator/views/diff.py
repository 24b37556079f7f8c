"""`diff`: what changed between two checkpoints: tasks, files, decisions, and what it cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator import policy
from orchestrator.documents.result import Result
from orchestrator.documents.state import State
from orchestrator.errors import DocumentError, Exit, OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.repo.history import ledger, number, walk
from orchestrator.repo.refs import resolve
from orchestrator.repo.trees import blobs
from orchestrator.steps.chapter import is_logged_here
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO, result_path
from orchestrator.views.log import Record, record
from orchestrator.views.names import find

_DIGITS = 6  # a longer number is the start of a commit id
_OWN = (TODO, STATE, SPECS, CHECKPOINTS)


@dataclass(frozen=True)
class FileChange:
    """One changed file; the counts are None for what git calls binary."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True)
class Diff:
    """What lies between the commits `start` and `end`.

    Attributes:
        landed: tasks that are done at the end and were not at the start.
        reopened: the other way round.
        files: changed files, the program's own documents left out.
        documents: how many of those changed.
        decisions: those the landed tasks reported, and those a person added to the log.
        checkpoints: the ones made in between, oldest first.
        cost: what the commits in between say that they cost, in US dollars.
    """

    start: str
    end: str
    landed: tuple[str, ...]
    reopened: tuple[str, ...]
    files: tuple[FileChange, ...]
    documents: int
    decisions: tuple[str, ...]
    checkpoints: tuple[Record, ...]
    cost: float


def ends(git: Git, spec: str) -> tuple[str, str]:
    """Return the two commits of `A..B`: checkpoint numbers or anything git knows; `A` alone goes up to HEAD.

    Raises:
        OrchestratorError: one of them is unknown (the hint names the nearest), or there is no commit at all.
    """
    first, dots, second = spec.partition("..")
    if dots and (not first or second.startswith(".")):
        raise OrchestratorError(f"{spec!r} is no range", hint="orchestrator diff 3..7   # or: 3..HEAD", code=Exit.USAGE)
    if resolve(git, "HEAD") is None:
        raise OrchestratorError("there are no commits yet", hint="orchestrator run", code=Exit.PRECONDITION)
    return commit_of(git, first), commit_of(git, second or "HEAD")


def commit_of(git: Git, name: str) -> str:
    """Return the commit of the checkpoint numbered `name`, or of whatever git calls so.

    Raises:
        OrchestratorError: there is none; the hint names the nearest.
    """
    if name.isdecimal() and name.isascii() and len(name) <= _DIGITS:
        found = next(walk(git, "HEAD", "-E", f"--grep=^Checkpoint: 0*{int(name)}$", "-1"), None)
        if found:
            return found.commit
    commit = resolve(git, name)
    if commit:
        return commit
    known = [said for entry in walk(git, "HEAD", "--grep=^Checkpoint: ") if (said := entry.get("Checkpoint"))]
    if name.isdecimal() and known:
        newest = max(known, key=lambda said: number(said) or 0)
        raise OrchestratorError(
            f"there is no checkpoint {name!r}",
            hint=f"did you mean {newest}? It is the newest; orchestrator log lists them",
            code=Exit.PRECONDITION,
        )
    return find(name, known, "checkpoint or commit", "orchestrator log lists them")


def diff(git: Git, start: str, end: str) -> Diff:
    """Return what changed from `start` to `end`."""
    before, after = ledger(git, start).landed, ledger(git, end).landed
    landed = tuple(task for task in after if task not in before)
    changes = list(_files(git, start, end))
    between = [record(entry) for entry in walk(git, end, "--grep=^Checkpoint: ", f"^{start}")]
    return Diff(
        start=start,
        end=end,
        landed=landed,
        reopened=tuple(task for task in before if task not in after),
        files=tuple(change for change in changes if not policy.covers(_OWN, change.path)),
        documents=sum(policy.covers(_OWN, change.path) for change in changes),
        decisions=tuple(_decisions(git, start, end, landed)),
        checkpoints=tuple(item for item in reversed(between) if item.checkpoint),
        cost=sum(record(entry).cost or 0.0 for entry in walk(git, end, "--grep=^Cost-Usd: ", f"^{start}")),
    )


def _files(git: Git, start: str, end: str) -> Iterator[FileChange]:
    how = ["--numstat", "--no-renames", "--text", "--no-ext-diff", "--no-textconv"]
    for line in git.records("diff-tree", "-r", "-z", *how, start, end):
        added, removed, path = line.split("\t", 2)
        yield FileChange(path, _count(added), _count(removed))


def _count(word: str) -> int | None:
    return int(word) if word.isdecimal() else None


def _decisions(git: Git, start: str, end: str, landed: Sequence[str]) -> Iterator[str]:
    paths = {f"{end}:{result_path(task)}": task for task in landed}
    for name, data in blobs(git, paths).items():
        try:
            said = Result.parse(data, result_path(paths[name])).decisions
        except DocumentError:
            continue
        yield from (f"{one_line(line)} (`{paths[name]}`)" for line in said)
    old = set(_logged(git, start))
    yield from (line for line in _logged(git, end) if line not in old and not is_logged_here(line))


def _logged(git: Git, commit: str) -> tuple[str, ...]:
    data = blobs(git, [f"{commit}:{STATE}"]).get(f"{commit}:{STATE}")
    try:
        return State.parse(data, STATE).decisions if data else ()
    except DocumentError:
        return ()


def text(shown: Diff, most: int) -> str:
    """Return the difference as a person reads it; lists of at most `most` lines."""
    added = sum(change.added or 0 for change in shown.files)
    removed = sum(change.removed or 0 for change in shown.files)
    lines = [f"{shown.start[:10]}..{shown.end[:10]}"]
    points = [f"{item.checkpoint:04d}  {one_line(item.subject, 90)}" for item in shown.checkpoints]
    files = [f"{_sign('+', c.added)} {_sign('-', c.removed)}  {one_line(c.path)}" for c in shown.files]
    lines += _listed("checkpoints", points, most)
    lines += _listed("landed", shown.landed, most)
    lines += _listed("reopened", shown.reopened, most)
    lines += _listed("decisions", shown.decisions, most)
    lines += _listed(f"files (+{added} -{removed})", files, most)
    if shown.documents:
        lines.append(f"documents of the project's memory: {shown.documents} changed")
    if shown.cost:
        lines.append(f"cost: {shown.cost:.4f} USD")
    return "\n".join(lines)


def _sign(sign: str, count: int | None) -> str:
    return f"{sign}{'?' if count is None else count}".rjust(6)


def _listed(name: str, found: Sequence[str], most: int) -> list[str]:
    if not found:
        return []
    more = len(found) - most
    return [
        f"{name}: {len(found)}" if "(" not in name else f"{name}: {len(found)} changed",
        *(f"  {line}" for line in found[:most]),
        *([f"  ... {more} more: --all"] if more > 0 else []),
    ]
