"""Coding agents as their makers publish them, installed once per machine in a cache outside the repository."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REAL = dict(os.environ)  # before any fixture hides the home directory: it may say which package index to use
CACHE = Path(REAL.get("XDG_CACHE_HOME") or Path(REAL["HOME"]) / ".cache") / "orchestrator-tests"
CLAUDE_CODE = "2.1.329"
CODEX = "0.169.0"
AIMOCK = "1.43.0"
OPENCODE = "1.18.33"
_INSTALLING = 300  # seconds


def claude_code() -> Path:
    """The binary of Claude Code; the test is skipped, with the reason, where it cannot be had."""
    kind = f"{_system()}-{_machine()}"
    package = f"node_modules/@anthropic-ai/claude-code-{kind}"
    return _installed("@anthropic-ai/claude-code", CLAUDE_CODE, f"{package}/claude")


def codex() -> Path:
    """The binary of Codex; the test is skipped, with the reason, where it cannot be had."""
    kind = f"{_system()}-{_machine()}"
    return _installed("@openai/codex", CODEX, f"node_modules/@openai/codex-{kind}/vendor/*/bin/codex")


def opencode() -> Path:
    """The binary of OpenCode; the test is skipped, with the reason, where it cannot be had."""
    return _installed("opencode-ai", OPENCODE, f"node_modules/opencode-{_system()}-{_machine()}/bin/opencode")


def aimock() -> Path:
    """The command of aimock, a fake of models' APIs that nobody here wrote; Node runs it."""
    return _installed("@copilotkit/aimock", AIMOCK, "node_modules/@copilotkit/aimock/dist/cli.js")


def _system() -> str:
    return {"darwin": "darwin", "linux": "linux"}.get(sys.platform, sys.platform)


def _machine() -> str:
    return {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _installed(package: str, version: str, binary: str) -> Path:
    name = package.rpartition("/")[2]
    folder = CACHE / f"{name}-{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Parallel test processes install it once: the second waits, and finds it.
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(folder.glob(binary)):
            _install(package, version, folder)
    found = next(folder.glob(binary), None)
    if found is None:
        pytest.skip(f"{package}@{version} has no binary for this machine")
    return found


def _install(package: str, version: str, folder: Path) -> None:
    npm = shutil.which("npm", path=REAL.get("PATH"))
    if npm is None:
        pytest.skip(f"{package} needs npm, which is not here")
    shutil.rmtree(folder, ignore_errors=True)
    argv = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            [*argv, f"{package}@{version}"],
            env=REAL,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_INSTALLING,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{package} could not be installed within {_INSTALLING} s")
    if done.returncode:
        pytest.skip(f"{package} could not be installed: {done.stderr.strip().splitlines()[-1:]}")
