"""Commits built beside the branch, in the object database: no checkout, no index, one process for a whole chain."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from orchestrator.repo.git import Fed, Git, GitError
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.trees import GONE, Change, quoted

COMMITTER = "Orchestrator <orchestrator@localhost>"
_TOGETHER = 64  # drafts handed over at once, and in one pack
_NOWHERE = "refs/orchestrator/nowhere"  # never written: what a commit is made on, before refs may point at it
_FIRST_BLOB = 1 << 32  # marks below it are commits
CANDIDATE = "refs/orchestrator/candidate"  # keeps a commit that is still to be verified


@dataclass(frozen=True)
class Draft:
    """A commit to be: `parent` None continues the chain from the draft before it."""

    message: str
    changes: tuple[Change, ...]
    when: datetime
    parent: str | None = None
    author: str = COMMITTER
    merged: tuple[str, ...] = ()


def build(git: Git, objects: ObjectFolders, ref: str, drafts: Sequence[Draft]) -> list[str]:
    """Write `drafts` as a chain of commits, leave `ref` at the last one, and return their ids; durable then.

    Raises:
        GitError: git refused, for example because the disk is full; `ref` is as it was.
    """
    return build_all(git, objects, [(ref, draft) for draft in drafts])


def build_all(git: Git, objects: ObjectFolders, drafts: Sequence[tuple[str, Draft]]) -> list[str]:
    """Write each draft as a commit and leave its ref there, in one process; return their ids. Durable when it returns.

    Raises:
        GitError: git refused; some of the refs may have moved.
    """
    with writing(git, objects) as pen:
        for ref, draft in drafts:
            pen.add(ref, draft)
        return pen.finish()


@contextmanager
def writing(git: Git, objects: ObjectFolders) -> Iterator["Pen"]:
    """Write commits one by one as they are made, while git works on those before; none is there before `finish`."""
    # A pack is one file to sync where loose objects are many; `packing` joins them as they become many.
    how = (
        "-c",
        "fastimport.unpackLimit=0",
        "fast-import",
        "--quiet",
        "--force",
        "--date-format=raw",
        f"--depth={_TOGETHER}",
    )
    with git.feed(*how) as fed:
        yield Pen(fed, objects)


class Pen:
    """Hands drafts to `git fast-import`, some at a time, like documents together: git keeps those as differences.

    Args:
        fed: the process.
        objects: where it puts what it is given.
    """

    def __init__(self, fed: Fed, objects: ObjectFolders) -> None:
        self._fed = fed
        self._objects = objects
        self._waiting: list[tuple[str, Draft]] = []
        self._refs: dict[str, int] = {}
        self._count = 0
        self._blobs = _FIRST_BLOB
        fed.write(b"feature done\n")

    def add(self, ref: str, draft: Draft) -> None:
        """Hand over one draft, for `ref`.

        Raises:
            GitError: git has ended, for example because the disk is full.
        """
        self._waiting.append((ref, draft))
        if len(self._waiting) >= _TOGETHER:
            self._hand_over()

    def finish(self) -> list[str]:
        """Return the commits' ids, in order. Durable when it returns.

        Raises:
            GitError: git refused; some of the refs may have moved.
            OSError: the disk does not take the pack's name.
        """
        self._hand_over()
        # The pack is whole and has its name on the disk before a ref points into it: a power cut may take either.
        self._end_pack()
        self._fed.done_so_far()
        self._objects.make_durable()
        moves = (f"reset {ref}\nfrom :{number}\n\n" for ref, number in self._refs.items())
        self._fed.write("".join([*moves, "done\n"]).encode())
        commits = self._fed.finish().decode().split()
        if len(commits) != self._count:
            raise GitError("fast-import", 0, f"{len(commits)} of {self._count} commits came back")
        return commits

    def _end_pack(self) -> None:
        self._fed.write(f"reset {_NOWHERE}\n\ncheckpoint\n".encode())

    def _hand_over(self) -> None:
        if self._count:
            # Of a folder of thousands git keeps one version in each pack whole; `packing` finds them alike only then.
            self._end_pack()
        waiting, self._waiting = self._waiting, []
        changes = [change for _, draft in waiting for change in draft.changes if change.mode != GONE]
        marks: dict[int, str] = {}
        for change in sorted(changes, key=_kind):
            if isinstance(change.blob, bytes):
                marks[id(change)] = f":{self._blobs}"
                self._fed.write(f"blob\nmark :{self._blobs}\n".encode() + _data(change.blob))
                self._blobs += 1
        for ref, draft in waiting:
            self._count += 1
            self._refs[ref] = self._count
            self._fed.write(_commit(self._count, draft, marks) + f"get-mark :{self._count}\n".encode())


def _kind(change: Change) -> tuple[str, str]:
    """Return what documents alike have in common: their path at the top, their folder and ending below it."""
    folder, _, name = change.path.rpartition("/")
    return (folder, name.partition(".")[2]) if folder else ("", change.path)


def _commit(number: int, draft: Draft, marks: Mapping[int, str]) -> bytes:
    seconds = int(draft.when.timestamp())
    out = bytearray(f"commit {_NOWHERE}\nmark :{number}\n".encode())
    out += f"author {draft.author} {seconds} +0000\ncommitter {COMMITTER} {seconds} +0000\n".encode()
    out += _data(draft.message.encode())
    if draft.parent or number > 1:
        out += f"from {draft.parent or f':{number - 1}'}\n".encode()
    for other in draft.merged:
        out += f"merge {other}\n".encode()
    for change in draft.changes:
        out += _change(change, marks)
    return bytes(out) + b"\n"


def _change(change: Change, marks: Mapping[int, str]) -> bytes:
    path = quoted(change.path)
    if change.mode == GONE:
        return b"D " + path + b"\n"
    return f"M {change.mode} {marks.get(id(change), change.blob)} ".encode() + path + b"\n"


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def identity(name: str, email: str) -> str:
    """Return `Name <email>` with the characters git's formats cannot hold left out."""
    clean = [part.translate({ord(char): None for char in "<>\n\0"}).strip() for part in (name, email)]
    return f"{clean[0] or 'Orchestrator'} <{clean[1] or 'orchestrator@localhost'}>"


def trailers(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `Key: value` lines; a value is one line by construction, so none can start a trailer of its own."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in pairs if value)
