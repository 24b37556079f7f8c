"""What is recorded: one run of the sweeps' project, undisturbed, on a new disk."""

from dataclasses import dataclass, field
from pathlib import Path

import injection
import mounts
import record
import scene
from careless import Careless
from harness import Repo
from mounts import FileSystem
from record import Entry, Kind


@dataclass(frozen=True)
class Recording:
    """A run on a disk: how the disk was at first, all that happened, and the code the run came to.

    `root` is where the disk was mounted, and where each copy must be: git's worktrees know where they are.
    """

    kind: FileSystem
    root: Path
    base: Path
    tree: str
    entries: list[Entry] = field(repr=False)

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


def recording(kind: FileSystem, folder: Path, library: Path, careless: Careless | None = None) -> Recording:
    """Record a run, as the program is or made `careless`, on a disk in `folder`."""
    root, base, live, log = folder / "repo", folder / "base.img", folder / "live.img", folder / "record"
    mounts.made(kind, base)
    with mounts.mounted(kind, base, root):
        repo = project(root)
    mounts.copied(base, live)
    with mounts.recorded(live, log, folder / "served") as served, mounts.mounted(kind, served / Kind.DISK.file, root):
        changed = careless(folder, repo.env["PATH"]) if careless else {}
        tree = _played(Repo(root, env={**repo.env, **changed}), library, served)
    live.unlink()
    entries = record.read(log)
    log.unlink()
    return Recording(kind, root, base, tree, entries[: _end(entries)])


def _played(repo: Repo, library: Path, served: Path) -> str:
    repo.env |= {"FAULTS_TRACE": str(served / Kind.MUTATION.file), "FAULTS_RUNS": str(served / Kind.RAN.file)}
    told = served / Kind.TOLD.file
    struck = injection.strike(library, repo, injection.NOTHING, "run", "--events", "jsonl", out=told)
    assert struck.said.code == 0, struck.said
    tree = scene.code_tree(repo)
    assert scene.wrong(repo, tree, scene.kept(repo)) == []
    return tree


def _end(entries: list[Entry]) -> int:
    """Return where the run ended: after that, the disk was only looked at and unmounted."""
    return max(n for n, entry in enumerate(entries, 1) if entry.kind in {Kind.MUTATION, Kind.TOLD})
