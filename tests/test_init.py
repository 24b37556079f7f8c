"""`init`: the files, twice the same, and the way back to the byte."""

from pathlib import Path

import pytest
from harness import Repo
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.steps.conventions import with_block, without_block

PIECES = st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b" "])


def what(repo: Repo, *argv: str) -> dict[str, str]:
    return {file["path"]: file["what"] for file in repo.run("init", "--json", *argv).json["data"]["files"]}


def files(repo: Repo) -> dict[str, bytes]:
    found = [path for path in repo.root.rglob("*") if ".git" not in path.parts]
    return {str(path.relative_to(repo.root)): path.read_bytes() if path.is_file() else b"" for path in found}


def test_makes_the_files_and_twice_changes_nothing(repo: Repo) -> None:
    made = {"TODO.md": "created", "orchestrator.toml": "created", "specs/": "created", "CLAUDE.md": "created"}
    assert what(repo) == made
    once = files(repo)
    again = repo.run("init", "--json").json
    assert (again["data"]["changed"], again["next"]) == (False, [])
    assert files(repo) == once


def test_nothing_to_complain_about_in_an_empty_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "empty").init()
    repo.run("init")
    said = repo.run("doctor")
    assert said.out.startswith("nothing is wrong\nnote: the branch main has no commits yet\n")
    assert "before the first run:\n  [x] State machine defined" in said.out
    assert not [f for f in repo.run("doctor", "--json").json["data"]["findings"] if f["severity"] != "note"]


@pytest.mark.parametrize(
    "before",
    [None, b"", b"# Rules\n", b"# Rules", b"a\r\nb\r\n", b"\xef\xbb\xbfa\r\nb", b"a\n\n\n", b"\n"],
)
def test_remove_gives_the_bytes_back(repo: Repo, before: bytes | None) -> None:
    if before is not None:
        repo.write("CLAUDE.md", before)
    start = files(repo)
    repo.run("init")
    assert files(repo) != start
    repo.run("init", "--remove")
    assert files(repo) == start
    assert repo.run("init", "--remove", "--json").json["data"]["changed"] is False


@given(st.one_of(st.none(), st.lists(PIECES, max_size=8).map(b"".join)))
def test_the_block_is_put_in_once_and_taken_out_exactly(before: bytes | None) -> None:
    once = with_block(before, "CLAUDE.md")
    assert with_block(once, "CLAUDE.md") == once
    assert without_block(once, "CLAUDE.md") == before


def test_text_around_the_block_stays_and_what_was_changed_is_kept(repo: Repo) -> None:
    repo.write("CLAUDE.md", "above\n")
    repo.run("init")
    repo.write("CLAUDE.md", repo.read("CLAUDE.md") + "below\n")
    repo.task("one: The first")
    repo.spec("one", "a.txt")
    assert what(repo, "--remove") == {
        "TODO.md": "kept",
        "orchestrator.toml": "removed",
        "specs/": "kept",
        "CLAUDE.md": "restored",
    }
    assert repo.read("CLAUDE.md") == "above\nbelow\n"


def test_an_old_block_is_brought_up_to_date(repo: Repo) -> None:
    repo.write("CLAUDE.md", "a\n\n<!-- orchestrator:begin -->\nold\n<!-- orchestrator:end -->\nz\n")
    assert what(repo)["CLAUDE.md"] == "changed"
    assert "old" not in repo.read("CLAUDE.md")
    assert repo.read("CLAUDE.md").endswith("<!-- orchestrator:end -->\nz\n")


def test_a_broken_block_is_refused_with_its_line_and_nothing_is_made(repo: Repo) -> None:
    repo.write("CLAUDE.md", "a\n\n<!-- orchestrator:begin -->\n")
    said = repo.run("init", code=5)
    assert said.err == (
        "error: CLAUDE.md:3: the marks of orchestrator's block do not pair\n"
        "hint: delete the block, its marks included\n"
    )
    assert sorted(files(repo)) == ["CLAUDE.md", "README.md"]


def test_agents_md_gets_the_block_too_and_a_link_is_followed_once(repo: Repo) -> None:
    repo.write("AGENTS.md", "# Rules\n")
    (repo.root / "CLAUDE.md").symlink_to("AGENTS.md")
    assert {name: how for name, how in what(repo).items() if name.endswith("S.md")} == {"AGENTS.md": "changed"}
    repo.run("init", "--remove")
    assert repo.read("AGENTS.md") == "# Rules\n"
    assert (repo.root / "CLAUDE.md").is_symlink()


@pytest.mark.parametrize(
    ("present", "command"),
    [
        ({"pyproject.toml": "", "tests/test_a.py": ""}, "python -m pytest -q"),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "npm test"),
        ({"package.json": "{}"}, ""),
        ({"package.json": "[" * 100_000}, ""),
        ({}, ""),
    ],
)
def test_finds_out_how_the_project_is_checked(repo: Repo, present: dict[str, str], command: str) -> None:
    for path, content in present.items():
        repo.write(path, content)
    repo.run("init")
    assert f'command = "{command}"\n' in repo.read("orchestrator.toml")
    assert not repo.git("status", "--porcelain", "-uno")
