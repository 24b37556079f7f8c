"""The studio that a test process records in; it goes with all it made, unless a cut found something wrong."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from studio import Studio


@pytest.fixture(scope="session")
def studio() -> Iterator[Studio]:
    memory = Path("/dev/shm")  # noqa: S108 - what is tested is in an image, whatever disk that is on
    folder = Path(tempfile.mkdtemp(prefix="power-", dir=memory if memory.is_dir() else None)).resolve()
    yield Studio(folder)
    if not list(folder.glob("*/wrong-*.img")):
        shutil.rmtree(folder)
