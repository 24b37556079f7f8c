"""Kept repositories: what takes minutes to make is made once for each version of the program."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import orchestrator

_MADE = "made"


def kept(cache: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` fills, from an earlier call where this very program made it."""
    folder = cache / f"{name}-{sources()}"
    if not (folder / _MADE).exists():
        for older in cache.glob(f"{name}-????????????"):
            shutil.rmtree(older)
        folder.mkdir(parents=True)
        make(folder)
        (folder / _MADE).touch()
    return folder


def sources() -> str:
    """Return what tells one program, and one way to make repositories, from another."""
    package = Path(orchestrator.__file__).parent
    places = (package, package.parent / "templates", Path(__file__).parent)
    found = sorted(path for place in places for path in place.rglob("*") if path.suffix in {".py", ".j2"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in found)).hexdigest()[:12]
