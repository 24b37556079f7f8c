"""Trees read by name: what is called what, whatever agents call their files."""

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from harness import Repo

from orchestrator.repo import snapshot
from orchestrator.repo.commits import Draft, build
from orchestrator.repo.git import Git
from orchestrator.repo.hashing import blob_id
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.standby import Found
from orchestrator.repo.trees import REGULAR, Change, blobs, children, entries

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def built(repo: Repo, files: dict[str, bytes]) -> tuple[Git, str]:
    git = Git(repo.root, repo.env)
    changes = tuple(Change(path, REGULAR, content) for path, content in files.items())
    return git, build(git, ObjectFolders(git.directory / ".git"), "refs/heads/made", [Draft("made", changes, WHEN)])[0]


def test_a_name_that_ends_like_another_entry_is_not_that_entry(repo: Repo) -> None:
    git, commit = built(repo, {"100644 a": b"planted", "d/x40000 100755 a": b"planted", "d/b": b"b"})
    assert entries(git, commit, ["a", "d/a", "40000 100755 a"]) == {}
    assert set(entries(git, commit, ["100644 a", "d/b"])) == {"100644 a", "d/b"}
    assert set(entries(git, commit, ["d/x40000 100755 a"])) == {"d/x40000 100755 a"}


def test_a_folder_is_one_whatever_the_id_before_it_ends_with(repo: Repo) -> None:
    ending = ord("1")
    content = next(data for n in itertools.count() if int(blob_id(data := b"%d" % n, "0" * 40)[-2:], 16) == ending)
    git, commit = built(repo, {"a": content, "b/c": b"c"})
    assert set(entries(git, commit, ["b"])) == {"b/c"}


@pytest.mark.parametrize("name", ['"a"', '"', '"a', 'a"', "\\", "a\\nb", " ", "a ", ":a", "-a", "\u00fc"])
@pytest.mark.parametrize("attributes", ["", "* text=auto\n"], ids=["as it is", "by git"])
def test_a_file_is_stored_under_its_own_name_with_its_own_content(repo: Repo, name: str, attributes: str) -> None:
    repo.write(".gitattributes", attributes)
    repo.write("a", "another")
    (repo.root / name).write_text("its own")
    git, base = Git(repo.root, repo.env), repo.git("rev-parse", "HEAD")
    seen = snapshot.take(git, repo.root / ".git", repo.root, base, None)
    commit = build(
        git, ObjectFolders(git.directory / ".git"), "refs/heads/made", [Draft("made", seen.changes, WHEN, parent=base)]
    )[0]
    assert blobs(git, [f"{commit}:{name}"]) == {f"{commit}:{name}": b"its own"}


def test_a_name_that_ends_with_a_return_is_not_read_without_it(repo: Repo) -> None:
    git, commit = built(repo, {"a": b"a", "a\r": b"return", "b/c": b"c"})
    assert blobs(git, [f"{commit}:a\r", f"{commit}:a"]) == {f"{commit}:a": b"a"}
    assert entries(git, commit, ["b\r/c"]) == {}
    assert set(entries(git, commit)) == {"a", "a\r", "b/c"}


def test_names_that_are_no_text_come_back_as_they_were(repo: Repo) -> None:
    name = os.fsdecode(b"\xff\xc3")
    git, commit = built(repo, {f"d/{name}": b"x"})
    assert set(entries(git, commit, [f"d/{name}"])) == {f"d/{name}"}
    assert os.fsencode(next(iter(entries(git, commit)))) == b"d/\xff\xc3"


@dataclass
class Counting:
    """A git that holds any tree, each with a file of the tree's own name, and counts how often each is read."""

    asked: Counter[str] = field(default_factory=Counter)

    def read(self, names: Sequence[str]) -> list[Found | None]:
        self.asked.update(names)
        return [Found(name, "tree", f"100644 {name}\0".encode() + bytes(20)) for name in names]


def test_a_tree_is_kept_as_long_as_somebody_asks_for_it() -> None:
    git = Counting()
    for number in range(1_000):
        tree, often = f"{number:040x}", "f" * 40
        assert [name for name, _ in children(git, tree)] == [tree]
        assert [name for name, _ in children(git, often)] == [often]
    assert git.asked["f" * 40] == 1
    children(git, f"{999:040x}")
    children(git, f"{0:040x}")
    assert (git.asked[f"{999:040x}"], git.asked[f"{0:040x}"]) == (1, 2)


def test_many_names_at_once_are_found_as_each_is(repo: Repo) -> None:
    names = [f"d/{number}{end}" for number in range(150) for end in ("", ".md")]
    for name in names[::3]:
        repo.write(name, name)
    repo.write("d/1/in", "a folder of that name")
    repo.commit()
    git = Git(repo.root, repo.env)
    commit = git.line("rev-parse", "HEAD")
    one_by_one = {path: entry for name in [*names, "d/none"] for path, entry in entries(git, commit, [name]).items()}
    assert entries(git, commit, [*names, "d/none"]) == one_by_one
    assert "d/1/in" in one_by_one
