"""The command: one verb per benchmark; a table on stdout, JSON beside it."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from bench import crowd
from bench import cycle as cycles
from bench import growth as growths
from bench import landing as landings
from bench import peers as others
from bench import processes as counting
from bench import tokens as leaders
from bench.report import Report, machine

_CALLS = 5  # of a verb: one takes well under a second


@dataclass(frozen=True)
class Call:
    """What all verbs share."""

    folder: Path
    runs: int
    target: Path | None

    @property
    def python(self) -> Path:
        """The interpreter that has the durable engines."""
        return self.folder / "peers" / "bin" / "python"

    @property
    def cache(self) -> Path:
        """Where repositories are kept for the next call."""
        return self.folder / "kept"

    def measure(self, benchmark: Callable[[Path, int], Report]) -> None:
        """Run `benchmark` in a new folder and show what it found."""
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.folder, ignore_cleanup_errors=True) as place:
            facts = machine(Path(place))
            report = benchmark(Path(place), self.runs)
        click.echo(report.text())
        click.echo(f"- {', '.join(f'{name} {value}' for name, value in facts.items())}")
        if self.target:
            self.target.write_text(report.json(facts), encoding="utf-8")


@click.group()
@click.option("--folder", type=click.Path(path_type=Path), help="Where the repositories are made; default: temporary.")
@click.option("--runs", default=3, show_default=True, help="Runs of each case; figures are medians.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures to this file, too.")
@click.pass_context
def main(context: click.Context, folder: Path | None, runs: int, target: Path | None) -> None:
    """Measure the program beside what else a user could do."""
    place = folder or Path(tempfile.gettempdir()) / "orchestrator-bench"
    place.mkdir(parents=True, exist_ok=True)
    context.obj = Call(place.resolve(), runs, target)


@main.command()
@click.pass_obj
def peers(call: Call) -> None:
    """Install the durable engines into an environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", str(call.python.parent.parent)], check=True)
    wanted = str(others.HERE / "requirements.txt")
    subprocess.run([str(call.python), "-m", "pip", "install", "--quiet", "-r", wanted], check=True)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(64, 512, 4096), show_default=True)
@click.option("--files", default=2000, show_default=True, help="Files in the repository.")
@click.option("--merges", default=256, show_default=True, help="At most so many branches for git merge.")
@click.pass_obj
def landing(call: Call, sizes: tuple[int, ...], files: int, merges: int) -> None:
    """So many finished attempts landed by one run."""
    call.measure(lambda place, runs: landings.landing(place, runs, sizes, files, merges))


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(1000, 10_000), show_default=True)
@click.option("--true", "commands", default=1000, show_default=True, help="Tasks for the command agent; 0 for none.")
@click.option("--files", default=200, show_default=True, help="Files in the repository.")
@click.option("--bare", default=1000, show_default=True, help="At most so many tasks for the bare git commands.")
@click.pass_obj
def cycle(call: Call, sizes: tuple[int, ...], commands: int, files: int, bare: int) -> None:
    """So many empty tasks from ready to landed."""
    cases = [cycles.Case("scripted agent", size, files, "", min(size, bare), engines=True) for size in sizes]
    cases += [cycles.Case("`true` as agent", commands, files, "true")] if commands else []
    call.measure(lambda place, runs: cycles.cycle(place, runs, cases, call.python))


@main.command()
@click.option("--size", default=100, show_default=True)
@click.option("--files", default=20_000, show_default=True)
@click.pass_obj
def files20k(call: Call, size: int, files: int) -> None:
    """The whole cycle in a repository of many files."""
    cases = [cycles.Case(f"scripted agent, {files:,} files", size, files, "", min(size, 5))]
    call.measure(lambda place, runs: cycles.cycle(place, runs, cases, call.python))


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(10, 1000, 10_000), show_default=True)
@click.option("--files", default=200, show_default=True)
@click.pass_obj
def growth(call: Call, sizes: tuple[int, ...], files: int) -> None:
    """The verbs, and the disk, of a finished project of so many checkpoints."""
    call.measure(lambda _, runs: growths.growth(call.cache, max(runs, _CALLS), sizes, files))


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(1, 10, 100, 1000, 10_000), show_default=True)
@click.option("--files", default=200, show_default=True)
@click.pass_obj
def brief(call: Call, sizes: tuple[int, ...], files: int) -> None:
    """Tokens of the brief after so many checkpoints."""
    call.measure(lambda _, __: growths.tokens(call.cache, sizes, files))


@main.command()
@click.option("--agents", default=64, show_default=True)
@click.option("--rounds", default=2, show_default=True, help="Tasks for each agent.")
@click.option("--seconds", default=2.0, show_default=True, help="How long each agent thinks.")
@click.option("--files", default=200, show_default=True)
@click.pass_obj
def many(call: Call, agents: int, rounds: int, seconds: float, files: int) -> None:
    """So many command agents at the same time."""
    call.measure(lambda place, runs: crowd.many(place, runs, agents, rounds, seconds, files))


@main.command()
@click.option("--size", default=100, show_default=True)
@click.option("--files", default=200, show_default=True)
@click.pass_obj
def processes(call: Call, size: int, files: int) -> None:
    """Git processes a task, by verb."""
    call.measure(lambda place, _: counting.processes(place, size, files))


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(5, 10, 20, 40), show_default=True)
@click.pass_obj
def tokens(call: Call, sizes: tuple[int, ...]) -> None:
    """Leader tokens of a project of so many specs, beside one growing conversation."""
    call.measure(lambda place, _: leaders.tokens(place, sizes))


if __name__ == "__main__":
    main(prog_name="python -m bench")
