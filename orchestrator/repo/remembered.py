"""What is remembered of the ledger: as of one commit, so that a long history is not read again by each command.

It is only ever a shortcut. Whoever uses it holds it against the tasks ticked in TODO.md at that commit, which every
commit of ours keeps equal to the ledger, and reads the whole history where they differ.

The file's first line is JSON and says which commit; below it stands the book of the landed tasks, read as it is.
"""

import json
from dataclasses import asdict
from pathlib import Path

from orchestrator.repo.book import Book
from orchestrator.repo.history import Gate, Ledger

_FORMAT = 4


def recall(git_dir: Path) -> tuple[str, Ledger] | None:
    """Return the remembered commit with its ledger, or None."""
    try:
        head, _, text = _file(git_dir).read_bytes().partition(b"\n")
        facts, landed = json.loads(head), Book(text)
        if facts["format"] != _FORMAT or not _is_whole(text, facts["landed"]):
            return None
        gate = Gate(**facts["gate"]) if facts["gate"] else None
        known = Ledger(landed, dict(facts["reopened"]), int(facts["checkpoint"]), str(facts["workflow"]), gate)
        return str(facts["commit"]), known
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_whole(text: bytes, lines: int) -> bool:
    """Whether a book's text has so many lines, each with its two parts: none was torn."""
    return (text.count(b"\n"), text.count(b"\0")) == (lines, lines) and text[-1:] in {b"", b"\n"}


def remember(git_dir: Path, commit: str, known: Ledger) -> None:
    """Remember the ledger at `commit`, unless it is already; a full disk is no reason to fail for that."""
    facts = {
        "format": _FORMAT,
        "commit": commit,
        "checkpoint": known.checkpoint,
        "workflow": known.workflow,
        "reopened": known.reopened,
        "landed": len(known.landed),
        "gate": asdict(known.gate) if known.gate else None,
    }
    file = _file(git_dir)
    temporary = file.with_suffix(".new")
    try:
        content = json.dumps(facts).encode() + b"\n" + known.landed.text
        if file.is_file() and file.read_bytes() == content:
            return
        file.parent.mkdir(exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)


def _file(git_dir: Path) -> Path:
    return git_dir / "orchestrator" / "ledger"
