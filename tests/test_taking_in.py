"""Edits that are unusual and a person's all the same: each is taken in, and the run goes on."""

import os

import pytest
from harness import Repo


def one_task(repo: Repo) -> None:
    repo.write(".gitignore", ".agent.toml\n.orchestrator/\n")
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("for f; do echo agent > $f; done")
    repo.commit("a project")


def test_an_edit_after_a_squash_merge_is_taken_and_what_was_merged_counts_as_done_by_hand(repo: Repo) -> None:
    one_task(repo)
    repo.git("switch", "-q", "-c", "feature")
    repo.run("run")
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--squash", "feature")
    repo.git("commit", "-q", "-m", "feature (#12)")
    repo.spec("b", "b.txt")
    repo.write("TODO.md", f"{repo.read('TODO.md')}- [ ] b: do b\n")
    assert "next run will refuse" not in repo.run("status").out
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert (repo.read("a.txt"), repo.git("status", "--short")) == ("agent\n", "")


@pytest.mark.parametrize("document", ["TODO.md", "specs/a.md"])
def test_a_document_that_may_be_executed_is_edited_like_any_other(repo: Repo, document: str) -> None:
    one_task(repo)
    (repo.root / document).chmod(0o755)
    repo.commit("executable")
    repo.write(document, repo.read(document).replace("o a", "o A").replace("Do it", "Do it well"))
    repo.run("run")
    assert repo.landed() == ["a"]


def test_a_file_beside_the_specs_whose_name_is_no_text_is_taken(repo: Repo) -> None:
    one_task(repo)
    name = os.fsencode(repo.root) + b"/specs/caf\xe9.md"
    with open(name, "wb") as note:  # noqa: PTH123 - no Path holds such a name for ruff's liking
        note.write(b"a note\n")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert "caf" in repo.git("ls-files", "specs")
    for verb in ("status", "brief", "log"):
        repo.run(verb)


def test_a_document_that_is_deleted_while_somebody_writes_a_commit_message_comes_back(repo: Repo) -> None:
    one_task(repo)
    repo.run("checkpoint", "-m", "the plan")
    (repo.root / "checkpoints" / "0001-the-plan.md").unlink()
    repo.once_before_git(
        "reset", f"touch {repo.root}/.git/index.lock; (sleep 2; rm {repo.root}/.git/index.lock) & true"
    )
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--short") == ""


@pytest.mark.parametrize("setting", ["attributes", "configuration"])
def test_a_document_with_carriage_returns_is_edited_like_any_other(repo: Repo, setting: str) -> None:
    one_task(repo)
    repo.write("TODO.md", repo.read("TODO.md").replace("\n", "\r\n").encode())
    repo.commit("as an editor elsewhere writes it")
    if setting == "attributes":
        repo.write(".gitattributes", "* text=auto\n")
        repo.commit("attributes")
    else:
        repo.git("config", "core.autocrlf", "input")
    repo.spec("b", "b.txt")
    with (repo.root / "TODO.md").open("ab") as todo:
        todo.write(b"- [ ] b: do b\r\n")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("how", ["deleted", "saved with other line ends"])
def test_where_git_turns_line_ends_a_document_is_no_obstacle(repo: Repo, how: str) -> None:
    one_task(repo)
    repo.git("config", "core.autocrlf", "true")
    repo.run("checkpoint", "-m", "the plan")
    if how == "deleted":
        (repo.root / "TODO.md").unlink()
    else:
        repo.write("TODO.md", (repo.root / "TODO.md").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--porcelain") == ""


def test_what_an_editor_puts_beside_a_document_is_none(repo: Repo) -> None:
    """Emacs says by a link that leads nowhere that somebody is writing."""
    one_task(repo)
    (repo.root / "specs" / ".#a.md").symlink_to("ada@machine.1234:5678")
    (repo.root / "specs" / ".a.md.swp").write_bytes(b"b0VIM")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert (repo.root / "specs" / ".#a.md").is_symlink()


def test_where_every_file_may_be_executed_code_done_by_hand_lands(repo: Repo) -> None:
    one_task(repo)
    repo.git("config", "core.fileMode", "false")
    repo.write("a.txt", "mine\n")
    for path in ("a.txt", "TODO.md", "workflow-state.md", "specs/a.md"):
        if (repo.root / path).exists():
            (repo.root / path).chmod(0o755)
    repo.run("task", "done", "a")
    assert repo.landed() == ["a"]
    assert repo.git("ls-tree", "HEAD", "a.txt").startswith("100644")
