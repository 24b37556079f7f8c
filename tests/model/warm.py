"""The program kept warm: a process that has imported all of it, and forks another one for every call.

Each line on stdin is a call as JSON, each line on stdout its exit code. What is forked is a process like any other,
with a pid, a group, an environment and a clock of its own; only Python's start is spared.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

import skewed

import orchestrator
from orchestrator.cli import app

CRASHED = 99  # an exit code the program does not have
_PAUSE = 0.002


def serve() -> None:
    """Answer calls until stdin ends."""
    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if module.name not in {"orchestrator.__main__", "orchestrator.agents.conformance"}:
            importlib.import_module(module.name)
    for line in sys.stdin:
        call = json.loads(line)
        pid = os.fork()
        if not pid:
            _be(call)
        sys.stdout.write(f"{_code(pid, call)}\n")
        sys.stdout.flush()


def _be(call: Mapping[str, Any]) -> None:
    """Become the program in the process just forked."""
    code = CRASHED
    try:
        os.setpgid(0, 0)
        os.chdir(call["cwd"])
        os.environ.clear()
        os.environ.update(call["env"])
        for handle, path in enumerate((os.devnull, call["out"], call["err"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), handle)
        skewed.set_off(call["skew"])
        code = app.run(call["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - nothing may escape into the loop that forked us
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _code(pid: int, call: Mapping[str, Any]) -> int:
    """Wait for a call, sending it what it is to be sent; one that hangs is killed."""
    began = time.monotonic()
    due = [(call["signal"], call["after"]), (signal.SIGKILL, call["timeout"])]
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        for number, seconds in due:
            if number and time.monotonic() - began > seconds:
                os.kill(pid, number)
                due.remove((number, seconds))
        time.sleep(_PAUSE)


if __name__ == "__main__":
    serve()
