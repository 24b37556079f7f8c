"""What a child process sees: the clean environment, and where its command is found."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "TERM")


def environment(base: Mapping[str, str], passed: Sequence[str], extra: Mapping[str, str]) -> dict[str, str]:
    """Build a child's environment: what every program needs, what was asked for, and nothing else.

    Args:
        base: the environment to choose from, usually `os.environ`.
        passed: names to let through; a trailing `*` is a prefix.
        extra: variables set on top.

    Returns:
        A new mapping; API keys, `GIT_*` and `PYTHON*` are in it only when `passed` names them.
    """
    chosen = {name: value for name, value in base.items() if _matches(name, (*_KEPT, *passed))}
    return {"TERM": "dumb", **chosen, **extra}


def enclosed(env: Mapping[str, str], worktree: Path) -> dict[str, str]:
    """Return `env` for a command in `worktree`: a git there whose `.git` is gone finds no repository above it.

    Worktrees are below a person's checkout, and a `git reset --hard` would be one of that. git splits what it is given
    at colons: below a path with one it is not kept.
    """
    return {**env, "GIT_CEILING_DIRECTORIES": str(worktree.parent)}


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns)


def find(command: str, *, cwd: Path, env: Mapping[str, str]) -> str | None:
    """Look a command up as `execvp` would in `cwd` with `env`'s PATH.

    Returns:
        The path that would be started, or None.
    """
    folders = [""] if "/" in command else os.get_exec_path(dict(env))
    candidates = (cwd / folder / command for folder in folders)
    return next((str(path) for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


def missing(command: str, *, cwd: Path, env: Mapping[str, str]) -> bool:
    """Whether `command` cannot be started in `cwd`, known before anything is."""
    return find(command, cwd=cwd, env=env) is None
