"""What a person was shown at a gate, and the commands that answer it. Reads only."""

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git
from orchestrator.repo.history import Gate
from orchestrator.repo.trees import tree_of

SHORT = 10  # digits of a tree's id that a person is shown


def approval(git: Git, commit: str, gate: Gate) -> str:
    """Return the command that approves what stands at `commit`: it names the tree where that is not the gate's own."""
    here = tree_of(git, commit)
    return f"orchestrator approve {gate.name}" + ("" if here == gate.tree else f" --tree {here[:SHORT]}")


def waits(gate: Gate | None) -> str:
    """Return what a shut gate keeps from starting, in a sentence; empty where none is shut."""
    if gate is None or not gate.shut:
        return ""
    if gate.why:
        return f"checkpoint {gate.name} was rejected ({one_line(gate.why, 100)}): nothing starts before another plan"
    return f"checkpoint {gate.name} waits for a person: nothing starts before it is approved"


def refuse_shut(gate: Gate | None) -> None:
    """Refuse to start anything while a gate is shut.

    Raises:
        OrchestratorError: it is.
    """
    if waits(gate):
        hint = "orchestrator status   # shows what waits, and how to answer"
        raise OrchestratorError(waits(gate), hint=hint, code=Exit.WAITING)
