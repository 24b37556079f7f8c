"""Documents that are there and that git ignores: no commit takes them in, so for a run there are none."""

import shlex
from collections.abc import Iterable

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.repo.git import Git, joined, split_records

_SHOWN = 10


def ignored(git: Git, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return those of `paths` that are there and that git ignores, each with the rule and where that stands."""
    there = [path for path in paths if (git.directory / path).exists()]
    if not there:
        return {}
    said = split_records(git.attempt("check-ignore", "-v", "-z", "--stdin", stdin=joined(there)).stdout)
    found = zip(said[::4], said[1::4], said[2::4], said[3::4], strict=True)
    return {path: (rule, f"{file}:{line}") for file, line, rule, path in found if not rule.startswith("!")}


def refuse_ignored(git: Git, paths: Iterable[str]) -> None:
    """Refuse to go on without documents that a person believes to be there.

    Raises:
        OrchestratorError: git ignores one of `paths`.
    """
    found = ignored(git, paths)
    for path, (rule, where) in found.items():
        more = f", and {len(found) - 1} more like it" if len(found) > 1 else ""
        raise OrchestratorError(
            f"{path} is there, but git ignores it: `{rule}` in {where}{more}",
            where=f"{path}:1",
            hint=f"{adding(found)}, or take that rule out of {where.rpartition(':')[0]}",
            code=Exit.PRECONDITION,
        )


def adding(paths: Iterable[str]) -> str:
    """Return the command that makes git take `paths` all the same."""
    return f"git add -f {shlex.join([*paths][:_SHOWN])}"
