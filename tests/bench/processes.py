"""Git processes: how many of each verb a task costs, counted by a `git` of ours on the PATH; nothing is timed."""

import os
import shutil
from collections import Counter
from pathlib import Path

from harness import Repo

from bench import projects
from bench.report import Report
from bench.watching import watched

_SHIM = """#!/bin/sh
for word; do
  case $word in
  -* | *=*) ;;
  *) echo "$word" >> "{log}"; break ;;
  esac
done
exec "{git}" "$@"
"""


def processes(folder: Path, size: int, files: int) -> Report:
    """Count over one run that carries a plan out, and one that only lands finished attempts."""
    report = Report(f"Git processes of {size} tasks", ("verb", "cycle", "a task", "landing", "each"))
    cycle = _counted(projects.project(folder / "cycle" / "repo", size, files))
    finished = projects.project(folder / "landing" / "repo", size, files)
    projects.finish_attempts(finished, size)
    landing = _counted(finished)
    for verb, count in [("all", cycle.total()), *cycle.most_common()]:
        landed = landing[verb] if verb != "all" else landing.total()
        report.row(verb=verb, cycle=count, a_task=count / size, landing=landed, each=landed / size)
    return report


def _counted(repo: Repo) -> Counter[str]:
    folder = repo.root.parent
    log = folder / "log"
    shim = folder / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(_SHIM.format(log=log, git=shutil.which("git")))
    shim.chmod(0o755)
    repo.env["PATH"] = f"{shim.parent}{os.pathsep}{repo.env['PATH']}"
    watched(repo)
    return Counter(log.read_text().split())
