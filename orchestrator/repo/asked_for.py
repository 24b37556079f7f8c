"""What a spec asks for although git ignores it: all in a folder of its own, but for what another rule is about."""

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from orchestrator.policy import covers, fixed, is_glob
from orchestrator.repo.git import Git, joined, split_records
from orchestrator.repo.trees import ignored, upwards


def asked_for(inside: Git, unwanted: Collection[str], named: Collection[str], scratch: Path | None) -> set[str]:
    """Return those ignored files that are in a folder which git ignores and a spec asks for all the same.

    What git ignores by another rule as well, such as `.env`, is not among them.
    """
    found: set[str] = set()
    for pattern, folder in _passed_over(inside, named).items():
        within = {path for path in unwanted if covers([pattern], path)}
        if within:
            beside = within.intersection(_beside_its_rule(inside, folder))
            found |= beside | _left_to_its_rule(inside, folder, within - beside, scratch)
    return found


def odd_asked_for(inside: Git, odd: Collection[str], named: Collection[str]) -> set[str]:
    """Return those of `odd` that are in such a folder, or are one that has become a repository of its own."""
    found: set[str] = set()
    for pattern, folder in _passed_over(inside, named).items():
        within = {path: f"{place_of(path)}/".removeprefix(folder) for path in odd if covers([pattern], path)}
        others = ignored(inside, sorted({place.rstrip("/") for place in within.values() if place}))
        found |= {path for path, place in within.items() if place.rstrip("/") not in others}
    return found


def _passed_over(inside: Git, named: Collection[str]) -> dict[str, str]:
    """Return the patterns that are about a folder which git ignores, each with that folder."""
    folders = {pattern: f"{folder}/" for pattern in named if is_glob(pattern) and (folder := fixed(pattern))}
    ignores = ignored(inside, sorted(set(folders.values()))) if folders else set()
    return {pattern: folder for pattern, folder in folders.items() if folder in ignores}


def _beside_its_rule(inside: Git, folder: str) -> list[str]:
    """Return the files below `folder` that git would not ignore, did no rule say so of `folder` itself."""
    plain = folder.replace("\\", "\\\\")
    above = [plain[: at + 1] for at, sign in enumerate(plain) if sign == "/"]
    rules = [word for path in above for word in ("-x", f"!/{path}")]
    empty = inside.within(GIT_INDEX_FILE=f"{inside.directory}.none", GIT_LITERAL_PATHSPECS="1")
    return empty.records("ls-files", "-o", "-z", "--exclude-standard", *rules, "--", folder)


def _left_to_its_rule(inside: Git, folder: str, paths: Collection[str], scratch: Path | None) -> set[str]:
    """Return those of `paths` that only a rule about all that a folder above them holds ignores, such as `out/*`.

    git is asked once more by copies of the rules without those. What it cannot say is left where it is.
    """
    said = split_records(
        inside.attempt("check-ignore", "-v", "-z", "--no-index", "--stdin", stdin=joined([*paths])).stdout
    )
    rules = zip(said[::4], said[1::4], said[2::4], strict=True)
    wide = {(source, int(line)) for source, line, rule in rules if _is_about_all(source, rule, folder)}
    if not wide:
        return set()
    if scratch:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as copies:
        for above in {"", *(up for path in paths for up in upwards(path.rpartition("/")[0]))}:
            _copy_rules(inside.directory, Path(copies), f"{above}/.gitignore".lstrip("/"), wide)
        other = inside.at(Path(copies)).within(GIT_WORK_TREE=copies)
        asked = other.attempt("check-ignore", "-z", "--no-index", "--stdin", stdin=joined([*paths]))
    return {*paths}.difference(split_records(asked.stdout)) if asked.returncode in {0, 1} else set()


def _is_about_all(source: str, rule: str, folder: str) -> bool:
    """Whether a rule of the file `source` is about all that `folder`, or one above it, holds."""
    bare = rule
    while bare.endswith(("/*", "/**")):
        bare = bare.rpartition("/")[0]
    above, _, name = source.rpartition("/")
    if name != ".gitignore" or (bare == rule and rule not in {"*", "**"}) or not (above or bare.strip("*")):
        return False
    about = f"{above}/{bare.strip('/') if bare.strip('*') else ''}".strip("/")
    return any(covers([about], up) for up in upwards(folder.rstrip("/")))


def _copy_rules(worktree: Path, copies: Path, name: str, without: Collection[tuple[str, int]]) -> None:
    path = worktree / name
    if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):  # git reads no others either
        lines = path.read_bytes().split(b"\n")
        kept = [b"" if (name, number) in without else line for number, line in enumerate(lines, 1)]
        (copies / name).parent.mkdir(parents=True, exist_ok=True)
        (copies / name).write_bytes(b"\n".join(kept))


def place_of(path: str) -> str:
    """Return where an oddity is: of a nested repository, its folder."""
    folder, _, name = path.rpartition("/")
    return folder if folder and name.lower() == ".git" else path
