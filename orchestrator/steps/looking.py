"""Which of the program's documents differ from the last commit: git's answer, which takes longer as a project grows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator.repo.git import Git

Paths = Callable[[], list[str] | None]

# One process for what is changed and what is new: of 20,000 documents, each that reads the index takes 5 ms more.
_STATUS = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all")
# Spelled out: `standing`, which names them, takes a third of the time that git is given here.
_OURS = (":/TODO.md", ":/workflow-state.md", ":/specs", ":/checkpoints")


def look(git: Git) -> list[str]:
    """Return the Markdown files of ours that may differ from the last commit, as paths from the repository's top.

    The index is only read: refreshing it would take its lock, once a second, from a person's own git.

    Raises:
        GitError: git cannot say.
    """
    return _paths(git.records(*_STATUS, "--", *_OURS))


@contextmanager
def looking(folder: Path, env: Mapping[str, str]) -> Iterator[Paths]:
    """Let git look while the program is still being loaded, and hand out what waits for the answer: None without one.

    Of 20,000 documents git takes 80 ms, and a run needs as long before it can ask.
    """
    with Git(folder, env).meanwhile(*_STATUS, "--", *_OURS) as answer:

        def paths() -> list[str] | None:
            records = answer()
            return None if records is None else _paths(records)

        yield paths


def _paths(records: list[str]) -> list[str]:
    return sorted({path for record in records if (path := record[3:]).endswith(".md")})
