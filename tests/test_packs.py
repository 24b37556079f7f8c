"""Commits and packs that we write ourselves, held against the git that reads them."""

import os
import re
import shutil
import stat
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from harness import Repo
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.repo.commits import Draft, build, build_all, writing
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.hashing import quoted
from orchestrator.repo.objects import ObjectFolders
from orchestrator.repo.packs import difference
from orchestrator.repo.trees import EXECUTABLE, GITLINK, GONE, REGULAR, SYMLINK, Change, blobs

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
REF = "refs/heads/made"


def doors(root: Path, env: dict[str, str]) -> tuple[Git, ObjectFolders]:
    return Git(root, env), ObjectFolders(root / ".git")


def draft(message: str, *changes: Change, parent: str | None = None) -> Draft:
    return Draft(message, changes, WHEN, parent=parent)


def sound(git: Git) -> bool:
    """Whether git finds nothing wrong with what is there, nor anything that it cannot read."""
    said = git.attempt("fsck", "--strict", "--full", "--no-dangling")
    packs = [str(path) for path in (git.directory / ".git" / "objects" / "pack").glob("*.idx")]
    return (said.returncode, said.stdout + said.stderr) == (0, b"") and (
        not packs or not git.run("verify-pack", *packs)
    )


# --- the same commits as git's own ---------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "a.b", "a-b", "a0", "A", "d", "d e", "é", "40000 x", '"q"', "zz"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
LINES = st.lists(st.sampled_from([b"one\n", b"two\n", b"\0\1", b"x" * 300 + b"\n"]), max_size=12)
CONTENTS = st.builds(lambda lines, times: b"".join(lines) * times, LINES, st.sampled_from([1, 1, 1, 40, 4_000]))
CHANGES = st.one_of(
    st.builds(Change, PATHS, st.sampled_from([REGULAR, EXECUTABLE, SYMLINK]), CONTENTS.filter(lambda text: text)),
    st.builds(Change, PATHS, st.just(GONE), st.just("")),
    st.builds(Change, PATHS, st.just(GITLINK), st.just("1" * 40)),
)


def by_git(git: Git, parent: str, chain: list[Draft]) -> list[str]:
    """Write a chain with `git fast-import`, and return the commits' ids."""
    out = bytearray(b"feature done\n")
    for number, made in enumerate(chain, 1):
        out += f"commit refs/heads/theirs\nmark :{number}\n".encode()
        out += b"".join(
            f"{who} {made.author} {WHEN.timestamp():.0f} +0000\n".encode() for who in ("author", "committer")
        )
        out += (
            f"data {len(made.message)}\n{made.message}\nfrom {parent if number == 1 else f':{number - 1}'}\n".encode()
        )
        for change in made.changes:
            path = quoted(change.path) + b"\n"
            if change.mode == GONE:
                out += b"D " + path
            elif isinstance(change.blob, bytes):
                out += (
                    f"M {change.mode} inline ".encode()
                    + path
                    + f"data {len(change.blob)}\n".encode()
                    + change.blob
                    + b"\n"
                )
            else:
                out += f"M {change.mode} {change.blob} ".encode() + path
        out += f"\nget-mark :{number}\n".encode()
    # On its standard output it answers what it is asked for.
    said = git.run(
        "fast-import", "--quiet", "--force", "--date-format=raw", "--cat-blob-fd=1", stdin=bytes(out) + b"done\n"
    )
    return said.decode().split()


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Git, Git]:
    """One repository, twice."""
    repo = Repo(tmp_path_factory.mktemp("twins") / "ours").init()
    for path in ("a/b", "d", "zz/zz/a", "zz/b"):
        repo.write(path, path)
    repo.commit()
    shutil.copytree(repo.root, repo.root.with_name("theirs"), symlinks=True)
    return Git(repo.root, repo.env), Git(repo.root.with_name("theirs"), repo.env)


@settings(max_examples=int(os.environ.get("PACK_CHAINS", "60")), deadline=None)
@given(chain=st.lists(st.lists(CHANGES, max_size=5), min_size=1, max_size=8))
def test_a_chain_is_what_git_itself_would_have_made(twins: tuple[Git, Git], chain: list[list[Change]]) -> None:
    ours, theirs = twins
    parent = ours.line("rev-parse", "main")
    drafts = [draft(f"number {number}\n\nsaid\n", *changes) for number, changes in enumerate(chain)]
    first = replace(drafts[0], parent=parent)
    made = build(ours, ObjectFolders(ours.directory / ".git"), REF, [first, *drafts[1:]])
    assert made == by_git(theirs, parent, drafts)
    assert ours.line("rev-parse", REF) == made[-1]
    assert sound(ours)


def test_a_folder_of_thousands_is_what_git_would_have_made_whatever_comes_and_goes(twins: tuple[Git, Git]) -> None:
    ours, theirs = twins
    parent = ours.line("rev-parse", "main")
    chance = Random(1)  # noqa: S311 - which names come and go
    names = [f"many/{number:04}{chance.choice(['', '.md', '/in', '-a'])}" for number in range(1_500)]
    chance.shuffle(names)
    chain = [
        draft("some", *(Change(name, REGULAR, name.encode()) for name in names[at : at + 100]))
        for at in range(0, len(names), 100)
    ]
    for left in (900, 400, 130, 7, 0):
        there, names = names, chance.sample(names, left)
        chain.append(draft("fewer", *(Change(name, GONE, "") for name in there if name not in names)))
        back = chance.sample(there, 20)
        chain.append(draft("some again", *(Change(name, REGULAR, b"again") for name in back)))
        names = [*{*names, *back}]
    made = build(ours, ObjectFolders(ours.directory / ".git"), REF, [replace(chain[0], parent=parent), *chain[1:]])
    assert made == by_git(theirs, parent, chain)
    assert sound(ours)


def planted(git: Git, rows: list[tuple[bytes, bytes, str]]) -> str:
    """Return a tree of these entries just as they are given: mode, name and id."""
    tree = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(blob) for mode, name, blob in rows)
    return git.run("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=tree).decode().strip()


@pytest.mark.parametrize("path", ["dir/three", "dir/one", "dir.c", "dirz", "dir", "a", "zz"])
@pytest.mark.parametrize(
    "order",
    [("dir.c", "040000 dir", "dirz"), ("dirz", "40000 dir", "dir.c"), ("zz", "b", "40000 dir", "a", "100664 g")],
)
def test_trees_as_old_histories_hold_them_lose_nothing(repo: Repo, path: str, order: tuple[str, ...]) -> None:
    git, objects = doors(repo.root, repo.env)
    blob = git.run("hash-object", "-w", "--stdin", stdin=b"it").decode().strip()
    folder = planted(git, [(b"100644", name, blob) for name in (b"one", b"two")])
    entries = [entry.rpartition(" ")[::2] for entry in order]
    rows = [(mode.encode() or b"100644", name.encode(), folder if "40000" in mode else blob) for mode, name in entries]
    parent = git.line("commit-tree", "-m", "old", planted(git, rows))
    change = Change(path, REGULAR, b"new")
    made = build(git, objects, REF, [draft("it", change, parent=parent)])
    assert made == by_git(git, parent, [draft("it", change)])
    names = repo.git("ls-tree", "-r", "--name-only", made[0]).split("\n")
    assert path == "dir" or {"dir/one", "dir/two"} <= {*names}
    assert len({*names}) == len(names)


# --- what a long plan makes of it ----------------------------------------------------------------------------------


def test_of_a_long_document_each_version_is_there_and_few_are_whole(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    lines = [f"- [ ] task-{number}: do the thing\n".encode() for number in range(5_000)]
    drafts, texts = [], []
    for number in range(200):
        lines[number * 7] = lines[number * 7].replace(b"[ ]", b"[x]")
        texts.append(b"".join(lines))
        changes = Change("TODO.md", REGULAR, texts[-1]), Change(f"specs/t{number}.md", REGULAR, b"%d" % number)
        drafts.append(draft(f"{number}", *changes))
    commits = build(git, objects, REF, drafts)
    assert [blobs(git, [f"{commit}:TODO.md"])[f"{commit}:TODO.md"] for commit in commits] == texts
    packs = list((repo.root / ".git" / "objects" / "pack").glob("*.pack"))
    chains = [
        int(n) for pack in packs for n in re.findall(r"chain length = (\d+)", repo.git("verify-pack", "-v", str(pack)))
    ]
    assert len(packs) == 2
    assert 64 < max(chains) <= 120
    assert sum(pack.stat().st_size for pack in packs) < 200_000
    assert sound(git)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 0x10000, 0xFFFFFF, 0x1000000, 40_000_000])
def test_a_difference_may_be_of_any_size(repo: Repo, size: int) -> None:
    git, objects = doors(repo.root, repo.env)
    texts = [b"x" * size + middle + b"y" * size for middle in (b"1", b"", b"2" * 300, b"3")]
    commits = build(git, objects, REF, [draft("it", Change("a", REGULAR, text)) for text in texts])
    assert [blobs(git, [f"{commit}:a"])[f"{commit}:a"] for commit in commits] == texts


def test_what_is_the_same_twice_is_cut_once() -> None:
    assert len(difference(b"ab" * 50, b"ab" * 60) or b"x" * 99) < 30
    assert len(difference(b"ab" * 60, b"ab" * 50) or b"x" * 99) < 10
    assert difference(b"ab" * 50, b"cd" * 50_000_000) is None


def test_a_draft_that_is_large_takes_several_packs(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.repo.commits._LARGE", 10_000)
    git, objects = doors(repo.root, repo.env)
    files = {f"d/{number}": os.urandom(4_000) for number in range(20)}
    commit = build(git, objects, REF, [draft("it", *(Change(path, REGULAR, data) for path, data in files.items()))])[0]
    assert blobs(git, [f"{commit}:{path}" for path in files]) == {
        f"{commit}:{path}": data for path, data in files.items()
    }
    assert len(list((repo.root / ".git" / "objects" / "pack").glob("*.pack"))) > 3
    assert sound(git)


# --- git's own rules ----------------------------------------------------------------------------------------------


def test_a_repository_of_another_hash_is_one(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "long")
    repo.root.mkdir()
    repo.git("init", "-q", "--object-format=sha256", "-b", "main")
    git, objects = doors(repo.root, repo.env)
    first = build(git, objects, "refs/heads/main", [draft("first", Change("d/a", REGULAR, b"a"))])[0]
    second = build(git, objects, "refs/heads/main", [draft("second", Change("d/b", REGULAR, b"b"), parent=first)])[0]
    assert len(second) == 64
    assert repo.git("ls-tree", "-r", "--name-only", second).split() == ["d/a", "d/b"]
    assert sound(git)


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o2770])
def test_a_pack_can_be_read_by_whom_its_folder_can(repo: Repo, mode: int) -> None:
    git, objects = doors(repo.root, repo.env)
    folder = repo.root / ".git" / "objects" / "pack"
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)
    build(git, objects, REF, [draft("it", Change("a", REGULAR, b"a"))])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {mode & 0o444}


def test_the_same_commit_made_twice_is_there_once(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    made = [build(git, objects, REF, [draft("it", Change("a", REGULAR, b"a"))]) for _ in range(2)]
    assert made[0] == made[1]
    assert len(list((repo.root / ".git" / "objects" / "pack").iterdir())) == 2
    assert sound(git)


def test_each_draft_stands_on_its_own_parent(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    base = build(git, objects, REF, [draft("base", Change("a", REGULAR, b"a"), Change("d/b", REGULAR, b"b"))])[0]
    drafts = [(f"refs/heads/x{n}", draft("it", Change(f"d/{n}", REGULAR, b"n"), parent=base)) for n in range(3)]
    commits = build_all(git, objects, drafts)
    assert [repo.git("rev-parse", ref) for ref, _ in drafts] == commits
    for number, commit in enumerate(commits):
        assert repo.git("ls-tree", "-r", "--name-only", commit).split() == ["a", *sorted(["d/b", f"d/{number}"])]


# --- when it does not work ----------------------------------------------------------------------------------------


def test_a_disk_that_does_not_take_it_is_named_and_no_ref_moves(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    folder = repo.root / ".git" / "objects" / "pack"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    with pytest.raises(GitError, match=f"cannot write into {re.escape(str(folder))}: "):
        build(git, objects, REF, [draft("it", Change("a", REGULAR, b"a"))])
    assert git.attempt("rev-parse", "-q", "--verify", REF).returncode == 1


def test_all_refs_move_or_none(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    build(git, objects, REF, [draft("it", Change("a", REGULAR, b"a"))])
    drafts = [("refs/heads/fine", draft("fine")), (f"{REF}/below", draft("no"))]
    with pytest.raises(GitError, match="update-ref"):
        build_all(git, objects, drafts)
    assert repo.git("for-each-ref", "--format=%(refname)", "refs/heads/fine") == ""
    assert list((repo.root / ".git" / "objects" / "pack").glob("*.keep")) == []


def test_what_was_not_finished_names_nothing(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    with suppress(ZeroDivisionError), writing(git, objects) as pen:
        for number in range(70):
            pen.add(REF, draft(f"{number}"))
        1 / 0  # noqa: B018 - whatever goes wrong
    assert git.attempt("rev-parse", "-q", "--verify", REF).returncode == 1
    assert list((repo.root / ".git" / "objects" / "pack").glob("*.keep")) == []


def test_a_parent_that_is_none_is_refused(repo: Repo) -> None:
    git, objects = doors(repo.root, repo.env)
    with pytest.raises(GitError, match="no commit"):
        build(git, objects, REF, [draft("it", parent="1" * 40)])
