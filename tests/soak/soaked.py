"""One soak from outside: the process is started, waited for, and its samples read."""

import subprocess
import sys
from pathlib import Path

from soak import figures, plans
from soak.leader import Sample


def soak(folder: Path, cycles: int, plan: int) -> list[Sample]:
    """Soak in a project below `folder` and return a sample for each plan.

    Raises:
        AssertionError: the process did not come to its end.
    """
    repo = plans.project(folder / "project")
    temporary, samples = folder / "tmp", folder / "samples.jsonl"
    temporary.mkdir()
    here = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "soak.leader", str(repo.root), str(cycles), str(plan), str(samples)],
        cwd=here,
        env={**repo.env, "PYTHONPATH": str(here), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    return figures.read(samples)
