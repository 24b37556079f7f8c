"""The order in which a landing reaches the disk, told by its mutations: needs a C compiler, no root."""

import shutil
import sys
from pathlib import Path

import injection
import play
import pytest

_NAMING = ("open", "rename", "unlink", "mkdir")


@pytest.mark.skipif(sys.platform != "linux", reason="the preload library is written for Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) to build the preload library with")
def test_every_folder_of_the_checkout_is_synced_after_its_last_change(tmp_path: Path) -> None:
    repo = play.project(tmp_path / "repo")
    repo.env["FAULTS_TRACE"] = str(tmp_path / "trace")
    injection.strike(injection.compiled(tmp_path), repo, injection.NOTHING)
    steps = [line.split(" ", 3)[2:] for line in (tmp_path / "trace").read_text().splitlines()]
    for folder in (repo.root, *(repo.root / name for name in ("src", "specs", "checkpoints"))):
        named = [n for n, (what, path) in enumerate(steps) if what in _NAMING and Path(path).parent == folder]
        synced = [n for n, (what, path) in enumerate(steps) if what == "fsync" and Path(path) == folder]
        assert max(synced, default=-1) > max(named), folder
