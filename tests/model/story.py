"""What the history says is done, folded from the trailers of git's own log without a line of the program's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import Repo

_FORMAT = "%H%x1f%P%x1f%s%x1f%(trailers:only=true,unfold=true)%x1f%B"
_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{40})", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """One commit: what its trailers say, in order, and which commits its body says it reverts."""

    commit: str
    parents: tuple[str, ...]
    subject: str
    trailers: Sequence[tuple[str, str]]
    reverted: tuple[str, ...]

    def all(self, key: str) -> list[str]:
        """Return every value of a trailer."""
        return [value for name, value in self.trailers if name == key]


@dataclass(frozen=True)
class Story:
    """A branch's commits, oldest first, with what follows from them.

    Attributes:
        landed: each task that is done, with the commit that says so.
        again: tasks that a commit calls done although they were done before it.
        numbers: the checkpoints' numbers in order.
    """

    chapters: Sequence[Chapter]
    landed: Mapping[str, str]
    again: Sequence[str]
    numbers: Sequence[int]


def story(repo: Repo, tip: str = "HEAD") -> Story:
    """Read and fold a branch."""
    text = repo.git("log", "--topo-order", "--reverse", "-z", f"--format={_FORMAT}", tip, "--")
    chapters = [_chapter(record) for record in text.rstrip("\0").split("\0")]
    landed: dict[str, str] = {}
    again: list[str] = []
    for chapter in chapters:
        undone = [task for task, commit in landed.items() if commit in chapter.reverted]
        for task in [*undone, *(value.split("/")[0] for value in chapter.all("Reopen"))]:
            landed.pop(task, None)
        again += [f"{chapter.commit[:10]} {task}" for task in chapter.all("Task") if task in landed]
        landed |= dict.fromkeys(chapter.all("Task"), chapter.commit)
    numbers = [int(value) for chapter in chapters for value in chapter.all("Checkpoint")]
    return Story(chapters, landed, again, numbers)


def _chapter(record: str) -> Chapter:
    commit, parents, subject, block, body = record.split("\x1f", 4)
    pairs = [line.split(": ", 1) for line in block.split("\n") if ": " in line]
    trailers = [(key, value) for key, value in pairs]
    return Chapter(commit, tuple(parents.split()), subject, trailers, tuple(_REVERTS.findall(body)))
