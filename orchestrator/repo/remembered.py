"""What is remembered of the ledger: as of one commit, so that a long history is not read again by each command.

It is only ever a shortcut. Whoever uses it holds it against the tasks ticked in TODO.md at that commit, which every
commit of ours keeps equal to the ledger, and reads the whole history where they differ.

The file's first line is JSON and says which commit; below it stand each landed task and its commit, a line each: of
many thousands, that is read in a third of the time.
"""

import json
from pathlib import Path

from orchestrator.repo.history import Ledger

_FORMAT = 2


def recall(git_dir: Path) -> tuple[str, Ledger] | None:
    """Return the remembered commit with its ledger, or None."""
    try:
        first, *lines = _file(git_dir).read_bytes().decode("utf-8", "surrogateescape").split("\n")
        facts = json.loads(first)
        if facts["format"] != _FORMAT:
            return None
        landed = dict(zip(lines[::2], lines[1::2], strict=True))
        return str(facts["commit"]), Ledger(
            landed, dict(facts["reopened"]), int(facts["checkpoint"]), str(facts["workflow"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(git_dir: Path, commit: str, known: Ledger) -> None:
    """Remember the ledger at `commit`, unless it is already; a full disk is no reason to fail for that."""
    facts = {
        "format": _FORMAT,
        "commit": commit,
        "checkpoint": known.checkpoint,
        "workflow": known.workflow,
        "reopened": known.reopened,
    }
    file = _file(git_dir)
    temporary = file.with_suffix(".new")
    try:
        first = json.dumps(facts)
        if _starts_with(file, f"{first}\n".encode()):
            return
        file.parent.mkdir(exist_ok=True)
        lines = [first, *(word for pair in known.landed.items() for word in pair)]
        temporary.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)


def _file(git_dir: Path) -> Path:
    return git_dir / "orchestrator" / "ledger"


def _starts_with(file: Path, first: bytes) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(first)) == first
