"""Installing: the files a project starts with, and the way back to exactly the bytes there were before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import render
from orchestrator.config import FILE as CONFIG
from orchestrator.plan import DEFAULT_PHASES
from orchestrator.steps.conventions import with_block, without_block
from orchestrator.steps.standing import SPECS, TODO
from orchestrator.workspace import read_own, write_durably

CONVENTIONS = ("CLAUDE.md", "AGENTS.md")


@dataclass(frozen=True)
class File:
    """One file and what happened to it: created, changed, unchanged, removed, restored, or kept (and why)."""

    path: str
    what: str
    why: str = ""


def install(root: Path) -> tuple[File, ...]:
    """Make the files; those that are there stay as they are, but for our block in the conventions.

    Raises:
        OrchestratorError: a block of ours is broken, or no plain file stands in a file's place.
    """
    blocks = [(path, read_own(root, name)) for name, path in _conventions(root).items()]
    fresh = [(path, data, with_block(data, str(path.relative_to(root)))) for path, data in blocks]
    files = [_started(root, TODO, _todo()), _started(root, CONFIG, _config(verify_command(root)))]
    files.append(_folder(root))
    for path, before, after in fresh:
        if after != before:
            write_durably(path, after)
        what = "unchanged" if after == before else ("created" if before is None else "changed")
        files.append(File(str(path.relative_to(root)), what, "" if what == "unchanged" else "our marked block"))
    return tuple(files)


def _conventions(root: Path) -> dict[str, Path]:
    """Return the conventions files by name, each once: a link to the other stands for that one."""
    names = [CONVENTIONS[0], *(name for name in CONVENTIONS[1:] if (root / name).exists())]
    found: dict[str, Path] = {}
    for name in names:
        target = (root / name).resolve()
        inside = target.is_relative_to(root)
        relative = str(target.relative_to(root)) if inside else name
        found[relative] = root / relative
    return found


def _started(root: Path, path: str, data: bytes) -> File:
    if read_own(root, path) is not None:
        return File(path, "unchanged")
    write_durably(root / path, data)
    return File(path, "created")


def _folder(root: Path) -> File:
    if (root / SPECS).is_dir():
        return File(SPECS, "unchanged")
    (root / SPECS).mkdir()
    return File(SPECS, "created", "one contract per task: orchestrator spec new TASK")


def _todo() -> bytes:
    return render.document("TODO.md.j2", {"phases": DEFAULT_PHASES})


def _config(verify: str) -> bytes:
    return render.document("orchestrator.toml.j2", {"verify": verify})


def verify_command(root: Path) -> str:
    """Return the command that checks a project like the one at `root`, empty where nothing says."""
    return next(_verify_commands(root), "")


def _verify_commands(root: Path) -> Iterator[str]:
    python = any((root / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    if python and ((root / "tests").is_dir() or (root / "test").is_dir()):
        yield "python -m pytest -q"
    if _has_test_script(root / "package.json"):
        yield "npm test"
    if (root / "Cargo.toml").is_file():
        yield "cargo test --quiet"
    if (root / "go.mod").is_file():
        yield "go test ./..."


def _has_test_script(package: Path) -> bool:
    try:
        found = json.loads(package.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    scripts = found.get("scripts") if isinstance(found, dict) else None
    return isinstance(scripts, dict) and "no test specified" not in str(scripts.get("test", "no test specified"))


def uninstall(root: Path) -> tuple[File, ...]:
    """Take away what `install` made: our block exactly, and the files nobody has changed since.

    Raises:
        OrchestratorError: a block of ours is broken; nothing changed.
    """
    blocks = [(path, read_own(root, name)) for name, path in _conventions(root).items()]
    before = [(path, data, without_block(data, str(path.relative_to(root)))) for path, data in blocks if data]
    files = [_taken_back(root, TODO, [_todo()]), _taken_back(root, CONFIG, _configs())]
    files += [_folder_gone(root), *(_restored(root, *block) for block in before)]
    return tuple(file for file in files if file.what)


def _configs() -> list[bytes]:
    known = ("", "python -m pytest -q", "npm test", "cargo test --quiet", "go test ./...")
    return [_config(command) for command in known]


def _taken_back(root: Path, path: str, ours: list[bytes]) -> File:
    here = read_own(root, path)
    if here is None:
        return File(path, "")
    if here not in ours:
        return File(path, "kept", "changed since it was made")
    (root / path).unlink()
    return File(path, "removed")


def _folder_gone(root: Path) -> File:
    folder = root / SPECS
    if not folder.is_dir():
        return File(SPECS, "")
    if any(folder.iterdir()):
        return File(SPECS, "kept", "it is not empty")
    folder.rmdir()
    return File(SPECS, "removed")


def _restored(root: Path, path: Path, here: bytes, before: bytes | None) -> File:
    name = str(path.relative_to(root))
    if before is None:
        path.unlink()
        return File(name, "removed")
    if before == here:
        return File(name, "unchanged", "no block of ours in it")
    write_durably(path, before)
    return File(name, "restored", "our marked block is out")
