"""What git sees of the program's documents: which differ from the last commit, and what a killed program began."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.repo.git import Git
from orchestrator.repo.refs import PAPERS
from orchestrator.workspace import TEMPORARY

# One process for all: of 20,000 documents, each that reads the index takes 5 ms more.
_STATUS = (
    *("-c", "core.preloadIndex=false", "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"),
    *("--untracked-files=all", "--ignored"),
)
_IGNORED = "!!"


@dataclass(frozen=True)
class Seen:
    """What git saw, as paths from the repository's top.

    Attributes:
        documents: our Markdown files that may differ from the last commit.
        begun: the beginnings of files in our folders that were never given their names.
    """

    documents: list[str]
    begun: list[str]


Look = Callable[[], Seen | None]


def look(git: Git) -> Seen:
    """Return what git sees now.

    The index is only read: refreshing it would take its lock, once a second, from a person's own git.

    Raises:
        GitError: git cannot say.
    """
    return _seen(git.records(*_STATUS, "--", *PAPERS))


@contextmanager
def looking(folder: Path, env: Mapping[str, str]) -> Iterator[Look]:
    """Let git look while the program is still being loaded, and hand out what waits for the answer: None without one.

    Of 20,000 documents git takes 50 ms, and a run needs as long before it can ask.
    """
    with Git(folder, env).meanwhile(*_STATUS, "--", *PAPERS) as answer:

        def seen() -> Seen | None:
            records = answer()
            return None if records is None else _seen(records)

        yield seen


def _seen(records: list[str]) -> Seen:
    paths = {record[3:]: record[:2] for record in records}
    return Seen(
        sorted(path for path, state in paths.items() if state != _IGNORED and _is_document(path)),
        [path for path in paths if path.endswith(TEMPORARY) and path.rpartition("/")[2].startswith(".")],
    )


def _is_document(path: str) -> bool:
    """Whether it may be one of ours: what an editor puts beside it while it is open is hidden."""
    return path.endswith(".md") and not path.rpartition("/")[2].startswith(".")
