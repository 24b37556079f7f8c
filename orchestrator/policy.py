"""What is allowed and when: the paths a spec covers, those only a person may touch, when a checkpoint is due. Pure."""

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

# git's modes for what is no plain file, and for no file at all.
SYMLINK = "120000"
GITLINK = "160000"
GONE = "000000"

# Byproducts of tools that agents run. Untracked files below these are left out of a snapshot instead of failing it.
BYPRODUCTS = frozenset({"__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", ".tox", ".nox"})

# Never taken from an agent, whatever its spec says: they steer the leader, the next agent, git, or the project's CI.
_PROTECTED = (
    ("workflow-state.md", "the leader's state"),
    ("TODO.md", "the leader's state"),
    ("specs/", "the leader's specs"),
    ("checkpoints/", "the leader's checkpoints"),
    ("orchestrator.toml", "the leader's configuration"),
    (".orchestrator/", "the leader's own folder"),
    ("**/.git", "git's own files"),
    ("**/.git/", "git's own files"),
    ("**/.gitattributes", "it changes what git shows and stores"),
    ("**/.gitmodules", "it makes git fetch other repositories"),
    ("**/.lfsconfig", "it changes where git fetches from"),
    (".github/", "CI"),
    (".gitlab-ci.yml", "CI"),
    (".gitlab/", "CI"),
    (".circleci/", "CI"),
    (".buildkite/", "CI"),
    (".ci/", "CI"),
    (".travis.yml", "CI"),
    ("azure-pipelines.yml", "CI"),
    ("Jenkinsfile", "CI"),
    (".husky/", "hooks"),
    (".githooks/", "hooks"),
    (".pre-commit-config.yaml", "hooks"),
    ("lefthook.yml", "hooks"),
    ("**/CLAUDE.md", "agent settings"),
    ("**/AGENTS.md", "agent settings"),
    ("**/.claude/", "agent settings"),
    ("**/.codex/", "agent settings"),
    ("**/.cursor/", "agent settings"),
    ("**/.gemini/", "agent settings"),
    ("**/.mcp.json", "agent settings"),
    (".vscode/", "editor settings that run commands"),
    (".idea/", "editor settings that run commands"),
    (".envrc", "it runs when a person enters the folder"),
)


def protected_names() -> tuple[str, ...]:
    """Return the names at the top of a worktree that are never taken from an agent."""
    return tuple(dict.fromkeys(pattern.removeprefix("**/").rstrip("/") for pattern, _ in _PROTECTED))


@dataclass(frozen=True, slots=True)
class Touched:
    """One path an attempt changed, with the modes before and after (`GONE` where there is none)."""

    path: str
    old_mode: str
    new_mode: str


@dataclass(frozen=True, slots=True)
class Violation:
    """One path that keeps an attempt off the branch, and why."""

    path: str
    why: str


def violations(
    changes: Iterable[Touched],
    patterns: Sequence[str],
    allowed: Collection[str] = (),
    existing: Collection[str] = (),
) -> tuple[Violation, ...]:
    """Return every change that a spec does not cover.

    Args:
        changes: what the attempt changed; a rename is a deletion and an addition.
        patterns: the spec's files to modify.
        allowed: what the spec lets through besides: `symlinks`.
        existing: those of the base's paths that a new one may differ from only by case; such a one is refused.
    """
    folded = {path.casefold(): path for path in existing}
    found = []
    for change in changes:
        why = _why_not(change, patterns, allowed, folded)
        if why:
            found.append(Violation(change.path, why))
    return tuple(found)


def _why_not(change: Touched, patterns: Sequence[str], allowed: Collection[str], folded: Mapping[str, str]) -> str:
    guarded = protected(change.path)
    if guarded:
        return f"protected: {guarded}"
    if not covers(patterns, change.path):
        return "outside the spec's files" + (" (deleted)" if change.new_mode == GONE else "")
    if change.new_mode == GITLINK:
        return "a nested repository: its content would be lost"
    if change.new_mode == SYMLINK and "symlinks" not in allowed:
        return "a symlink (the spec may say `allow: symlinks`)"
    twin = folded.get(change.path.casefold(), change.path)
    if change.old_mode == GONE and twin != change.path:
        return f"differs from {twin} only by case"
    return ""


def protected(path: str) -> str:
    """Return why `path` is never taken from an agent, or an empty string; in any case, for not every disk minds it."""
    folded = path.casefold()
    return next((why for pattern, why in _PROTECTED if _matcher(pattern.casefold())(folded)), "")


def covers(patterns: Sequence[str], path: str) -> bool:
    """Whether one of `patterns` (a file, a folder ending in `/`, or a glob) covers `path`.

    A name with brackets of its own, such as `app/[id]/page.tsx`, covers itself as well.
    """
    return any(_is_named(pattern, path) or _matcher(pattern)(path) for pattern in patterns)


def _is_named(pattern: str, path: str) -> bool:
    return path == pattern or (pattern.endswith("/") and path.startswith(pattern))


def is_glob(pattern: str) -> bool:
    """Whether `pattern` stands for more than the one file it names."""
    return pattern.endswith("/") or any(char in pattern for char in "*?[")


def may_be_name(pattern: str) -> bool:
    """Whether a glob may be a file's own name: brackets are all that makes it one."""
    return not pattern.endswith("/") and not any(char in pattern for char in "*?")


def fixed(pattern: str) -> str:
    """Return the folder that all of what `pattern` covers is in, as far as the pattern says; empty for the top."""
    folders = pattern.split("/")[:-1]
    return "/".join(itertools.takewhile(lambda folder: not is_glob(folder), folders))


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Callable[[str], bool]:
    if not is_glob(pattern):
        return pattern.__eq__
    *folders, last = _parts(pattern)
    expression = re.compile(_folders(folders) + (".+" if last == "**" else _segment(last)), re.DOTALL)
    return lambda path: expression.fullmatch(path) is not None


def _parts(pattern: str) -> list[str]:
    return [*pattern.rstrip("/").split("/"), "**"] if pattern.endswith("/") else pattern.split("/")


def _folders(parts: Sequence[str]) -> str:
    """Return the expression for the folders before a name.

    What stands between two `**` is looked for once, as far left as can be (`(?>...)`): if that fits, the second `**`
    takes up the rest. Trying every place for each would take time by a power as high as their number.
    """
    runs = [""]
    for part in parts:
        if part == "**":
            runs.append("")
        else:
            runs[-1] += _segment(part) + "/"
    first, *middle = runs
    last = ["(?:.*/)?" + middle.pop()] if middle else []
    return "".join([first, *(f"(?>(?:[^/]*/)*?{run})" for run in middle if run), *last])


def _segment(part: str) -> str:
    """Return the expression for one name; what stands between two `*` is looked for as `_folders` does."""
    runs = [""]
    for piece in re.findall(r"\[[^\]]+\]|.", part, re.DOTALL):
        if piece == "*":
            runs.append("")
        else:
            runs[-1] += _glob_piece(piece)
    first, *middle = runs
    last = ["[^/]*" + middle.pop()] if middle else []
    return "".join([first, *(f"(?>[^/]*?{run})" for run in middle if run), *last])


def _glob_piece(piece: str) -> str:
    if piece == "?":
        return "[^/]"
    return _character_set(piece[1:-1]) if len(piece) > 1 else re.escape(piece)


def _character_set(body: str) -> str:
    """Return `[body]` of a glob as an expression; a set that means nothing, such as `[z-a]`, stands for itself."""
    negated = body.startswith("!")
    inner = "".join(char if char == "-" else re.escape(char) for char in body[negated:]).replace("--", r"\-\-")
    expression = f"(?!/)[{'^' if negated else ''}{inner}]"
    try:
        re.compile(expression)
    except re.error:
        return re.escape(f"[{body}]")
    return expression


def may_meet(one: str, other: str) -> bool:
    """Whether some path could be covered by both patterns. Errs towards yes: two running specs must never meet."""
    mine, theirs = _parts(one.casefold()), _parts(other.casefold())
    pending = [(0, 0)]
    seen = set(pending)
    while pending:
        at, there = pending.pop()
        if at == len(mine) or there == len(theirs):
            return True  # the same path, or one is a folder above the other
        if "**" in {mine[at], theirs[there]}:
            steps = {(at + 1, there), (at, there + 1)}
        else:
            steps = {(at + 1, there + 1)} if _segments_meet(mine[at], theirs[there]) else set()
        pending += steps - seen
        seen |= steps
    return False


def _segments_meet(one: str, other: str) -> bool:
    globs = [any(char in part for char in "*?[") for part in (one, other)]
    if not any(globs):
        return one == other
    if all(globs):
        return True
    literal, pattern = (other, one) if globs[0] else (one, other)
    return re.fullmatch(_segment(pattern), literal) is not None


@dataclass(frozen=True)
class Moment:
    """What a checkpoint decision looks at; times in minutes."""

    landed: bool = False
    phase_ended: bool = False
    risky_next: bool = False
    delegating: bool = False
    since_last: float = 0.0
    elapsed: float = 0.0
    remaining: float = 0.0


# The frequency table this design came with: the longer the work, the more often; (up to minutes, every minutes).
_BY_LENGTH = ((30.0, float("inf")), (120.0, 30.0), (360.0, 20.0))
_DELEGATION_FROM = 120.0


def checkpoint_due(every: str | int, moment: Moment) -> str:
    """Return why a checkpoint is due now, or an empty string. `every` is `checkpoint.every` of the configuration."""
    if every == "session":
        return ""
    if moment.phase_ended:
        return "phase boundary"
    if every == "phase":
        return ""
    if every == "task":
        return "task landed" if moment.landed else ""
    if isinstance(every, int):
        return f"{every} minutes" if moment.since_last >= every and moment.landed else ""
    return _auto(moment)


def _auto(moment: Moment) -> str:
    length = moment.elapsed + moment.remaining
    if moment.risky_next:
        return "before a risky step"
    if moment.delegating and length >= _DELEGATION_FROM:
        return "before delegation"
    interval = next((every for upto, every in _BY_LENGTH if length <= upto), 0.0)
    return f"{length / 60:.1f} hours of work" if moment.landed and moment.since_last >= interval else ""
