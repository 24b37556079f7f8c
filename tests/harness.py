"""A user at a terminal: a real repository in a temporary folder, and the program run in it as a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def appears(path: Path, seconds: float = 30) -> None:
    """Wait until `path` is there."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.02)


def hermetic(home: Path) -> dict[str, str]:
    """An environment that cannot reach the real home directory, git configuration or credentials."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "xdg"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@dataclass
class Repo:
    """One user's repository."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.env:
            home = self.root.parent / f"{self.root.name}-home"
            home.mkdir(parents=True, exist_ok=True)
            self.env = hermetic(home)
            (home / "gitconfig").write_text(
                "[user]\n\tname = Ada Person\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
            )

    def init(self) -> "Repo":
        self.root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        return self

    def write(self, path: str, content: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def git(self, *argv: str) -> str:
        done = subprocess.run(["git", *argv], cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {' '.join(argv)}: {done.stderr}"
        return done.stdout.rstrip("\n")

    def commit(self, message: str = "a commit") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(self, *argv: str, code: int | None = 0, env: Mapping[str, str] | None = None, timeout: float = 60) -> Said:
        """Run `orchestrator`; `code` is the exit code that must come back (None: any)."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *argv],
            cwd=self.root,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert code is None or said.code == code, f"exit {said.code}, not {code}\n{said.out}\n{said.err}"
        return said

    def task(self, *lines: str, heading: str = "Implementing") -> None:
        """Write TODO.md with these task lines."""
        body = "\n".join(f"- [ ] {line}" for line in lines)
        self.write("TODO.md", f"# TODO\n\n## {heading}\n\n{body}\n")

    def spec(self, task: str, *files: str, goal: str = "Do it.", more: str = "") -> None:
        """Write the spec of `task` over `files`."""
        listed = "\n".join(f"- {path}" for path in files)
        self.write(f"specs/{task}.md", f"# Spec: {task}\n{more}\n## Goal\n\n{goal}\n\n## Files to Modify\n\n{listed}\n")

    def config(self, script: str = "", *, verify: str = "", more: str = "") -> None:
        """Write orchestrator.toml with one scripted agent (see `orchestrator.agents.script`) and a verify command."""
        self.write(".agent.toml", script)
        self.write(
            "orchestrator.toml",
            f'[agents.scripted]\nkind = "scripted"\nscript = ".agent.toml"\n\n'
            f"[verify]\ncommand = {json.dumps(verify)}\n\n{more}\n",
        )

    def shell_agent(self, command: str, *, verify: str = "", more: str = "") -> None:
        """Write orchestrator.toml with one agent that is a shell command."""
        self.write(
            "orchestrator.toml",
            f'[agents.sh]\nkind = "command"\ncommand = ["sh", "-c", {json.dumps(command)}, "sh", "{{files}}"]\n\n'
            f"[verify]\ncommand = {json.dumps(verify)}\n\n{more}\n",
        )

    def once_before_git(self, words: str, command: str) -> None:
        """Let a shell command run once, just before a git whose arguments contain `words` (empty: any git)."""
        folder = self.root.parent / f"{self.root.name}-git"
        folder.mkdir()
        done, git = folder / "done", folder / "git"
        once = f"[ -e {done} ] || {{ touch {done}; {command}; }}"
        git.write_text(f'#!/bin/sh\ncase "$*" in *"{words}"*) {once} ;; esac\nexec {shutil.which("git")} "$@"\n')
        git.chmod(0o755)
        self.env["PATH"] = f"{folder}{os.pathsep}{self.env['PATH']}"

    def landed(self) -> list[str]:
        """The tasks that the history says are done, oldest first."""
        out = self.git("log", "--reverse", "--format=%(trailers:key=Task,valueonly,separator=%x2C)")
        return [task for line in out.split("\n") if line for task in line.split(",")]
