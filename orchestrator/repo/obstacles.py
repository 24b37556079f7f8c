"""What stands in a checkout where an advance must write: git refuses some of it, and writes over the rest unasked.

git takes what it ignores for expendable, a missing file for an unchanged one, and a link in a folder's place for
nothing. All of that is the user's.
"""

import os
import shlex
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.repo.hashing import blob_ids
from orchestrator.repo.snapshot import keeps_modes, kept_mode
from orchestrator.repo.trees import EXECUTABLE, GITLINK, GONE, REGULAR, Change, Entry, entries, upwards

_FEW = 100  # paths that git is asked about by name


def unasked(git: Git, root: Path, changes: Sequence[Change], taken: Collection[str]) -> list[str]:
    """Return what of the user's git would write over, or delete, without a word.

    Args:
        git: git at the checkout's top.
        root: the checkout's top.
        changes: what the advance changes.
        taken: paths whose new content the user's own files already hold.
    """
    return sorted({*_deleted(git, root, changes), *_covered(git, root, changes, taken), *_dropped(git, changes, taken)})


def _deleted(git: Git, root: Path, changes: Sequence[Change]) -> list[str]:
    """Return the changed files that the user has deleted: to git, a missing file is an unchanged one."""
    changed = [change.path for change in changes if GONE not in {change.mode, change.old.mode}]
    gone = {path for path in changed if not os.path.lexists(root / path)}
    # What a sparse checkout leaves out is missing, too.
    return [path for path in git.records("diff-files", "--name-only", "-z") if path in gone] if gone else []


def _dropped(git: Git, changes: Sequence[Change], taken: Collection[str]) -> list[str]:
    """Return what is staged in a folder that gives way to a file: git asks for the files' sake alone."""
    made = {change.path for change in changes if change.mode != GONE}
    going = [change for change in changes if change.mode == GONE and not made.isdisjoint(upwards(change.path))]
    found = staged_since(git, [change for change in going if change.path not in taken]) if going else []
    return [record.partition("\t")[2] for record in found]


def staged_since(git: Git, changes: Sequence[Change]) -> list[str]:
    """Return, as git lists them, the paths that the index has neither as before `changes` nor as after them.

    No advance leaves those: a person staged them.
    """
    ours = {
        change.path: {f"{change.old.mode} {change.old.blob} 0", f"{change.mode} {change.blob!s} 0"}
        for change in changes
    }
    listed = (record.partition("\t") for record in git.records("ls-files", "--stage", "-z"))
    found = ((facts, path) for facts, _, path in listed if path in ours and facts.endswith(" 0"))
    return [f"{facts}\t{path}" for facts, path in found if facts not in ours[path]]


def _is_there(root: Path, path: str) -> bool:
    return not wall_before(root, path) and os.path.lexists(root / path)


def wall_before(root: Path, path: str) -> str:
    """Return what is no folder on the way to `path`, empty for none."""
    return _wall(root, path.rpartition("/")[0], (), {"": ""})


def holds_only(root: Path, folder: str, files: Collection[str]) -> bool:
    """Whether there is such a folder, and all files in it are among `files`."""
    found = (item for item in (root / folder).rglob("*") if not is_folder(item))
    return is_folder(root / folder) and all(str(item.relative_to(root)) in files for item in found)


def _covered(git: Git, root: Path, changes: Sequence[Change], taken: Collection[str]) -> Iterator[str]:
    """Yield what would go because something else comes: files git ignores, folders of them, links to folders."""
    going = {change.path for change in changes if change.mode == GONE}
    walls: dict[str, str] = {"": ""}
    there: list[Change] = []
    for change in changes:
        if change.mode in {GONE, GITLINK}:
            continue
        wall = _wall(root, change.path.rpartition("/")[0], going, walls)
        if wall:
            yield wall
        elif change.old.mode in {GONE, GITLINK} and change.path not in taken and _is_there(root, change.path):
            there.append(change)
    folders = {change.path for change in there if is_folder(root / change.path)}
    yield from (path for path in folders if not holds_only(root, path, going))
    files = {change.path: (change.mode, str(change.blob)) for change in there if change.path not in folders}
    yield from files.keys() - set(holding(git, root, files))


def _wall(root: Path, folder: str, going: Collection[str], known: dict[str, str]) -> str:
    """Return what is no folder on the way to `folder` and does not go, empty for none; `known`: the answers so far."""
    if folder not in known:
        above = _wall(root, folder.rpartition("/")[0], going, known)
        blocked = os.path.lexists(root / folder) and not is_folder(root / folder) and folder not in going
        known[folder] = above or (folder if blocked else "")
    return known[folder]


def is_folder(path: Path) -> bool:
    """Whether a folder is at `path` itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def blocking(git: Git, root: Path, changes: Sequence[Change], old: str) -> list[str]:
    """Return the paths that differ from `old`, in the index of `git` or on the disk, where `changes` must write."""
    wanted = {change.path for change in changes}
    staged = git.records("diff-index", "--cached", "--name-only", "--no-renames", "-z", old, "--")
    dirty = git.records("diff-files", "--name-only", "-z", "--")
    present = git.records("ls-files", "-z", "--others", "--", ":/")
    touched = {*staged, *dirty, *present, *_unseen(git, root, changes)}
    return sorted(path for path in touched if any(_meets(path, other) for other in wanted))


def _unseen(git: Git, root: Path, changes: Sequence[Change]) -> list[str]:
    """Return the files that are not as they were although git was told not to look (`git update-index --help`)."""
    before = {change.path: (change.old.mode, change.old.blob) for change in changes if _is_plain(root / change.path)}
    known = {path: entry for path, entry in before.items() if entry[0] in {REGULAR, EXECUTABLE}}
    return [*(known.keys() - set(holding(git, root, known)))]


def passed_over(git: Git, paths: Sequence[str]) -> str:
    """Return what to do about `paths` where git was told to pass one of them over, so that it sees nothing of it."""
    literal = git.within(GIT_LITERAL_PATHSPECS="1")
    for record in literal.records("ls-files", "-v", "-z", "--", *paths[:_FEW]):
        mark, _, path = record.partition(" ")
        if mark.islower() or mark == "S":
            flag = "--no-assume-unchanged" if mark.islower() else "--no-skip-worktree"
            name = shlex.quote(one_line(path))
            return f"git was told not to look at it: git update-index {flag} {name}, then: orchestrator run"
    return ""


def holding(git: Git, root: Path, wanted: dict[str, tuple[str, str]]) -> list[str]:
    """Return those paths of `wanted` (to mode and blob id) at which the files hold just that."""
    known = {path: Entry(*facts) for path, facts in wanted.items()}
    files = [path for path, entry in known.items() if _is_plain(root / path) and may_be(git, root / path, entry)]
    ids = blob_ids(git, files, known, keep=False)
    return [path for path, blob in zip(files, ids, strict=True) if wanted[path][1] == blob]


def same_as(git: Git, root: Path, commit: str, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` whose files hold what `commit` has there: nothing of them can be lost."""
    there = entries(git, commit, paths) if paths else {}
    return holding(git, root, {path: (there[path].mode, there[path].blob) for path in paths if path in there})


def may_be(git: Git, path: Path, entry: Entry) -> bool:
    """Whether the file at `path` has the mode of `entry`, as far as this disk keeps modes."""
    mode = mode_of(path)
    return entry.mode == (mode if keeps_modes(git) else kept_mode(mode, entry))


def mode_of(path: Path) -> str:
    """Return git's mode for the file at `path`."""
    return EXECUTABLE if path.stat().st_mode & stat.S_IXUSR else REGULAR


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _meets(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
