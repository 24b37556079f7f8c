"""How all commands of one kind are confined: measured once, and then a matter of making argv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.process import enclosed
from orchestrator.sandbox.confine import confine
from orchestrator.sandbox.environ import environment
from orchestrator.sandbox.ground import Ground, guarded, survey
from orchestrator.sandbox.levels import Chosen, Found, Level, Policy, choose
from orchestrator.sandbox.probe import probe


@dataclass(frozen=True)
class Confinement:
    """What was chosen on this machine.

    Attributes:
        chosen: the level, and why it is no stronger one.
        env: the commands' whole environment; no key is in it.
        ground: what the disk looks like.
    """

    chosen: Chosen
    env: Mapping[str, str] = field(repr=False)
    ground: Ground = field(repr=False)

    @classmethod
    def find(
        cls,
        base: Mapping[str, str],
        passed: Sequence[str],
        policy: Policy,
        git_dir: Path,
        readable: Sequence[Path] = (),
        extra: Mapping[str, str] | None = None,
    ) -> "Confinement":
        """Measure what this machine can do, and choose.

        Args:
            base: the environment to choose from.
            passed: names of variables to let through besides the usual ones.
            policy: what is asked for.
            git_dir: the git directory all worktrees share.
            readable: what is to be readable besides, such as what the configuration links into worktrees.
            extra: variables set on top.

        Raises:
            OrchestratorError: the strongest level is required and not there (`Exit.MISSING`).
        """
        env = environment(base, passed, extra)
        found = probe(base) if policy is not Policy.OFF else Found(Level.NONE)
        chosen = choose(policy, found)
        return cls(chosen, env, survey(found.bwrap, env, git_dir, readable))

    def argv(self, argv: Sequence[str], worktree: Path) -> list[str]:
        """Return the argv that runs `argv`, confined, in a worktree that is given by its real name."""
        level, guards = self.chosen.level, guarded(worktree)
        return confine(argv, worktree, level, env=enclosed(self.env, worktree), ground=self.ground, guarded=guards)
