"""Conversion: whether git would store a file's bytes as they are, or through a filter or with other line ends.

Where it would, git itself must read the file. Where it would not, which is most often, we can hand it the bytes.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from orchestrator.repo.git import Git
from orchestrator.repo.trees import entries

_ATTRIBUTES = ".gitattributes"
_SYSTEM = Path("/etc/gitattributes")
_KNOWN: dict[tuple[object, ...], bool] = {}  # by all that can change the answer for a whole repository


def as_they_are(git: Git, base: str, paths: Sequence[str], present: Collection[str]) -> bool:
    """Whether git stores the files at `paths` byte for byte.

    Args:
        git: the leader's git.
        base: the commit they belong to.
        paths: relative to the worktree.
        present: every file of the worktree.
    """
    if not _unconfigured(git):
        return False
    folders = {""} | {path[:at] for path in paths for at, char in enumerate(path) if char == "/"}
    names = [f"{folder}/{_ATTRIBUTES}".lstrip("/") for folder in folders]
    return not any(name in present for name in names) and not entries(git, base, names)


def _unconfigured(git: Git) -> bool:
    """Whether nothing outside the tree asks git to convert: no setting, no attributes of the person or the machine."""
    git_dir = git.directory / ".git"
    env = git.base
    own = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/")) / ".config") / "git"
    files = [git_dir / "config", git_dir / "info" / "attributes", own / "attributes", own / "config", _SYSTEM]
    files += [Path(env.get("GIT_CONFIG_GLOBAL") or Path(env.get("HOME", "/")) / ".gitconfig")]
    key = (git.directory, *(file.stat().st_mtime_ns if file.is_file() else 0 for file in files))
    if key not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[key] = not any(file.is_file() for file in files if file.name in {"attributes", _SYSTEM.name}) and not (
            git.attempt("config", "--get-regexp", r"^core\.(autocrlf|attributesfile|eol)$").stdout
        )
    return _KNOWN[key]
