"""The walk over a worktree: as a function, and as a program that stays and answers. Imports nothing of ours."""

import gc
import marshal
import os
import stat
import sys

Mark = tuple[int, int, int, int]  # size, mtime, ctime (both in nanoseconds) and inode
Walked = tuple[dict[str, Mark], dict[str, int], dict[str, int], dict[str, str]]

LONGEST = 1_000  # characters of a new path, of up to four bytes each: other checkouts stand deeper than this worktree
CLOSED = "it belongs to another user, who lets nobody read it"
TOO_LONG = "a path too long to work with"
LENGTH = 8  # bytes before what is asked, and before an answer, that say how long it is
_REACH = 4_000  # bytes of a path with the worktree's own: systems take 4,096
_SHOWN = 100
_OPEN = stat.S_IRUSR | stat.S_IXUSR


def walk(top: str) -> Walked:
    """Walk the folder `top` without following a symlink; the `.git` pointer there is not part of it.

    Returns:
        The mark of each file by its path; the mode of each; the mode of each folder; what has no place in a tree, and
        why.

    Raises:
        OSError: what is there cannot be looked at.
    """
    files: dict[str, Mark] = {}
    modes: dict[str, int] = {}
    folders: dict[str, int] = {}
    oddities: dict[str, str] = {}
    pending = [("", os.stat(top))]  # noqa: PTH116 - a Path costs more than the look
    while pending:
        folder, facts = pending.pop()
        try:
            listed = _listed(f"{top}/{folder}", facts)
        except PermissionError:
            oddities[folder] = CLOSED
            continue
        for item in listed:
            path = f"{folder}/{item.name}" if folder else item.name
            if path == ".git":
                continue
            if len(path) > LONGEST and len(os.fsencode(f"{top}/{path}")) > _REACH:
                oddities[shortened(path)] = TOO_LONG
                continue
            facts = item.stat(follow_symlinks=False)
            if item.name.lower() == ".git":
                oddities[path] = "a nested repository"
            elif stat.S_ISDIR(facts.st_mode):
                pending.append((path, facts))
                folders[path] = facts.st_mode
            elif stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
                files[path] = mark(facts)
                modes[path] = facts.st_mode
            else:
                oddities[path] = "neither a file nor a symlink"
    return files, modes, folders, oddities


def mark(facts: os.stat_result) -> Mark:
    """Return what changes with a file."""
    return (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


def shortened(path: str) -> str:
    """Return `path`, or its beginning."""
    return path if len(path) <= LONGEST else f"{path[:_SHOWN]}..."


def _listed(folder: str, facts: os.stat_result) -> list[os.DirEntry[str]]:
    """Return what is in `folder`; one that the agent closed to its owner is opened again."""
    plain = facts.st_mode & _OPEN == _OPEN and facts.st_uid == os.geteuid()
    if not plain and not os.access(folder, os.R_OK | os.X_OK):
        os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101
    with os.scandir(folder) as found:
        return list(found)


def main() -> None:
    """Walk each folder that stdin names, until that ends; stdout has an error or what was found, as marshal has it."""
    gc.disable()  # nothing here is part of a cycle
    while length := sys.stdin.buffer.read(LENGTH):
        top = os.fsdecode(sys.stdin.buffer.read(int.from_bytes(length)))
        try:
            answer = marshal.dumps((None, walk(top)))
        except OSError as error:
            answer = marshal.dumps(((error.errno, error.strerror, error.filename), None))
        sys.stdout.buffer.write(len(answer).to_bytes(LENGTH) + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
