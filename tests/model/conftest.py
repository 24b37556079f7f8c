"""A warm program, and a place in memory to work in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Warm
from world import World


@pytest.fixture(scope="session")
def bench() -> Iterator[Path]:
    """A folder: a sequence syncs thousands of times, and what it tests is not the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="model-", dir=memory if memory.is_dir() else None)).resolve()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def warm(bench: Path) -> Iterator[Warm]:
    """The program, ready to be called."""
    made = Warm(bench)
    yield made
    made.close()


@pytest.fixture
def world(bench: Path, warm: Warm) -> World:
    """A repository at its first commit."""
    return World.made(Path(tempfile.mkdtemp(dir=bench)) / "repo", warm)
