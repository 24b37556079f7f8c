"""The program without its start: a server that has loaded it forks for each call. A third of a sweep was Python's start."""

import importlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import Repo, Said

_LOADED = ("orchestrator.cli.run", "orchestrator.cli.doctor", "orchestrator.cli.leading", "orchestrator.leader.session")


class Quick(Repo):
    """A repository whose commands, but those that are to be hit, need not load the program."""

    def run(self, *argv: str, code: int | None = 0, env: Mapping[str, str] | None = None, timeout: float = 60) -> Said:
        """Run `orchestrator`; `code` is the exit code that must come back (None: any)."""
        paths = [self.root.parent / f"{self.root.name}-said.{name}" for name in ("out", "err")]
        call = {"folder": str(self.root), "env": {**self.env, **(env or {})}, "argv": argv, "said": [*map(str, paths)]}
        server = _server(str(Path("/proc/self/ns/mnt").readlink()))
        said = Said(_ended(server, call, timeout), *(path.read_text() for path in paths))
        assert code is None or said.code == code, f"exit {said.code}, not {code}\n{said.out}\n{said.err}"
        return said


@cache
def _server(_mounts: str) -> "subprocess.Popen[str]":
    """Start a server: one for each mount namespace, for it sees what is mounted where it was started."""
    argv = [sys.executable, "-c", "import quick; quick.serve()"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def _ended(server: "subprocess.Popen[str]", call: Mapping[str, Any], timeout: float) -> int:
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps(call) + "\n")
    if not select.select([server.stdout], [], [], timeout)[0]:
        server.kill()
        _server.cache_clear()
        raise AssertionError(f"{call['argv']} hangs")
    return int(server.stdout.readline())


def serve() -> None:
    """Carry out calls from standard input, one after another, each in a process of its own, until there are no more."""
    for name in _LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _call(**json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _call(folder: str, env: Mapping[str, str], argv: list[str], said: list[str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    importlib.import_module("orchestrator.cli.app").main(argv)
