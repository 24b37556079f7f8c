"""Where a crowd's rounds take place."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def square() -> Iterator[Path]:
    """A folder in memory, where there is one: a round syncs a thousand times, and what it tests is not the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="crowd-", dir=memory if memory.is_dir() else None)).resolve()
    yield folder
    if not list(folder.iterdir()):
        shutil.rmtree(folder)
