"""The commands: what the largest documents cost, and documents bred by atheris."""

import tempfile
from pathlib import Path

import click

from fuzz import guided

# ruff: noqa: PLC0415  # atheris sees only the code that it imports itself: what is bred for must not be there before


@click.group()
def main() -> None:
    """Measure and breed documents; the campaigns themselves are tests (see `test_fuzz`)."""


@main.command()
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures to this file, too.")
@click.option("--shown", default=20, show_default=True, help="Rows of the table.")
def measure(target: Path | None, shown: int) -> None:
    """Say what one mebibyte of the worst costs each parser."""
    from bench.report import machine

    from fuzz.measure import costs, report
    from fuzz.parsers import parsers

    with tempfile.TemporaryDirectory() as folder:
        facts = machine(Path(folder))
        made = report(list(costs(parsers(Path(folder)))), shown)
    click.echo(made.text())
    click.echo(f"- {', '.join(f'{name} {value}' for name, value in facts.items())}")
    if target:
        target.write_text(made.json(facts), encoding="utf-8")


@main.command()
@click.argument("parser")
@click.option("--seconds", default=60, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the corpus grows; default: temporary.")
def breed(parser: str, seconds: int, folder: Path | None) -> None:
    """Breed documents for one PARSER by coverage; needs `pip install atheris` (CPython 3.11 to 3.13, Linux)."""
    guided.breed(parser, folder or Path(tempfile.mkdtemp(prefix="fuzz-")), seconds)


if __name__ == "__main__":
    main()
