"""Fixtures every test shares, the tripwire that keeps tests out of the real home directory, and the sweeps' figures."""

from collections import Counter
from pathlib import Path

import pytest
from harness import Repo


@pytest.fixture(autouse=True)
def no_real_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with one commit and nothing of ours in it."""
    made = Repo(tmp_path / "repo").init()
    made.write("README.md", "# A project\n")
    made.commit("first")
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the parts of each full sweep recorded."""
    figures: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, number in getattr(report, "user_properties", []) if getattr(report, "when", "") == "call" else []:
                figures.setdefault(report.nodeid.partition("[")[0], Counter())[name] += number
    for name, sums in figures.items():
        words = ", ".join(f"{number} {what}" for what, number in sums.items())
        terminalreporter.write_line(f"{name}: {words}")
