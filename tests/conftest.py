"""Fixtures every test shares, and the tripwire that keeps tests out of the real home directory."""

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
