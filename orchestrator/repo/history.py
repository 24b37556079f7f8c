"""The history as records: which commits there are, and the trailers that say what each one did."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.repo.book import Book
from orchestrator.repo.git import Git, split_records

_REVERTS = re.compile(
    r"^This reverts commit (?P<commit>[0-9a-f]{7,64})(?:, reversing\nchanges made to (?P<against>[0-9a-f]{7,64}))?",
    re.MULTILINE,
)
# Parted by what no commit can hold: a subject with any other sign in it would be taken for two fields.
_FIELDS = ("%H", "%P", "%T", "%ct", "%an", "%s", "%(trailers)")
# Told one from another by us: asked for trailers alone, git calls them by what a person's configuration makes of them,
# and `Task` is `Task-Id` to it where that is the key of any of theirs.
_TRAILER = re.compile(r"^([A-Za-z0-9-]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LATEST = 253_402_300_799  # seconds: the last moment a datetime can hold
_DIGITS = 9  # of a number that was ever ours


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit: its id, parents, tree, time, author, subject line and trailers in order."""

    commit: str
    parents: tuple[str, ...]
    tree: str
    when: datetime
    author: str
    subject: str
    trailers: tuple[tuple[str, str], ...]

    def all(self, key: str) -> tuple[str, ...]:
        """Return every value of the trailer `key`."""
        return tuple(value for name, value in self.trailers if name == key)

    def get(self, key: str) -> str:
        """Return the last value of the trailer `key`, or an empty string."""
        return next(iter(reversed(self.all(key))), "")


def is_checkpoint(git: Git, commit: str) -> bool:
    """Whether `commit` carries a checkpoint."""
    return bool(next(walk(git, commit, "-1")).get("Checkpoint"))


def walk(git: Git, tip: str, *options: str) -> Iterator[Entry]:
    """Yield the commits reachable from `tip`, newest first; `options` are git log's, fixed by the caller's code."""
    output = git.run("log", "-z", f"--format={'%x00'.join(_FIELDS)}", *options, "--end-of-options", tip, "--")
    words = iter(split_records(output))
    for record in zip(*[words] * len(_FIELDS), strict=True):
        yield _entry(record)


def _entry(record: tuple[str, ...]) -> Entry:
    commit, parents, tree, seconds, author, subject, block = record
    return Entry(
        commit,
        tuple(parents.split()),
        tree,
        datetime.fromtimestamp(min(int(seconds), _LATEST), UTC),
        author,
        subject,
        tuple((key, " ".join(map(str.strip, value.split("\n"))).strip()) for key, value in _TRAILER.findall(block)),
    )


def reverts(git: Git, tip: str, *beyond: str) -> dict[str, tuple[str, ...]]:
    """Return the commits that undo others, as `git revert` says it in their bodies: each with all that it undoes."""
    grep = "--grep=^This reverts commit "
    words = iter(git.records("log", "-z", "--format=%H%x00%B", grep, "--end-of-options", tip, *beyond, "--"))
    found = {}
    for commit, body in zip(words, words, strict=True):
        undone: list[str] = []
        for match in _REVERTS.finditer(body):
            undone += _undone(git, match["commit"], match["against"])
        found[commit] = tuple(undone)
    return found


def _undone(git: Git, commit: str, against: str | None) -> list[str]:
    """Return `commit`, or, where it was a merge, all that it brought beside the parent it was reverted against."""
    if against is None:
        return [commit]
    listed = git.attempt("rev-list", f"{against}..{commit}")
    return listed.stdout.decode().split() or [commit]


WAITS, APPROVED, REJECTED, WITHDRAWN = "waits", "approved", "rejected", "withdrawn"


@dataclass(frozen=True, slots=True)
class Gate:
    """A checkpoint that waits, or waited, for a person.

    Attributes:
        number: the checkpoint's.
        verdict: `waits`, `approved` or `rejected`; `withdrawn` once a revert or a restore took back what it is about.
        commit: the one that carries it.
        tree: that commit's tree: what is shown to whoever decides.
        why: the reason of a rejection, in one line.
    """

    number: int
    verdict: str
    commit: str
    tree: str
    why: str = ""

    @property
    def name(self) -> str:
        """The checkpoint's number as documents write it."""
        return f"{self.number:04d}"

    @property
    def shut(self) -> bool:
        """Whether nothing may start."""
        return self.verdict not in {APPROVED, WITHDRAWN}

    def withdrawn(self, before: "Gate | None") -> "Gate":
        """Return the gate once what it is about was taken back: the one `before` it, where that is shut."""
        return before if before is not None and before.shut else replace(self, verdict=WITHDRAWN)


@dataclass(frozen=True)
class Ledger:
    """What the history says: the landed tasks with their commits, and the last checkpoint's number.

    Attributes:
        landed: task id to the commit that landed it, oldest first; a task that a restore or a revert reopened is out.
        reopened: task id to the number of the last attempt that a retry, restore or revert retired.
        checkpoint: the highest checkpoint number ever given, 0 when there is none.
        workflow: the workflow's name, from the newest commit that has one.
        gate: the newest gate; None where there never was one.
    """

    landed: Book
    reopened: dict[str, int]
    checkpoint: int
    workflow: str
    gate: Gate | None = None

    def with_landed(self, commits: Mapping[str, str], checkpoint: int, workflow: str) -> "Ledger":
        """Return the ledger after `commits` (task to the commit that landed it, in order) on top of it."""
        landed = self.landed.copy()
        landed.update(commits)
        return Ledger(landed, self.reopened, max(checkpoint, self.checkpoint), workflow, self.gate)


NOTHING = Ledger(Book(), {}, 0, "")


def ledger(git: Git, tip: str, known: tuple[str, Ledger] | None = None) -> Ledger:
    """Fold the trailers of every commit reachable from `tip` into what is done. The one definition of "done".

    `known` is a commit with its ledger: where `tip` only continues it, the rest of the history is not read again.
    """
    if known is not None and known[0] == tip:
        return known[1]
    if known is not None and git.look_up([known[0]])[0] is not None:  # gc may have taken it
        fresh = list(walk(git, tip, "--reverse", "--topo-order", f"^{known[0]}"))
        if _continues(known[0], fresh) and not reverts(git, tip, f"^{known[0]}"):
            return _fold(fresh, {}, known[1])
    return _fold(walk(git, tip, "--reverse", "--topo-order"), reverts(git, tip), NOTHING)


def _continues(commit: str, later: Sequence[Entry]) -> bool:
    """Whether `later` are one line of commits, the first of which stands on `commit`; none are a way back from it."""
    parents = [commit, *(entry.commit for entry in later[:-1])]
    return bool(later) and all(entry.parents == (parent,) for entry, parent in zip(later, parents, strict=False))


def _fold(entries: Iterable[Entry], undoing: Mapping[str, Sequence[str]], before: Ledger) -> Ledger:
    landed, reopened = before.landed.copy(), dict(before.reopened)
    numbers: dict[str, list[tuple[str, int]]] = {}
    checkpoint, workflow, gate = before.checkpoint, before.workflow, before.gate
    earlier: dict[str, Gate | None] = {}  # the gate as it was before each commit that changed it
    for entry in entries:
        again = [_numbered(value) for value in entry.all("Reopen")]
        for undone in undoing.get(entry.commit, ()):
            again += [(task, last) for task, last in numbers.get(undone, []) if landed.get(task) == undone]
        for task, last in again:
            landed.pop(task, None)
            reopened[task] = max(last, reopened.get(task, 0))
        for task in entry.all("Task"):
            landed[task] = entry.commit
        numbers[entry.commit] = [_numbered(f"{task}/{entry.get('Attempt')}") for task in entry.all("Task")]
        checkpoint = max(checkpoint, number(entry.get("Checkpoint")) or 0)
        workflow = entry.get("Workflow") or workflow
        was = gate
        for undone in undoing.get(entry.commit, ()):
            gate = _before(gate, undone, earlier)
        gate = _gate(entry, gate)
        if gate is not was:
            earlier[entry.commit] = was
    return Ledger(landed, reopened, checkpoint, workflow, gate)


def _before(gate: Gate | None, undone: str, earlier: Mapping[str, Gate | None]) -> Gate | None:
    """Return the gate once the commit `undone` is: an answer taken back is none, and so is a taking back."""
    known = earlier.get(undone)
    if gate is not None and gate.commit == undone:
        return gate.withdrawn(known)
    return known if gate is not None and known is not None and known.number == gate.number else gate


def _gate(entry: Entry, before: Gate | None) -> Gate | None:
    """Return the newest gate after `entry`: one that it opens, what it says of the one before, or that as it was."""
    said, _, verdict = entry.get("Gate").partition(" ")
    checkpoint = number(said)
    if checkpoint is None or verdict not in {WAITS, APPROVED, REJECTED, WITHDRAWN}:
        return before
    if checkpoint == number(entry.get("Checkpoint")):
        return Gate(checkpoint, verdict, entry.commit, entry.tree)
    known = before is not None and before.number == checkpoint
    return replace(before, verdict=verdict, why=entry.get("Why")) if before and known else before


def _numbered(value: str) -> tuple[str, int]:
    """Return `task/3` as the task and the number of an attempt; 0 where there is none."""
    task, _, said = value.partition("/")
    return task, number(said) or 0


def number(said: str) -> int | None:
    """Return the whole number a trailer says, None where that is none of ours: a person's may have any length."""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= _DIGITS else None
