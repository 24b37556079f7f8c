"""Programs that promise too early, as environments for a run: what the cuts must find, or they prove nothing."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

# Given a folder and a PATH, what is different in the environment.
Careless = Callable[[Path, str], dict[str, str]]


def gits_own_settings(folder: Path, path: str) -> dict[str, str]:
    """Git is as durable as it is by itself, whatever it is asked for."""
    real = shutil.which("git", path=path)
    assert real
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(real)} -c core.fsync= "$@"\n')
    wrapper.chmod(0o755)
    return {"PATH": f"{folder}:{path}"}


def no_fsync_of_our_own(folder: Path, _path: str) -> dict[str, str]:
    """Git is careful, and Python syncs nothing: no folder, no document, no checkout."""
    (folder / "sitecustomize.py").write_text("import os\n\nos.fsync = lambda handle: None\n")
    return {"PYTHONPATH": str(folder)}


CARELESS: tuple[Careless, ...] = (gits_own_settings, no_fsync_of_our_own)
