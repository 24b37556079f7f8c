"""Packing: many small packs are joined, and that costs nothing that grows with the refs of all attempts."""

import os

from harness import Repo

from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place
from orchestrator.repo.packing import tidy


def test_packs_are_joined_without_a_list_of_all_refs(repo: Repo) -> None:
    for number in range(45):
        repo.write("a.txt", f"{number}\n")
        repo.commit(str(number))
        repo.git("repack", "-n", "-q")
    git_dir = repo.root / ".git"
    packs = git_dir / "objects" / "pack"
    assert len(list(packs.glob("*.pack"))) > 40
    tidy(Git(repo.root, {**os.environ, **repo.env}), Place(repo.root, git_dir))
    assert len(list(packs.glob("*.pack"))) < 10
    assert not (git_dir / "info" / "refs").exists()
    assert repo.read("a.txt") == repo.git("show", "HEAD:a.txt") + "\n"
    repo.git("fsck", "--strict")
