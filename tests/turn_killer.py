"""Runs the program and kills its whole process group once it has written N turns down: python turn_killer.py N -- run

N counts the records of this one process, over all attempts; with 0 nothing is killed.
"""

import os
import signal
import sys
import threading

from orchestrator.agents.builtin.journal import Journal
from orchestrator.cli import app

_lock = threading.Lock()
_at = int(sys.argv[1])
_seen = 0
_add = Journal.add


def add(self, record):  # noqa: ANN001, ANN201 - stands in for the method
    global _seen  # noqa: PLW0603 - one counter for one process
    _add(self, record)
    with _lock:
        _seen += 1
        if _seen == _at:
            os.killpg(os.getpgid(0), signal.SIGKILL)


Journal.add = add
sys.exit(app.run(sys.argv[3:]))
