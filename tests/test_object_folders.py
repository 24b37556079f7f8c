"""The object database's folders, while git packs what is in them."""

import shutil
from pathlib import Path

import pytest

from orchestrator.repo import objects
from orchestrator.repo.objects import ObjectFolders


@pytest.fixture
def git_dir(tmp_path: Path) -> Path:
    for name in ("pack", "2b", "2c"):
        (tmp_path / "objects" / name).mkdir(parents=True)
    return tmp_path


def test_a_folder_that_is_packed_away_meanwhile_is_passed_over(git_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def sync(folder: Path) -> None:
        shutil.rmtree(git_dir / "objects" / "2b", ignore_errors=True)
        folder.stat()
        synced.append(folder.name)

    monkeypatch.setattr(objects, "sync_folder", sync)
    ObjectFolders(git_dir).make_durable()
    assert {*synced} == {"objects", "pack", "2c"}


def test_a_folder_that_cannot_be_synced_is_an_error(git_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sync(folder: Path) -> None:
        raise OSError(5, "Input/output error", str(folder))

    monkeypatch.setattr(objects, "sync_folder", sync)
    with pytest.raises(OSError, match="Input/output error"):
        ObjectFolders(git_dir).make_durable()


def test_no_objects_at_all_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ObjectFolders(tmp_path).make_durable()
