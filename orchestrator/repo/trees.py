"""What a commit's tree holds, and how two trees differ."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.policy import GITLINK, GONE, SYMLINK
from orchestrator.repo.git import Git, joined, split_records

__all__ = ["EXECUTABLE", "GITLINK", "GONE", "REGULAR", "SYMLINK", "Change", "Entry"]

REGULAR = "100644"
EXECUTABLE = "100755"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a tree; `mode` is `GONE` where there is none."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs. `blob` is an object id, or the new content itself."""

    path: str
    mode: str
    blob: str | bytes
    old: Entry = Entry(GONE, "")


def entries(git: Git, commit: str, paths: Iterable[str] = ()) -> dict[str, Entry]:
    """Return the files of `commit`, all of them or those at or below `paths`."""
    found: dict[str, Entry] = {}
    for record in git.records("--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths):
        facts, path = record.split("\t", 1)
        mode, _kind, blob = facts.split(" ")
        found[path] = Entry(mode, blob)
    return found


def differences(git: Git, old: str, new: str) -> list[Change]:
    """Return every path that differs between two commits or trees, renames as a deletion and an addition."""
    records = git.records("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", "--full-index", old, new)
    changes = []
    for facts, path in zip(records[::2], records[1::2], strict=True):
        old_mode, new_mode, old_blob, new_blob, _status = facts[1:].split(" ")
        changes.append(Change(path, new_mode, new_blob, Entry(old_mode, old_blob)))
    return changes


def blobs(git: Git, names: Iterable[str]) -> dict[str, bytes]:
    """Return the contents behind `names` (`commit:path` or ids); those that do not exist are left out."""
    wanted = [name for name in names if "\n" not in name]
    if not wanted:
        return {}
    asked = "".join(f"{name}\n" for name in wanted)
    output = git.run("cat-file", "--batch", stdin=asked.encode("utf-8", "surrogateescape"))
    found, at = {}, 0
    for name in wanted:
        end = output.index(b"\n", at)
        header = output[at:end].rsplit(b" ", 2)
        at = end + 1
        if header[-1] == b"missing" or header[-2:-1] != [b"blob"]:
            at += int(header[-1]) + 1 if header[-1].isdigit() else 0
            continue
        size = int(header[-1])
        found[name] = output[at : at + size]
        at += size + 1
    return found


def blob_ids(git: Git, paths: list[str]) -> list[str]:
    """Write the files at `paths` into the object database, through the user's own filters; return their ids."""
    if not paths:
        return []
    listing = b"".join(path.encode("utf-8", "surrogateescape") + b"\n" for path in paths)
    return git.run("hash-object", "-w", "--stdin-paths", stdin=listing).decode().split()


def ignored(git: Git, paths: list[str]) -> set[str]:
    """Return those of `paths` that git's ignore rules cover."""
    if not paths:
        return set()
    done = git.attempt("check-ignore", "-z", "--no-index", "--stdin", stdin=joined(paths))
    return set(split_records(done.stdout))
