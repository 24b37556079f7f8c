"""The doors of a call that writes: the instance lock, and everything a leader works with."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from orchestrator.cli.doors import LOCK
from orchestrator.clock import Clock, SystemClock
from orchestrator.config import Config, load
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.events import Tell, silent
from orchestrator.lock import instance_lock
from orchestrator.models.journal import NAME, Journal
from orchestrator.models.models import Models, door_of
from orchestrator.models.purse import Purse
from orchestrator.repo.checkout import Checkout
from orchestrator.repo.git import Git
from orchestrator.repo.guard import Guard
from orchestrator.repo.locate import locate
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.refs import head
from orchestrator.repo.register import Register
from orchestrator.repo.worktrees import Worktrees
from orchestrator.steps.project import Project
from orchestrator.steps.verify import confinement
from orchestrator.workspace import Folders


@contextmanager
def leading(tell: Tell = silent, flags: Mapping[str, object] | None = None, patience: float = 0.3) -> Iterator[Project]:
    """Hold the instance lock and hand out the project: for every verb that writes.

    Raises:
        OrchestratorError: no repository, a wrong configuration, another leader, a repository that cannot be written.
    """
    env = os.environ
    place = locate(Path.cwd(), env)
    config, _ = load(place.root, env, flags)
    branch = head(Git(place.root, env)).branch
    folders = Folders(place.root)
    with instance_lock(place.git_dir / LOCK, patience) as lock:
        git = Git(place.root, env, held=(lock.handle,))
        try:
            folders.create()
        except OSError as error:
            raise OrchestratorError(
                f"cannot write to the repository: {error.strerror} ({error.filename})",
                hint="make it writable: is the disk full or mounted read-only?",
                code=Exit.PRECONDITION,
            ) from error
        objects = ObjectFolders(place.git_dir)
        register = Register(git, place, objects)
        checkout = Checkout(git, place, branch, folders.scratch, objects)
        clock = SystemClock()
        models = _models(place.git_dir / NAME, config, env, clock, tell)
        try:
            yield Project(
                place=place,
                git=git,
                config=config,
                clock=clock,
                env=env,
                folders=folders,
                checkout=checkout,
                worktrees=Worktrees(git, place, folders.worktrees),
                register=register,
                guard=Guard(git, place, register, branch, checkout.moving, folders.home / "quarantine"),
                lock=lock,
                tell=tell,
                models=models,
                confined=cache(lambda policy: confinement(config, place, env, policy)),
            )
        finally:
            models.purse.close()


def _models(journal: Path, config: Config, env: Mapping[str, str], clock: Clock, tell: Tell) -> Models:
    purse = Purse(Journal(journal), config.limits, clock, tell)
    return Models(lambda: door_of(env, clock), purse, clock, config.retries, config.backoff, tell=tell)
