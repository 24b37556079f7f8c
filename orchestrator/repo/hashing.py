"""What git would call a file's content: its id, through the user's own filters and line ends."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from orchestrator.repo.git import Git, GitError, joined
from orchestrator.repo.trees import Entry, blobs

_SHA1 = 40  # hexadecimal digits of an id
_NOTHING: Mapping[str, Entry] = MappingProxyType({})


def blob_id(content: bytes, like: str) -> str:
    """Return the id that git gives `content`, by the hash that the id `like` was made with."""
    import hashlib  # noqa: PLC0415 - 3 ms that the verbs which only read need not pay

    sha = hashlib.sha1 if len(like) == _SHA1 else hashlib.sha256
    return sha(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def blob_ids(git: Git, paths: Sequence[str], before: Mapping[str, Entry] = _NOTHING, *, keep: bool = True) -> list[str]:
    """Return the ids of the files at `paths` as `git add` would give them.

    Args:
        git: git at the top of the files' own tree.
        paths: files, from there.
        before: what a commit has at these paths: git leaves line ends alone that stand in what it knows already.
        keep: have git store what they hold.
    """
    if not paths:
        return []
    ids, refused = _hashed_at_once(git, paths, keep=keep)
    found = dict(zip(paths, ids, strict=True))
    crlf = {path: before[path] for path in paths if path in before and _keeps_its_ends(git, before[path], found[path])}
    plain = [path for path in paths if path not in crlf]
    if refused and plain:
        _hashed(git, plain, "-w")
    found |= _added(git, crlf, keep=keep)
    return list(found.values())


def _hashed_at_once(git: Git, paths: Sequence[str], *, keep: bool) -> tuple[list[str], bool]:
    """Return the ids, and whether git refused to store one of the files: a filter may take long, and runs once."""
    if keep:
        with suppress(GitError):
            return _hashed(git, paths, "-w"), False
    return _hashed(git, paths), keep


def _hashed(git: Git, paths: Sequence[str], *how: str) -> list[str]:
    listing = b"".join(quoted(path) + b"\n" for path in paths)
    return git.run("hash-object", *how, "--stdin-paths", stdin=listing).decode().split()


def _keeps_its_ends(git: Git, before: Entry, now: str) -> bool:
    """Whether a file that has another id by now has line ends that git would leave alone, for it knows them already."""
    known = blobs(git, [before.blob]) if before.blob not in {"", now} else {}
    return b"\r\n" in known.get(before.blob, b"")


def _added(git: Git, known: Mapping[str, Entry], *, keep: bool) -> dict[str, str]:
    """Return the ids that the files at the paths of `known` get from an index that holds `known`."""
    if not known:
        return {}
    with TemporaryDirectory() as folder:
        inside = git.within(GIT_INDEX_FILE=str(Path(folder) / "index"))
        writing = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "update-index", "-z")
        listed = [f"{entry.mode} {entry.blob}\t{path}" for path, entry in known.items()]
        inside.run(*writing, "--index-info", stdin=joined(listed))
        inside.run(*writing, *["--info-only"] * (not keep), "--stdin", stdin=joined(list(known)))
        records = inside.records("ls-files", "-s", "-z")
    return {path: facts.split()[1] for facts, path in (record.split("\t", 1) for record in records)}


def quoted(path: str) -> bytes:
    """Return `path` as git reads it from a line, whatever is in it: a bare one may not start with a quotation mark."""
    raw = os.fsencode(path)
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
