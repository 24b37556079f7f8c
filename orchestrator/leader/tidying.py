"""Tidying, beside the work: git's packs and refs stay quick to look through, and old logs do not fill the disk."""

import threading
from dataclasses import dataclass

from orchestrator.config import Config
from orchestrator.plaintext import one_line
from orchestrator.repo.git import GitError
from orchestrator.repo.packing import tidy
from orchestrator.repo.removal import remove_tree
from orchestrator.steps.project import Project


@dataclass
class Tidying:
    """At most one thread that tidies: a landing would else wait for it, once in a while for seconds."""

    project: Project
    _thread: threading.Thread | None = None

    def beside(self) -> None:
        """Tidy in a thread of its own, unless one is at it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.now, name="tidying")
            self._thread.start()

    def now(self) -> None:
        """Tidy; where that cannot be, say so: nothing depends on it."""
        try:
            tidy(self.project.git, self.project.place)
            for logs in self.project.folders.discarded(_kept(self.project.config)):
                remove_tree(logs)
        except (GitError, OSError) as error:
            self.project.say("untidy", why=one_line(str(error)))

    def close(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()


def _kept(config: Config) -> int:
    """Return of how many tasks the logs stay: what is being started has no worktree yet, and is among the newest."""
    return max(config.logs, config.jobs)
