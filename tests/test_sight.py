"""A look at a worktree says the same whether this process walks or the one that stays for it."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from orchestrator.repo import sight, walk
from orchestrator.repo.sight import Sight, Walker, look

MANY = 20  # looks, of which the last are made by the other process


def walker() -> psutil.Process:
    mine = psutil.Process().children()
    return next(child for child in mine if walk.__file__ in child.cmdline())


def looked(folder: Path) -> Sight:
    """Look often enough for the other process to be asked."""
    return [look(folder) for _ in range(MANY)][-1]


def odd(folder: Path) -> Path:
    """Make all that an agent can leave."""
    for name in (b"plain", b"a/b/c", b"line\nbreak", b"\xff\xfe", b"a/.GIT/config", "\u00fc".encode(), b".git"):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    (folder / "link").symlink_to("/")
    (folder / "empty").mkdir()
    (folder / "run").write_text("x")
    (folder / "run").chmod(0o755)
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "s"))
    here = os.open(folder, os.O_RDONLY)
    for _ in range(30):  # 4,500 bytes deep
        os.mkdir("d" * 150, dir_fd=here)
        here, above = os.open("d" * 150, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    return folder


def test_both_see_the_same(tmp_path: Path) -> None:
    folder = odd(tmp_path)
    (folder / "closed").chmod(0)
    here = Sight(*walk.walk(str(folder)))
    assert looked(folder) == here
    assert walker().is_running()
    assert {"plain", "a/b/c", "line\nbreak", "\udcff\udcfe", "\u00fc", "link", "run", "closed/file"} == set(here.files)
    assert set(here.oddities) >= {"a/.GIT", "pipe", "s"}
    assert sum("too long" in why for why in here.oddities.values()) == 1
    assert {"empty", "a", "a/b", "closed"} <= set(here.folders)
    assert "a/.GIT" not in here.folders


def test_a_folder_that_its_agent_closed_is_opened(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").write_text("x")
    looked(tmp_path)
    (tmp_path / "closed").chmod(0)
    assert "closed/file" in look(tmp_path).files


def test_a_mark_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert looked(tmp_path).files["file"] == walk.mark(file.lstat())
    file.write_text("xy")
    assert look(tmp_path).files["file"] == walk.mark(file.lstat())


def test_a_folder_that_is_gone_is_said_so(tmp_path: Path) -> None:
    looked(tmp_path)
    with pytest.raises(FileNotFoundError, match="gone") as raised:
        look(tmp_path / "gone")
    assert raised.value.filename == str(tmp_path / "gone")
    with pytest.raises(NotADirectoryError):
        look(Path(__file__))
    assert look(tmp_path) == Sight(*walk.walk(str(tmp_path)))


def test_one_that_was_killed_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    looked(tmp_path)
    before = walker()
    before.kill()
    before.wait()
    assert "file" in look(tmp_path).files
    assert "file" in look(tmp_path).files
    assert walker().pid != before.pid


def test_where_it_cannot_be_started_all_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    monkeypatch.setattr(sight, "_WALKER", Walker())  # it gives up, and other tests need one that has not
    assert set(looked(tmp_path).files) == {"file"}


def test_one_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, started = tmp_path / "python", tmp_path / "started"
    program.write_text(f"#!/bin/sh\necho once >> {started}\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    other = Walker()
    assert [other.walk(tmp_path) for _ in range(2 * MANY)] == [None] * 2 * MANY
    assert started.read_text() == "once\n" * 3
