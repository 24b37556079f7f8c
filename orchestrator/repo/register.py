"""The register: the attempts one leader knows of. git's refs are read once, at its start; from then on it knows better.

An agent can write refs, so what a leader recorded itself is believed before what a ref says now. Attempts that end at
the same moment are written by one git process and share one wait for the disk.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from orchestrator.repo import undo
from orchestrator.repo.attempts import ROOT, Attempt, draft, load, named
from orchestrator.repo.book import Book, written
from orchestrator.repo.commits import Draft, build_all
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.locate import Place
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.refs import ZERO, Move, loose, make_durable, move, packed
from orchestrator.repo.trees import Change

_PATIENCE = 0.2  # seconds an attempt waits at most for others that are about to be recorded
_FEW = 500  # tasks that are named to git one by one


@dataclass
class _Entry:
    """An attempt that waits to be written: with its commit afterwards, or with what kept it from being."""

    attempt: Attempt
    draft: Draft
    commit: str = ""
    error: Exception | None = None

    @property
    def open(self) -> bool:
        return not self.commit and self.error is None


@dataclass
class Register:
    """Every attempt recorded in one repository.

    Args:
        git: the leader's git.
        place: the repository.
        objects: where git keeps what the attempts' commits hold.
    """

    git: Git
    place: Place
    objects: ObjectFolders
    _tips: Book = field(default_factory=Book)  # name to commit, of every attempt ever recorded
    _open: dict[str, list[Attempt]] = field(default_factory=dict)  # of the tasks that have not landed
    _doubtful: set[str] = field(default_factory=set)  # names of refs that were to be written when the disk failed
    _highest: dict[str, int] = field(default_factory=dict)  # of the planned tasks, and those that were asked for
    _looked: tuple[tuple[int, ...], dict[str, str]] | None = None  # how the refs lie on the disk if they are in order
    _read: bool = False
    _planned: Collection[str] = ()
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _queue: list[_Entry] = field(default_factory=list)
    _queueing: threading.Condition = field(default_factory=threading.Condition)
    _coming: set[int] = field(default_factory=set)  # threads that are about to record an attempt

    @property
    def is_read(self) -> bool:
        """Whether what is recorded has been read."""
        return self._read

    def start(self) -> None:
        """Read what is recorded; once."""
        with self._lock:
            if not self._read:
                looked = self._look()
                self._tips = Book(self._now())  # also what is none of ours: no attempt from now on put it there
                self._keep_look(looked)
                self._read = True

    def knows(self, task: str, number: int) -> bool:
        """Whether that attempt is recorded."""
        self.start()
        return f"{task}/{number}" in self._tips

    def unsettled(self, planned: Collection[str], settled: Callable[[str], bool]) -> Mapping[str, Sequence[Attempt]]:
        """Return the attempts, oldest first, of the planned tasks that are not `settled`; the others' are let go.

        All that was ever recorded is looked through when `planned` is another object than the last time.
        """
        self.start()
        with self._lock:
            for task in [task for task in self._open if task not in planned or settled(task)]:
                del self._open[task]
            if planned is not self._planned:
                self._highest = self._numbers(planned)
                self._take_up([task for task in self._highest if task not in self._open and not settled(task)])
                self._planned = planned
            return {task: tuple(attempts) for task, attempts in self._open.items()}

    def _numbers(self, tasks: Collection[str]) -> dict[str, int]:
        """Return the highest number of each of `tasks` that has one."""
        found = {task: number for task, number in self._highest.items() if task in tasks}
        for task, number in filter(None, (named(f"{ROOT}/{name}") for name in self._tips)):
            if task in tasks:
                found[task] = max(number, found.get(task, 0))
        return found

    def _take_up(self, tasks: Sequence[str]) -> None:
        """Read what is recorded of `tasks`: in one go where there are several."""
        if not tasks:
            return
        found: dict[str, list[Attempt]] = {task: [] for task in tasks}
        for attempt in load(self.git, *(tasks if len(tasks) <= _FEW else ())):
            if attempt.task in found and self._tips.get(_name(attempt)) == attempt.commit:
                found[attempt.task].append(attempt)
        self._open |= found

    def of(self, task: str) -> Sequence[Attempt]:
        """Return every attempt at `task`, oldest first."""
        with self._lock:
            if task not in self._open and self.highest(task):
                self._take_up([task])
            return tuple(self._open.get(task, ()))

    def highest(self, task: str) -> int:
        """Return the highest number an attempt at `task` ever had; 0 for none."""
        self.start()
        with self._lock:
            if task not in self._highest and task not in self._planned:
                self._highest |= self._numbers({task})
            return self._highest.get(task, 0)

    def record(self, attempt: Attempt, changes: Sequence[Change], parent: str, merged: tuple[str, ...] = ()) -> Attempt:
        """Write `attempt` as a commit on `parent` and point its ref there; durable when it returns. From any thread.

        Raises:
            GitError: git cannot write, for example because the disk is full.
            OSError: the disk does not take what was written.
        """
        entry = _Entry(attempt, draft(attempt, changes, parent, merged))
        with self._queueing:
            self._queue.append(entry)
            self._gone()
            self._queueing.wait_for(lambda: not self._coming or not entry.open, _PATIENCE)
        with self._lock:
            self.start()
            if entry.open:
                self._write_queue()
        if entry.error:
            raise entry.error
        if not entry.commit:
            raise GitError("update-ref", 0, f"{attempt.ref} was not written")
        return replace(attempt, commit=entry.commit)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Say that this thread will record an attempt within the block: whoever is to write before waits for it.

        An attempt that ends while no other does is written at once; sixteen that end together cost one git process and
        one wait for the disk, which is most of what each would cost alone.
        """
        with self._queueing:
            self._coming.add(threading.get_ident())
        try:
            yield
        finally:
            with self._queueing:
                self._gone()

    def _gone(self) -> None:
        """Have this thread be none that comes; after the last one, who waits may write."""
        self._coming.discard(threading.get_ident())
        if not self._coming:
            self._queueing.notify_all()

    def _write_queue(self) -> None:
        with self._queueing:
            entries, self._queue = self._queue, []
        try:
            self._write_all(entries)
        except Exception as error:
            # Whoever waits for one of them must not take it for written.
            for entry in entries:
                entry.error = entry.error or error
            raise
        finally:
            self._doubtful |= {_name(entry.attempt) for entry in entries if not entry.commit or entry.error}

    def _write_all(self, entries: Sequence[_Entry]) -> None:
        try:
            self._write(entries)
        except GitError as error:
            for entry in entries:
                self._write_alone(entry)
            if len(entries) == 1 and entries[0].error:
                entries[0].error = error  # the second try may have met no more than what the first left behind
        done = [entry for entry in entries if entry.commit]
        make_durable(self.place.git_dir, *(entry.attempt.ref for entry in done))
        for entry in done:
            self._note(replace(entry.attempt, commit=entry.commit))

    def _write(self, entries: Sequence[_Entry]) -> None:
        commits = build_all(self.git, self.objects, [(entry.attempt.ref, entry.draft) for entry in entries])
        for entry, commit in zip(entries, commits, strict=True):
            entry.commit = commit

    def _write_alone(self, entry: _Entry) -> None:
        """Write one of several that failed together: the fault may be another's."""
        try:
            self._write([entry])
        except GitError as error:
            entry.error = error

    def _note(self, attempt: Attempt) -> None:
        before = self.highest(attempt.task)
        self._tips[_name(attempt)] = attempt.commit
        self._highest[attempt.task] = max(attempt.number, before)
        if self._looked:
            self._looked[1][_name(attempt)] = attempt.commit
        if attempt.task in self._open or not before:  # else it was let go, and is read again when it is asked for
            mine = self._open.setdefault(attempt.task, [])
            mine[:] = sorted([*(a for a in mine if a.number != attempt.number), attempt], key=lambda a: a.number)

    def put_back(self) -> dict[str, str]:
        """Make every attempt's ref say again what was recorded; return the refs that said something else, and why."""
        with self._lock:
            self.start()
            looked = self._look()
            if looked and looked == self._looked:
                return {}
            changed = {name: tip for name, tip in self._changed().items() if name not in self._doubtful}
            refs = {f"{ROOT}/{name}": (tip, self._tips.get(name, "")) for name, tip in changed.items()}
            undo.put_back(self.git, self.place.git_dir, refs, "attempt")
            self._keep_look(None if changed else looked)
            return dict.fromkeys(sorted(refs), "an attempt's ref was changed")

    def _changed(self) -> dict[str, str]:
        """Return the refs that do not say what was recorded, by name, with what they say; nothing where one is gone."""
        said = self._now()
        changed = {name: tip for name, tip in written(said) if self._tips.get(name) != tip}
        if said.count(b"\n") - len(changed) < len(self._tips):
            there = Book(said)
            changed |= {name: "" for name in self._tips if name not in there}
        return changed

    def _look(self) -> tuple[tuple[int, ...], dict[str, str]] | None:
        """Return how the refs lie on the disk: the packed ones by the look of their file. None where that is unknown.

        Few are ever loose, so that this takes as long after ten thousand attempts as after ten.
        """
        git_dir = self.place.git_dir
        return None if (git_dir / "reftable").exists() else (packed(git_dir), loose(git_dir, ROOT))

    def _keep_look(self, looked: tuple[tuple[int, ...], dict[str, str]] | None) -> None:
        sound = looked and all(self._tips.get(name) == said for name, said in looked[1].items())
        self._looked = looked if sound else None

    def _now(self) -> bytes:
        """Return what the refs say now, as a book's text."""
        return self.git.run("for-each-ref", "--format=%(refname:lstrip=3)%00%(objectname)", f"{ROOT}/")

    def forget(self, attempt: Attempt) -> None:
        """Delete the ref of an attempt that is not to count: a person's own try that was red."""
        with self._lock:
            move(self.git, [Move(attempt.ref, ZERO)], f"{attempt.task} did not land")
            self._tips.pop(_name(attempt), None)
            self._open.pop(attempt.task, None)
            self._looked = None


def _name(attempt: Attempt) -> str:
    """Return how the register calls an attempt: by its ref, from the folder of all of them."""
    return f"{attempt.task}/{attempt.number}"
