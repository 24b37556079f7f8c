"""Soaks from outside: a process is started, told to take each of its steps, and its samples are read."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from soak import figures, plans
from soak.figures import Soaked
from soak.leader import Sample

_LEAST = 20  # plans of a soak that is long enough to be held against a new project


@dataclass(frozen=True)
class Soaking:
    """A project, and the process that carries out one plan after another in it."""

    folder: Path
    child: "subprocess.Popen[str]"

    def step(self) -> None:
        """Have the next plan carried out.

        Raises:
            AssertionError: the process did not manage to.
        """
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline(), (self.folder / "errors").read_text()[-4_000:]

    def samples(self) -> list[Sample]:
        """Return a sample for each plan so far."""
        return figures.read(self.folder / "samples.jsonl")


def soak(folder: Path, cycles: int, plan: int) -> Soaked:
    """Soak in a project below `folder`; in its early and in its last part, plan by plan beside a new project.

    Raises:
        AssertionError: a process did not come to its end.
    """
    number = cycles // plan
    controls: list[list[Sample]] = []
    with _soaking(folder / "soak", cycles, plan) as soaking:
        done = 0
        for part in figures.spans(number) if number >= _LEAST else ():
            for _ in range(done, part.start):
                soaking.step()
            controls.append(_beside(folder / f"control-{part.start}", soaking, len(part), plan))
            done = part.stop
        for _ in range(done, number):
            soaking.step()
        return Soaked(soaking.samples(), controls)


def _beside(folder: Path, soaking: Soaking, number: int, plan: int) -> list[Sample]:
    """Soak on, each plan followed by one of a new project, which has had its first; return the new one's samples."""
    with _soaking(folder, (number + 1) * plan, plan) as control:
        control.step()
        for _ in range(number):
            soaking.step()
            control.step()
        return control.samples()[1:]


@contextmanager
def _soaking(folder: Path, cycles: int, plan: int) -> Iterator[Soaking]:
    repo = plans.project(folder / "project")
    temporary, samples = folder / "tmp", folder / "samples.jsonl"
    temporary.mkdir()
    here = Path(__file__).parent.parent
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "soak.leader", str(repo.root), str(cycles), str(plan), str(samples)],
                cwd=here,
                env={**repo.env, "PYTHONPATH": str(here), "TMPDIR": str(temporary)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stack.enter_context((folder / "errors").open("wb")),
                text=True,
            )
        )
        try:
            yield Soaking(folder, child)
        except BaseException:
            child.kill()
            raise
    assert child.returncode == 0, (folder / "errors").read_text()[-4_000:]
