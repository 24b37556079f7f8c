"""The order in which a landing reaches the disk, told by its mutations: needs a C compiler, no root."""

import shutil
import sys
from pathlib import Path

import injection
import play
import pytest

_NAMING = ("open", "rename", "unlink", "mkdir")
_PACKS = Path(".git/objects/pack")
_OUR_REFS = Path(".git/refs/orchestrator")

Step = tuple[str, str, Path]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """The mutations of a whole run, each with its process and its path below the project."""
    if sys.platform != "linux":
        pytest.skip("the preload library is written for Linux")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc) to build the preload library with")
    folder = tmp_path_factory.mktemp("order").resolve()
    repo = play.project(folder / "repo")
    repo.env["FAULTS_TRACE"] = str(folder / "trace")
    injection.strike(injection.compiled(folder), repo, injection.NOTHING)
    lines = [line.split(" ", 3)[1:] for line in (folder / "trace").read_text().splitlines()]
    return [(pid, what, Path(path).relative_to(repo.root)) for pid, what, path in lines]


def test_every_folder_of_the_checkout_is_synced_after_its_last_change(steps: list[Step]) -> None:
    for folder in map(Path, (".", "src", "specs", "checkpoints")):
        named = [n for n, (_, what, path) in enumerate(steps) if what in _NAMING and path.parent == folder]
        synced = [n for n, (_, what, path) in enumerate(steps) if what == "fsync" and path == folder]
        assert max(synced, default=-1) > max(named), folder


def test_a_pack_has_its_name_on_the_disk_before_a_ref_points_into_it(steps: list[Step]) -> None:
    waiting, moved = set[str](), 0  # processes that have named a pack
    for pid, what, path in steps:
        if what == "link" and path.parent == _PACKS:
            waiting.add(pid)
        elif what == "fsync" and path == _PACKS:
            waiting.clear()
        elif what == "rename" and path.is_relative_to(_OUR_REFS):
            moved += 1
            assert pid not in waiting, path
    assert moved
