"""Packing: the many small packs and loose refs that attempts leave are joined now and then, so that git stays quick.

Each write of ours is one pack, which costs one wait for the disk instead of one for each object. Joined by doubling
sizes, every object is written a few times in all; nothing is dropped, reachable or not.
"""

from orchestrator.repo.attempts import ROOT
from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place

_PACKS = 40  # git's own default, gc.autoPackLimit, is 50
# Of a folder of 20,000 files a whole version takes 360 KiB: with the 50 steps that are usual, 7 KiB of it a task. The
# newest versions stand first; one read of the oldest takes 0.1 s.
_DEPTH = 250
_HOW = ("--geometric=2", "-d", "-q", "--window=2", f"--depth={_DEPTH}", "--threads=1", "--no-write-bitmap-index")
_REFS = 200  # 10,000 loose refs are read in 115 ms, packed ones in 21; the loose ones alone are read again and again


def tidy(git: Git, place: Place) -> None:
    """Join small packs and loose refs where there are many.

    Raises:
        GitError: git cannot, for example because the disk is full; nothing is lost.
    """
    if sum(1 for _ in (place.git_dir / "objects" / "pack").glob("pack-*.pack")) > _PACKS:
        # A small window finds what matters: the same document before and after one task. Without `-n` git would list
        # all refs for old web servers: 40 ms after 10,000 attempts. Where two threads meet, alike objects do not.
        git.run("repack", "-n", *_HOW)
    loose = place.git_dir / ROOT
    if loose.is_dir() and sum(1 for _ in loose.iterdir()) > _REFS:
        git.run("pack-refs", "--all", "--prune")
