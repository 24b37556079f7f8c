"""Worktrees that are used again: each agent finds exactly its commit, whatever the one before did there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from harness import Repo

from orchestrator.repo.git import Git
from orchestrator.repo.locate import locate
from orchestrator.repo.sight import look
from orchestrator.repo.slots import NOTHING, Hidden
from orchestrator.repo.worktrees import Worktrees

PAPERS = ("specs/*.md",)
FILES = {
    "README.md": "it\n",
    "a.txt": "a\n",
    "src/b.txt": "b\n",
    "specs/one.md": "one\n",
    "specs/two.md": "two\n",
    "specs/data.json": "{}\n",
}


@pytest.fixture
def trees(repo: Repo) -> Iterator[Worktrees]:
    for path, content in FILES.items():
        repo.write(path, content)
    repo.commit()
    made = Worktrees(Git(repo.root, repo.env), locate(repo.root, repo.env), repo.root / ".orchestrator" / "worktrees")
    yield made
    made.give_back("a-1", None)
    made.close()


def lent(trees: Worktrees, repo: Repo, hidden: Hidden = NOTHING, commit: str = "") -> Path:
    return trees.lend("a-1", commit or repo.git("rev-parse", "HEAD"), hidden).path


def back(trees: Worktrees, path: Path) -> None:
    trees.give_back("a-1", look(path))


def there(path: Path) -> dict[str, str]:
    found = (item for item in path.rglob("*") if item.is_file() and item.name != ".git")
    return {item.relative_to(path).as_posix(): item.read_text() for item in found}


def said(path: Path, repo: Repo) -> str:
    """What git says to an agent there."""
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=path, env=repo.env, capture_output=True, text=True, check=True
    )
    return done.stdout


def sh(path: Path, repo: Repo, words: str) -> None:
    subprocess.run(["sh", "-ec", words], cwd=path, env=repo.env, check=True, capture_output=True)


@pytest.mark.parametrize(
    "words",
    [
        "true",
        "echo x > a.txt",
        "rm a.txt src/b.txt",
        "mkdir -p new/er; echo x > new/er/file",
        "echo x > a.txt; git add -A; git commit -qm it",
        "git rm -q --cached a.txt",
        "git update-index --assume-unchanged a.txt; echo x > a.txt",
        "git switch -qc mine; git branch -D main || true",
        'rm "$(git rev-parse --git-dir)/index"',
        'echo junk > "$(git rev-parse --git-dir)/index"',
        'i="$(git rev-parse --git-dir)/index"; cp "$i" x; cat x > "$i"; rm x',
    ],
)
def test_the_next_agent_finds_the_commit_and_nothing_else(trees: Worktrees, repo: Repo, words: str) -> None:
    first = lent(trees, repo)
    inode = first.stat().st_ino
    sh(first, repo, words)
    back(trees, first)
    again = lent(trees, repo)
    assert (again.stat().st_ino == inode) or "switch" in words
    assert there(again) == FILES
    assert said(again, repo) == ""
    assert (trees.admin("a-1") or Path()).joinpath("HEAD").read_text() == repo.git("rev-parse", "HEAD") + "\n"


def test_at_another_commit_it_holds_that_one(trees: Worktrees, repo: Repo) -> None:
    old = repo.git("rev-parse", "HEAD")
    repo.write("a.txt", "newer\n")
    (repo.root / "src" / "b.txt").unlink()
    repo.commit()
    for _ in range(2):
        for commit, wanted in ((old, FILES), ("", {**FILES, "a.txt": "newer\n"})):
            path = lent(trees, repo, commit=commit)
            assert there(path) == {name: text for name, text in wanted.items() if commit or name != "src/b.txt"}
            assert said(path, repo) == ""
            sh(path, repo, "echo mine > a.txt; git status -s")
            back(trees, path)


def test_what_is_hidden_from_one_may_be_shown_to_the_next(trees: Worktrees, repo: Repo) -> None:
    papers = {"specs/one.md", "specs/two.md"}
    for but in (
        (),
        ("specs/one.md",),
        ("specs/one.md",),
        (),
        ("a.txt", "src/b.txt"),
        ("specs/two.md", "a.txt"),
        ("specs",),
        ("specs/",),
        ("specs/o*.md",),
        ("specs/o*.md",),
        ("src/",),
    ):
        path = lent(trees, repo, Hidden.of(PAPERS, but))
        shown = {path for path in papers if any(fnmatch(path, f"{name.rstrip('/')}*") for name in but)}
        assert set(there(path)) == FILES.keys() - papers | shown
        assert said(path, repo) == ""
        sh(path, repo, "echo x > a.txt; rm -f specs/*.md")
        back(trees, path)
    assert there(lent(trees, repo)) == FILES


def test_for_the_same_commit_git_is_not_asked(trees: Worktrees, repo: Repo, tmp_path: Path) -> None:
    commit = repo.git("rev-parse", "HEAD")
    back(trees, lent(trees, repo, Hidden.of(PAPERS, ("src/b.txt",))))
    log = tmp_path / "log"
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    repo.env["PATH"] = f"{git.parent}{os.pathsep}{repo.env['PATH']}"
    back(trees, lent(trees, repo, Hidden.of(PAPERS, ("a.txt",)), commit))
    assert not log.exists()


@pytest.mark.parametrize("name", ["index", "HEAD", "ORIG_HEAD", "commondir"])
def test_a_link_planted_in_gits_folder_is_not_followed(trees: Worktrees, repo: Repo, tmp_path: Path, name: str) -> None:
    first = lent(trees, repo)
    admin = trees.admin("a-1")
    assert admin
    theirs = tmp_path / "theirs"
    theirs.write_bytes((admin / name).read_bytes() if (admin / name).exists() else b"theirs")
    content = theirs.read_bytes()
    (admin / name).unlink(missing_ok=True)
    (admin / name).symlink_to(theirs)
    back(trees, first)
    assert there(lent(trees, repo)) == FILES
    assert theirs.read_bytes() == content
    assert not (trees.admin("a-1") or Path()).joinpath(name).is_symlink()


@pytest.mark.parametrize(
    "words",
    [
        "rm $d/HEAD; mkfifo $d/HEAD",
        "rm $d/index; mkfifo $d/index",
        "rm $d/commondir; mkfifo $d/commondir",
        "rm $d/HEAD; mkdir $d/HEAD",
        "rm $d/index; mkdir $d/index",
        "mkdir -p $d/info; rm -f $d/info/*; ln -s $theirs $d/info/sparse-checkout",
        "mkdir -p $d/info; rm -f $d/info/sparse-checkout; ln $theirs $d/info/sparse-checkout",
        "mkdir -p $d/info; rm -f $d/info/*; mkfifo $d/info/sparse-checkout",
        "rm -rf $d/info; echo x > $d/info",
        "rm $d/HEAD; ln $theirs $d/HEAD",
        "rm $d/index; ln $theirs $d/index",
        "rm -rf $d/refs; echo x > $d/refs",
        "mkdir -p $d/logs/refs",
        "echo x > $d/config.worktree",
        "chmod 444 $d/HEAD",
        "chmod 555 .",
        "chmod 000 .git",
        "rm .git; mkdir .git",
        "rm .git",
    ],
)
@pytest.mark.parametrize("hidden", [NOTHING, Hidden(PAPERS)], ids=["whole", "sparse"])
def test_what_is_planted_in_gits_folder_neither_stops_nor_reaches_anybody(
    trees: Worktrees, repo: Repo, tmp_path: Path, words: str, hidden: Hidden
) -> None:
    path = lent(trees, repo, hidden)
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    sh(path, repo, f"d=$(git rev-parse --git-dir); theirs={theirs}; echo mine > a.txt; {words}")
    back(trees, path)
    repo.write("README.md", "newer\n")
    repo.commit()
    again = lent(trees, repo, hidden)
    papers = {name for name in FILES if name.endswith(".md") and name.startswith("specs/")}
    wanted = {name: text for name, text in FILES.items() if not hidden.patterns or name not in papers}
    assert there(again) == {**wanted, "README.md": "newer\n"}
    assert said(again, repo) == ""
    assert again.stat().st_mode & 0o777 == 0o755
    assert theirs.read_text() == "theirs"


def test_a_folder_that_is_called_like_a_hidden_document_is_there(trees: Worktrees, repo: Repo) -> None:
    repo.write("specs/api.md/v1.json", "{}")
    repo.write("specs/api.md/deep/er.md", "deep")
    repo.commit()
    assert {"specs/api.md/v1.json", "specs/api.md/deep/er.md"} <= {*there(lent(trees, repo, Hidden(PAPERS)))}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace shows what git asks the disk")
def test_git_does_not_ask_the_disk_about_what_is_hidden(repo: Repo) -> None:
    for name in ["a.txt", *(f"specs/hidden-{number}.md" for number in range(50))]:
        repo.write(name, "it")
    repo.commit()
    asked, folder = repo.root.parent / "asked", repo.root.parent / "traced"
    folder.mkdir()
    trace = f"strace -f -A -o {asked} -e trace=%file {shutil.which('git')}"
    (folder / "git").write_text(f'#!/bin/sh\nexec {trace} "$@"\n')
    (folder / "git").chmod(0o755)
    env = {**repo.env, "PATH": f"{folder}{os.pathsep}{repo.env['PATH']}"}
    trees = Worktrees(Git(repo.root, env), locate(repo.root, repo.env), repo.root / ".orchestrator" / "worktrees")
    back(trees, lent(trees, repo, Hidden(PAPERS)))
    repo.write("a.txt", "newer")
    repo.commit()
    asked.unlink()
    assert there(lent(trees, repo, Hidden(PAPERS)))["a.txt"] == "newer"
    assert "a.txt" in asked.read_text()
    assert "hidden-" not in asked.read_text()
    trees.give_back("a-1", None)
    trees.close()
