"""The doors of a call that reads: where the repository is, its configuration, git. It loads nothing that writes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Config, load
from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place, locate

LOCK = "orchestrator.lock"


@dataclass(frozen=True)
class Reading:
    """What a verb needs that only reads."""

    place: Place
    git: Git
    config: Config

    @property
    def lock(self) -> Path:
        """The file that a leader holds."""
        return self.place.git_dir / LOCK


def reading(start: Path | None = None, env: Mapping[str, str] | None = None) -> Reading:
    """Find the repository and its configuration.

    Raises:
        OrchestratorError: there is none to work in, or its configuration is wrong.
    """
    env = os.environ if env is None else env
    place = locate(start or Path.cwd(), env)
    config, _ = load(place.root, env)
    return Reading(place, Git(place.root, env), config)
