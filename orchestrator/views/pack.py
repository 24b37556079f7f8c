"""The documents of the re-entry pack, read from the repository."""

from orchestrator.brief import Documents
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.errors import DocumentError
from orchestrator.plaintext import one_line
from orchestrator.steps.shown import waits
from orchestrator.steps.stopped import Stopped, stopped
from orchestrator.views.glance import Sources, checkpoint_path, look, own_bytes, phase, read_text, workflow
from orchestrator.views.work import Work, work
from orchestrator.workspace import Folders

_CONVENTIONS = ("CLAUDE.md", "AGENTS.md")


def documents(sources: Sources) -> Documents | None:
    """Return what a brief is made from, or None where there is no plan.

    Raises:
        DocumentError: TODO.md, the state file or an open task's result cannot be taken; with `file:line`.
    """
    now = look(sources)
    if now is None:
        return None
    path = checkpoint_path(sources)
    source, conventions = own_bytes(sources, _CONVENTIONS)
    return Documents(
        now=now,
        workflow=workflow(sources, now),
        phase=phase(now, now.standing()),
        checkpoint=_checkpoint(sources, path),
        checkpoint_path=path,
        conventions=conventions.decode("utf-8", "replace"),
        conventions_path=source,
        notes=[*filter(None, [waits(now.ledger.gate)]), *_notes(work(sources), stopped(Folders(sources.root)))],
    )


def _checkpoint(sources: Sources, path: str) -> Checkpoint | None:
    try:
        return Checkpoint.parse(read_text(sources, path), path) if path else None
    except DocumentError:  # the pointer to it stays in the brief
        return None


def _notes(now: Work, last: Stopped | None) -> list[str]:
    if now.leader:
        names = ", ".join(f"{item.task}/{item.attempt}" for item in now.running[:8]) or "nothing right now"
        return [f"A leader is at work (process {now.leader.pid}); running: {names}"]
    notes = [f"The last run stopped: {one_line(last.why, 200)}"] if last else []
    return [*notes, "An abandoned run is here: `orchestrator run` carries on"] if now.left else notes
