"""What is recorded: one run of the sweeps' project, undisturbed, on a disk that remembers."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import cut as cuts
import injection
import mounts
import record
import scene
from careless import Careless
from cut import Cut
from harness import Repo
from mounts import FileSystem
from record import Entry, Kind

_PAUSE = 0.03  # seconds between two times that the kernel writes everything back


@dataclass(frozen=True)
class Manner:
    """How a run is played: by the program as it is or made `careless`; `stirred`: the kernel writes back all the time.

    A run is over before the kernel writes back by itself what nobody has synced: files are there whole or not at all.
    A long run finds them there in part, or with their length and no bytes.
    """

    careless: Careless | None = None
    stirred: bool = False

    def __str__(self) -> str:
        name = self.careless.__name__ if self.careless else "careful"
        return f"{name}-stirred" if self.stirred else name


@dataclass(frozen=True)
class Recording:
    """A run on a disk: how the disk was at first, all that happened, and the code the run came to.

    `earlier` is what happened before, where the run carried on after a power cut.
    `root` is where the disk was mounted, and where each copy must be: git's worktrees know where they are.
    """

    kind: FileSystem
    root: Path
    base: Path
    tree: str
    entries: list[Entry] = field(repr=False)
    earlier: list[Entry] = field(repr=False)

    def during(self, at: int) -> str:
        """Return the last mutation before entry `at`: number, pid, operation, path."""
        said = (entry.data.decode().strip() for entry in reversed(self.entries[:at]) if entry.kind is Kind.MUTATION)
        return next(said, "nothing yet")


def project(root: Path) -> Repo:
    """The sweeps' project, with what makes a power cut worse.

    The file of a is new: nothing but an fsync brings its bytes to the disk. And what stood in a's worktree at first is
    on the disk by then, as it is when an agent works for minutes, so that the loss of its own work alone shows.
    """
    repo = scene.project(root)
    (root / "src" / "a.txt").unlink()
    repo.write("agent.sh", f'[ "$ORCHESTRATOR_TASK" != a ] || sync -f .\n{repo.read("agent.sh")}')
    repo.commit("a is still to be written")
    return repo


def recording(kind: FileSystem, folder: Path, library: Path, manner: Manner) -> Recording:
    """Record a run on a new disk in `folder`."""
    root, base = folder / "repo", folder / "base.img"
    mounts.made(kind, base)
    with mounts.mounted(kind, base, root):
        repo = project(root)
    repo.env |= manner.careless(folder, repo.env["PATH"]) if manner.careless else {}
    entries, tree = _taken(kind, base, repo, library, stirred=manner.stirred)
    return Recording(kind, root, base, tree, entries, [])


def recovery(first: Recording, cut: Cut, folder: Path, library: Path) -> Recording:
    """Record the run that carries on after `cut`, on the disk as the cut left it, in `folder`."""
    base = folder / "base.img"
    cuts.image(first.base, first.entries, cut, base)
    with mounts.rebooted(folder):
        entries, tree = _taken(first.kind, base, scene.opened(first.root), library)
    return Recording(first.kind, first.root, base, tree, entries, first.entries[: cut.at])


def _taken(
    kind: FileSystem, base: Path, repo: Repo, library: Path, *, stirred: bool = False
) -> tuple[list[Entry], str]:
    live, log = base.with_name("live.img"), base.with_name("record")
    mounts.copied(base, live)
    stir = _written_back(repo.root) if stirred else nullcontext()
    with (
        mounts.recorded(live, log, base.with_name("served")) as served,
        mounts.mounted(kind, served / Kind.DISK.file, repo.root),
        stir,
    ):
        tree = _played(repo, library, served)
    entries = record.read(log)
    live.unlink()
    log.unlink()
    return entries[: _end(entries)], tree


def _played(repo: Repo, library: Path, served: Path) -> str:
    repo.env["FAULTS_TRACE"] = str(served / Kind.MUTATION.file)
    Path(repo.env["FAULTS_RUNS"]).write_text("")
    struck = injection.strike(library, repo, injection.NOTHING, "run", "--events", "jsonl", out=served / Kind.TOLD.file)
    assert struck.said.code == 0, struck.said
    tree = scene.code_tree(repo)
    wrong = scene.wrong(repo, tree, scene.Kept(scene.recorded(repo), frozenset()))
    assert not wrong, wrong
    return tree


@contextmanager
def _written_back(root: Path) -> Iterator[None]:
    over = threading.Event()

    def write_back() -> None:
        while not over.wait(_PAUSE):
            subprocess.run(["sync", "-f", str(root)], check=True)

    thread = threading.Thread(target=write_back)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _end(entries: list[Entry]) -> int:
    """Return where the run ended: after that, the disk was only looked at and unmounted."""
    return max(n for n, entry in enumerate(entries, 1) if entry.kind in {Kind.MUTATION, Kind.TOLD})
