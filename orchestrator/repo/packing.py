"""Packing: the many small packs that landings and attempts leave are joined now and then, so that git stays quick.

Each write of ours is one pack, which costs one wait for the disk instead of one for each object. Joined by doubling
sizes, every object is written a few times in all; nothing is dropped, reachable or not.
"""

from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place

_MANY = 40  # git's own default, gc.autoPackLimit, is 50


def join_packs(git: Git, place: Place) -> bool:
    """Join small packs where there are many; True when that was done.

    Raises:
        GitError: git cannot, for example because the disk is full; nothing is lost.
    """
    folder = place.git_dir / "objects" / "pack"
    if sum(1 for _ in folder.glob("pack-*.pack")) <= _MANY:
        return False
    # A small window finds what matters: the same document before and after one task.
    git.run("repack", "--geometric=2", "-d", "-q", "--window=2", "--no-write-bitmap-index")
    return True
