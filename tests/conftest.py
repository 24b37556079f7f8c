"""Fixtures every test shares, the tripwire around the real home directory, and the figures a proof ends with."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Repo


@pytest.fixture(autouse=True)
def no_real_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def a_ctrl_c_that_is_heard() -> Iterator[None]:
    """A shell starts what it puts into the background with SIGINT ignored, and children inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with one commit and nothing of ours in it."""
    made = Repo(tmp_path / "repo").init()
    made.write("README.md", "# A project\n")
    made.commit("first")
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the parts of each proof recorded."""
    figures: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, number in getattr(report, "user_properties", []) if getattr(report, "when", "") == "call" else []:
                figures.setdefault(report.nodeid.partition("[")[0], Counter())[name] += number
    for name, sums in figures.items():
        words = ", ".join(f"{number} {what}" for what, number in sums.items())
        terminalreporter.write_line(f"{name}: {words}")
