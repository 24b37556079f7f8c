"""The command: `SOAK_CYCLES=10000 python -m soak`; a table, JSON beside it, and exit 1 where a limit is exceeded."""

import os
import tempfile
from pathlib import Path

import click
from bench.report import machine

from soak import figures, soaked


@click.command()
@click.option("--plan", default=100, show_default=True, help="Tasks in one plan; as many as cycles: one plan in all.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures to this file, too.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the repository is made; default: temporary.")
def main(plan: int, target: Path | None, folder: Path | None) -> None:
    """Soak for SOAK_CYCLES tasks (default 10,000)."""
    cycles = int(os.environ.get("SOAK_CYCLES", "10000"))
    with tempfile.TemporaryDirectory(prefix="soak-", dir=folder, ignore_cleanup_errors=True) as place:
        facts = machine(Path(place))
        found = soaked.soak(Path(place), cycles, plan)
    report = figures.report(found)
    click.echo(report.text())
    click.echo(f"- {', '.join(f'{name} {value}' for name, value in facts.items())}")
    if target:
        target.write_text(report.json(facts), encoding="utf-8")
    raise SystemExit(1 if [*figures.faults(found.samples), *figures.excesses(found)] else 0)


if __name__ == "__main__":
    main()
