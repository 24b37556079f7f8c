"""The levels of confinement, and what a policy makes of what this machine can do. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.errors import Exit, OrchestratorError


class Level(StrEnum):
    """How a command is confined, strongest first; the value is what trailers and documents say.

    BWRAP: namespaces of its own, no network, only the worktree writable, limits.
    RLIMITS: limits, a process group and an environment of its own; files and network are those of the user.
    NONE: nothing.
    """

    BWRAP = "bwrap"
    RLIMITS = "rlimits"
    NONE = "none"


class Policy(StrEnum):
    """What a person asks for: the strongest level or nothing runs, the best there is, or none."""

    REQUIRED = "required"
    BEST = "best"
    OFF = "off"


DEFAULT = Policy.BEST


@dataclass(frozen=True)
class Found:
    """What `probe` measured.

    Attributes:
        level: the strongest level that held.
        why: one sentence, why no stronger one is there; empty where none is stronger.
        fix: the command that would help; may be empty.
        bwrap: the program that holds the strongest level up, by its absolute path; None below that level.
    """

    level: Level
    why: str = ""
    fix: str = ""
    bwrap: Path | None = None


@dataclass(frozen=True)
class Chosen:
    """The level a run works at, and why it is no stronger one."""

    level: Level
    why: str = ""
    fix: str = ""

    @property
    def sentence(self) -> str:
        """What a person is told, in one line."""
        if not self.why:
            return str(self.level)
        return f"{self.level} ({self.why}{f'; {self.fix}' if self.fix else ''})"


def choose(policy: Policy, found: Found) -> Chosen:
    """Return the level that `policy` makes of what was found.

    Raises:
        OrchestratorError: the strongest level is required and not there (`Exit.MISSING`).
    """
    if policy is Policy.OFF:
        return Chosen(Level.NONE, "it is switched off")
    if policy is Policy.REQUIRED and found.level is not Level.BWRAP:
        raise OrchestratorError(
            f"a sandbox is required, and this machine has none: {found.why}",
            hint=found.fix or "run on a machine that has user namespaces and bubblewrap",
            code=Exit.MISSING,
        )
    return Chosen(found.level, found.why, found.fix)
