"""The stage of the sweeps, set once per test process."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import injection
import pytest
import scene
from sweep import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A compiled library, a project, and what an undisturbed run of it came to."""
    if sys.platform != "linux":
        pytest.skip("the preload library is written for Linux")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc) to build the preload library with")
    memory = Path("/dev/shm")  # noqa: S108 - a sweep syncs a million times, and what it tests is not the disk
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=memory if memory.is_dir() else None)).resolve()
    library = injection.compiled(folder)
    untouched = scene.project(folder / "untouched")
    finished = scene.copied(untouched, folder / "finished")
    clean = injection.strike(library, finished, injection.NOTHING)
    tree = scene.code_tree(finished)
    assert clean.said.code == 0, clean.said
    assert scene.wrong(finished, tree, scene.kept(finished)) == []
    scene.forget(finished)
    yield Stage(library, folder, untouched, tree, clean.count)
    if not list(folder.glob("visit-*")):
        shutil.rmtree(folder)
