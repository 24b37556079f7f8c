"""The command line: one file per verb. Makes the doors, prints the product, and alone catches and shows errors."""

from orchestrator.cli.app import main

__all__ = ["main"]
