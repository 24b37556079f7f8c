"""Intent: the refs that remember where an advance of a branch started and leads, until it has come to its end."""

import hashlib
import os
from collections.abc import Iterator

from orchestrator.repo.git import Git
from orchestrator.repo.refs import OURS, resolve

PARTS = ("from", "to", "taken")
_ROOT = f"{OURS}/advance"
_HEADS = "refs/heads/"
_HASHED = "%%"
_LONGEST = 200  # bytes of a ref's last name; a file's may have 255, and git adds to it
_RECENT = 50  # commits


def part(what: str, branch: str) -> str:
    """Return the ref that keeps one of `PARTS` for `branch`, flat: one branch's name may begin with another's."""
    flat = branch.removeprefix(_HEADS).replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(flat)) > _LONGEST:
        flat = _HASHED + hashlib.sha256(os.fsencode(branch)).hexdigest()
    return _called(what, flat)


def parts(name: str) -> list[str]:
    """Return the refs of `PARTS` that lie under `name`."""
    return [_called(what, name) for what in PARTS]


def _called(what: str, name: str) -> str:
    return f"{_ROOT}/{what}/{name}"


def unsettled(git: Git, branch: str) -> list[str]:
    """Return the names under which the intents lie that are to be settled on `branch`.

    That is its own, also as it was before names were made flat, and those of branches which are gone, where what this
    one has come to of late is what they were about: it has been renamed.
    """
    prefix = _called("to", "")
    listed = git.run("for-each-ref", "--format=%(refname)", prefix)
    names = [os.fsdecode(line).removeprefix(prefix) for line in listed.split(b"\n") if line]
    return [name for name in names if _is_own(name, branch)] + [*_renamed(git, branch, names)]


def _is_own(name: str, branch: str) -> bool:
    return _called("to", name) == part("to", branch) or _branch(name) == branch


def _renamed(git: Git, branch: str, names: list[str]) -> Iterator[str]:
    """Yield those of `names` whose branches git says to have been renamed to this one: a deleted one looks alike."""
    gone = [name for name in names if not _is_own(name, branch) and not name.startswith(_HASHED)]
    gone = [name for name in gone if resolve(git, _branch(name)) is None]
    if not gone or resolve(git, branch) is None:
        return
    said = os.fsdecode(git.attempt("reflog", "show", "--format=%gs", branch, "--").stdout).split("\n")
    recent = git.run("rev-list", "--first-parent", f"-{_RECENT}", branch).decode().split()
    for name in gone:
        was = any(line.startswith(f"Branch: renamed {_branch(name)} to ") for line in said)
        if was and not {resolve(git, ref) for ref in parts(name)[:2]}.isdisjoint(recent):
            yield name


def _branch(name: str) -> str:
    return _HEADS + (name if "/" in name else name.replace("%2F", "/").replace("%25", "%"))
