"""Commits built beside the branch, in the object database: no checkout, no index, one process for a whole chain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.repo.git import Git, GitError
from orchestrator.repo.trees import GONE, Change

COMMITTER = "Orchestrator <orchestrator@localhost>"
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


def build(git: Git, ref: str, drafts: Sequence[Draft]) -> list[str]:
    """Write `drafts` as a chain of commits, leave `ref` at the last one, and return their ids; durable then.

    Raises:
        GitError: git refused, for example because the disk is full; `ref` is as it was.
    """
    return build_all(git, [(ref, draft) for draft in drafts])


def build_all(git: Git, drafts: Sequence[tuple[str, Draft]]) -> list[str]:
    """Write each draft as a commit and leave its ref there, in one process; return their ids. Durable when it returns.

    Raises:
        GitError: git refused; some of the refs may have moved.
    """
    stream = bytearray(b"feature done\n")
    for number, (ref, draft) in enumerate(drafts, 1):
        stream += _commit(ref, number, draft)
        stream += f"get-mark :{number}\n".encode()
    stream += b"done\n"
    how = ("-c", "fastimport.unpackLimit=0")  # a pack is one file to sync, loose objects are many; `packing` joins them
    output = git.run(*how, "fast-import", "--quiet", "--force", "--date-format=raw", stdin=bytes(stream))
    commits = output.decode().split()
    if len(commits) != len(drafts):
        raise GitError("fast-import", 0, f"{len(commits)} of {len(drafts)} commits came back")
    return commits


def _commit(ref: str, number: int, draft: Draft) -> bytes:
    seconds = int(draft.when.timestamp())
    out = bytearray(f"commit {ref}\nmark :{number}\n".encode())
    out += f"author {draft.author} {seconds} +0000\ncommitter {COMMITTER} {seconds} +0000\n".encode()
    out += _data(draft.message.encode())
    if draft.parent or number > 1:
        out += f"from {draft.parent or f':{number - 1}'}\n".encode()
    for other in draft.merged:
        out += f"merge {other}\n".encode()
    for change in draft.changes:
        out += _change(change)
    return bytes(out) + b"\n"


def _change(change: Change) -> bytes:
    path = _quoted(change.path)
    if change.mode == GONE:
        return b"D " + path + b"\n"
    if isinstance(change.blob, bytes):
        return f"M {change.mode} inline ".encode() + path + b"\n" + _data(change.blob)
    return f"M {change.mode} {change.blob} ".encode() + path + b"\n"


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def identity(name: str, email: str) -> str:
    """Return `Name <email>` with the characters git's formats cannot hold left out."""
    clean = [part.translate({ord(char): None for char in "<>\n\0"}).strip() for part in (name, email)]
    return f"{clean[0] or 'Orchestrator'} <{clean[1] or 'orchestrator@localhost'}>"


def trailers(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `Key: value` lines; a value is one line by construction, so none can start a trailer of its own."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in pairs if value)
