"""One soak from outside: the process is started, waited for, and its samples read."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from soak import figures, plans
from soak.figures import Soaked

_CONTROL = 10  # plans that a new project carries out, to say how quick the machine is at that time


def soak(folder: Path, cycles: int, plan: int) -> Soaked:
    """Soak in a project below `folder`; in the middle of its early and of its last part, a new project is a control.

    Raises:
        AssertionError: the process did not come to its end.
    """
    controls: list[Soaked] = []
    number = cycles // plan

    def look(done: int) -> None:
        if number >= 2 * _CONTROL and done in figures.middles(number):
            controls.append(_soaked(folder / f"control-{done}", _CONTROL * plan, plan))

    return Soaked(_soaked(folder / "soak", cycles, plan, look).samples, [each.samples for each in controls])


def _soaked(folder: Path, cycles: int, plan: int, look: Callable[[int], None] = lambda _done: None) -> Soaked:
    repo = plans.project(folder / "project")
    temporary, samples, errors = folder / "tmp", folder / "samples.jsonl", folder / "errors"
    temporary.mkdir()
    here = Path(__file__).parent.parent
    with (
        errors.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-m", "soak.leader", str(repo.root), str(cycles), str(plan), str(samples)],
            cwd=here,
            env={**repo.env, "PYTHONPATH": str(here), "TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as child,
    ):
        assert child.stdin
        for done in child.stdout or ():
            look(int(done))
            child.stdin.write("\n")
            child.stdin.flush()
    assert child.returncode == 0, errors.read_text()[-4_000:]
    return Soaked(figures.read(samples))
