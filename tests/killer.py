"""Runs the program and kills its whole process group at one chosen boundary: python killer.py N -- run ...

A boundary is every git process, every write of a file and every change of a worktree, before and after it. `N` counts
them from 1; with N = 0 nothing is killed and the count is printed to the file named by KILLER_COUNT.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from orchestrator import workspace
from orchestrator.cli import app
from orchestrator.leader.planner import memory
from orchestrator.repo import commits, git, objects, packs, worktrees
from orchestrator.steps import dispatch, verify

_lock = threading.Lock()
_seen = 0
_at = int(sys.argv[1])


def boundary() -> None:
    global _seen  # noqa: PLW0603 - one counter for one process
    with _lock:
        _seen += 1
        if _seen == _at:
            os.killpg(os.getpgid(0), signal.SIGKILL)


def around(function):  # noqa: ANN001, ANN201 - wraps anything
    def wrapped(*args, **kwargs):  # noqa: ANN002, ANN003, ANN202
        boundary()
        try:
            return function(*args, **kwargs)
        finally:
            boundary()

    return wrapped


git.Git.attempt = around(git.Git.attempt)
commits.Pen.finish = around(commits.Pen.finish)
objects.ObjectFolders.make_durable = around(objects.ObjectFolders.make_durable)
packs.Pack.write = around(packs.Pack.write)
packs._write = around(packs._write)  # noqa: SLF001 - between a pack and its index
worktrees.bring = around(worktrees.bring)
worktrees.clean = around(worktrees.clean)
for room in (workspace, verify, memory):
    room.write_durably = around(room.write_durably)
dispatch.write_whole = around(dispatch.write_whole)

code = app.run(sys.argv[3:])
if not _at:
    Path(os.environ["KILLER_COUNT"]).write_text(str(_seen))
sys.exit(code)
