"""What a person has stays: what is staged, what has one of our names, what git was told not to look at."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from harness import Repo, appears
from test_edits import while_running
from test_swaps import cut_short
from test_verify_worktree import TAKES_ROOT, as_a_user


def project(repo: Repo, command: str = 'for f; do echo new >> "$f"; done', *files: str, more: str = "") -> Repo:
    repo.task("a: do a")
    repo.spec("a", *(files or ("a.txt",)))
    repo.shell_agent(command, more=more)
    repo.write("a.txt", "old\n")
    repo.commit("a project")
    return repo


def refused(repo: Repo, *words: str, code: int = 5) -> None:
    """The next run says so, lands nothing, and the views have said it before."""
    before = repo.git("status", "--porcelain"), repo.git("ls-files", "-s")
    told = repo.run("status").out + repo.run("doctor", code=None).out
    dry = repo.run("run", "--dry-run", code=None)
    said = repo.run("run", code=code)
    for word in words:
        assert word in said.err
        assert word in told
        assert word in dry.out + dry.err
    assert repo.landed() == []
    assert (repo.git("status", "--porcelain"), repo.git("ls-files", "-s")) == before


@pytest.mark.parametrize("path", ["a.txt", "TODO.md"])
def test_what_is_staged_stays_though_the_file_is_as_it_was(repo: Repo, path: str) -> None:
    project(repo)
    repo.run("checkpoint", "-m", "the plan")
    was = repo.read(path)
    repo.write(path, f"{was}- staged words\n")
    repo.git("add", path)
    repo.write(path, was)
    assert f"in the way: {path}" in repo.run("run", code=5).err
    assert "staged words" in repo.git("show", f":{path}")


def test_what_is_staged_stays_where_the_file_is_what_lands(repo: Repo) -> None:
    project(repo, "echo new > a.txt")
    repo.write("a.txt", "precious\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", "new\n")
    assert "in the way: a.txt" in repo.run("run", code=5).err
    assert repo.git("show", ":a.txt") == "precious"
    repo.git("add", "a.txt")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_what_is_staged_after_a_landing_was_cut_short_stays(repo: Repo) -> None:
    project(repo, "echo agent > a.txt").run("checkpoint", "-m", "the plan")
    cut_short(repo, ":", moved=False)
    repo.write("a.txt", "precious\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", "old\n")
    assert "in the way: a.txt" in repo.run("run", code=5).err
    assert repo.git("show", ":a.txt") == "precious"
    repo.git("add", "a.txt")
    repo.run("run")
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("moved", [False, True])
def test_what_was_half_staged_as_it_was_taken_in_is_taken_in(repo: Repo, *, moved: bool) -> None:
    project(repo).run("checkpoint", "-m", "the plan")
    repo.write("TODO.md", repo.read("TODO.md") + "\nfirst words\n")
    repo.git("add", "TODO.md")
    repo.write("TODO.md", repo.read("TODO.md") + "\nlast words\n")
    cut_short(repo, ":", moved=moved)
    repo.run("run")
    assert repo.landed() == ["a"]
    assert "last words" in repo.git("show", "HEAD:TODO.md")
    assert repo.git("status", "--porcelain") == ""


def test_a_staged_mode_stays(repo: Repo) -> None:
    project(repo)
    repo.git("update-index", "--chmod=+x", "a.txt")
    assert "in the way: a.txt" in repo.run("run", code=5).err
    assert repo.git("ls-files", "-s", "a.txt").startswith("100755")


@pytest.mark.parametrize(("path", "kind"), [("checkpoints", "a file"), ("checkpoints", "a link"), ("specs", "a link")])
def test_something_else_of_a_persons_that_is_called_like_a_folder_of_ours(repo: Repo, path: str, kind: str) -> None:
    project(repo)
    if path == "specs":
        (repo.root / "docs").mkdir()
        shutil.move(repo.root / path, repo.root / "docs" / path)
    if kind == "a link":
        (repo.root / path).symlink_to(f"docs/{path}")
    else:
        repo.write(path, "a list of my own\n")
    repo.commit("mine")
    refused(repo, f"the last commit has {kind} called {path}, which must be a folder")


@pytest.mark.parametrize("path", ["workflow-state.md", "specs/a.result.md"])
def test_a_persons_folder_that_is_called_like_a_document(repo: Repo, path: str) -> None:
    project(repo)
    repo.write(f"{path}/mine.txt", "mine\n")
    repo.commit("mine")
    said = repo.run("run", code=5)
    assert f"the last commit has a folder called {path}" in said.err
    assert repo.read(f"{path}/mine.txt") == "mine\n"
    assert repo.git("for-each-ref", "refs/orchestrator/attempts") == ""


def test_a_persons_notes_among_the_checkpoints_stay_and_count_for_nothing(repo: Repo) -> None:
    project(repo, more="[checkpoint]\nkeep = 1\n")
    mine = {
        "checkpoints/0001-the-plan.md": "# My own plan\n",
        "checkpoints/1-mine.md": "mine\n",
        "checkpoints/2024-05-01-retro.md": "# Retro\n",
        "checkpoints/0007-by-hand.md": "# Checkpoint: by hand\n",
    }
    for path, text in mine.items():
        repo.write(path, text)
    repo.commit("notes")
    repo.run("run")
    repo.run("checkpoint", "-m", "one more")
    assert {path: repo.read(path) for path in mine} == mine
    ours = {path.name for path in (repo.root / "checkpoints").iterdir()} - {Path(path).name for path in mine}
    assert ours == {"0010-one-more.md"}


def test_a_note_with_the_very_name_of_a_checkpoint_stays(repo: Repo) -> None:
    project(repo)
    repo.write("checkpoints/0001-the-plan.md", "# My own plan\n")
    repo.commit("notes")
    repo.run("run")
    assert repo.read("checkpoints/0001-the-plan.md") == "# My own plan\n"
    assert "the plan" in repo.read("checkpoints/0001-the-plan-checkpoint.md")


def test_a_persons_folder_with_the_very_name_of_a_checkpoint_stays(repo: Repo) -> None:
    project(repo)
    repo.write("checkpoints/0001-the-plan.md/mine.txt", "mine\n")
    repo.commit("a folder of notes")
    repo.run("run")
    assert repo.read("checkpoints/0001-the-plan.md/mine.txt") == "mine\n"
    assert "checkpoints/0001-the-plan.md/mine.txt" in repo.git("ls-files")


def test_notes_with_the_names_that_are_taken_instead_stay_too(repo: Repo) -> None:
    project(repo)
    for name in ("0002-a.md", "0002-a-checkpoint.md"):
        repo.write(f"checkpoints/{name}", "mine\n")
    repo.commit("notes")
    repo.run("run")
    assert {repo.read(f"checkpoints/{name}") for name in ("0002-a.md", "0002-a-checkpoint.md")} == {"mine\n"}
    assert "# Checkpoint" in repo.read("checkpoints/0002-a-checkpoint-checkpoint.md")


def test_a_link_among_the_specs_is_none_of_the_documents_that_are_put_back(repo: Repo) -> None:
    project(repo)
    repo.write("docs/design.md", "a design\n")
    (repo.root / "specs/design.md").symlink_to("../docs/design.md")
    repo.commit("a link")
    repo.run("run")
    repo.run("doctor", "--rebuild", code=None)
    assert (repo.root / "specs/design.md").is_symlink()
    assert repo.git("status", "--porcelain") == ""


def test_a_link_that_stands_where_a_document_was_is_kept_aside(repo: Repo) -> None:
    project(repo).run("run")
    (repo.root / "specs/a.md").unlink()
    (repo.root / "specs/a.md").symlink_to("my-own.md")
    repo.run("doctor", "--rebuild", code=None)
    assert [path.read_text() for path in repo.root.glob(".orchestrator/replaced/*/specs/a.md")] == [
        "a link to my-own.md\n"
    ]
    assert "# Spec: a" in repo.read("specs/a.md")


def test_a_conflict_that_is_not_settled_is_nobodys_work(repo: Repo) -> None:
    project(repo).run("checkpoint", "-m", "the plan")
    repo.write("a.txt", "stashed\n")
    repo.git("stash")
    repo.write("a.txt", "other\n")
    repo.commit("another change")
    with suppress(AssertionError):  # git says that it met a conflict
        repo.git("stash", "pop")
    said = repo.run("task", "done", "a", code=5)
    assert "error: a.txt: the merge of a.txt is not finished" in said.err
    repo.write("a.txt", "settled\n")
    repo.git("add", "a.txt")
    repo.run("task", "done", "a")
    assert repo.git("show", "HEAD:a.txt") == "settled"


@pytest.mark.parametrize("odd", [":(foo)z", ":!z", "-z", "~z"])
def test_after_a_name_that_git_takes_for_more_ignored_files_stay_ignored(repo: Repo, odd: str) -> None:
    project(repo, f"echo new > a.txt; echo secret > .env; echo n > '{odd}'; echo n > x.log", "**")
    repo.write(".gitignore", ".env\n*.log\n")
    repo.commit("rules")
    repo.run("run")
    landed = repo.git("ls-tree", "-r", "--name-only", "HEAD").split("\n")
    assert odd in landed
    assert not {".env", "x.log"}.intersection(landed)


@TAKES_ROOT
def test_rules_that_nobody_may_read_stop_no_run(repo: Repo) -> None:
    work = "mkdir -p out/x; echo new > out/x/a.txt; echo z > out/x/.gitignore; chmod 000 out/x/.gitignore"
    project(repo, work, "out/")
    repo.write(".gitignore", "out/*\n*.log\n")
    repo.commit("rules")
    assert as_a_user(repo, "run").code == 0
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("named", ["app/[id]/page.tsx", "app/[id]/"])
def test_a_name_with_brackets_of_its_own_lands(repo: Repo, named: str) -> None:
    repo.write("app/[id]/page.tsx", "old\n")
    project(repo, "echo new >> 'app/[id]/page.tsx'", named)
    repo.run("run")
    assert repo.read("app/[id]/page.tsx") == "old\nnew\n"


def test_a_new_name_with_brackets_is_told_to_its_agent(repo: Repo) -> None:
    project(repo, 'mkdir -p "app/[id]"; for f; do echo new > "$f"; done', "app/[id]/page.tsx")
    repo.run("run")
    assert repo.read("app/[id]/page.tsx") == "new\n"


def test_an_empty_plan_is_a_plan(repo: Repo) -> None:
    repo.write("TODO.md", "")
    repo.commit("empty")
    assert "is gone" not in repo.run("doctor", code=None).out
    repo.run("task", "add", "a", "The first")
    assert "a: The first" in repo.read("TODO.md")


def test_a_sparse_checkout_keeps_the_specs_it_leaves_out(repo: Repo) -> None:
    project(repo)
    repo.write("big/x", "1\n")
    repo.commit("more")
    repo.git("sparse-checkout", "set", "--cone", "big")
    assert not (repo.root / "specs").exists()
    assert "a  ready" in repo.run("task", "list").out
    assert "start a (sh)" in repo.run("run", "--dry-run").out
    assert "Do it." in repo.run("spec", "show", "a").out
    assert "no spec" not in repo.run("doctor").out
    assert "leaves it out" in repo.run("spec", "new", "a", code=5).err
    repo.run("run")
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_not_to_look_at_is_named_with_what_helps(repo: Repo, flag: str) -> None:
    project(repo)
    repo.run("checkpoint", "-m", "the plan")
    repo.git("update-index", flag, "TODO.md")
    repo.write("TODO.md", repo.read("TODO.md") + "- [ ] b: mine\n")
    said = repo.run("run", code=5)
    undo = f"--no-{flag.removeprefix('--')}"
    assert f"git update-index {undo} TODO.md" in said.err
    repo.git("update-index", undo, "TODO.md")
    repo.run("run", code=3)
    assert repo.landed() == ["a"]
    assert "b: mine" in repo.git("show", "HEAD:TODO.md")


def test_an_attempt_whose_worktree_is_taken_away_is_made_again(repo: Repo) -> None:
    once = repo.root.parent / "once"
    wait = f"[ -e {once} ] || {{ touch {once}; sleep 2; }}; "
    project(repo, wait + 'for f; do echo new >> "$f"; done')

    def clean() -> None:
        appears(once)
        shutil.rmtree(repo.root / ".orchestrator/worktrees/a-1")

    assert "recorded a/1: failed (deterministic)" in while_running(repo, clean)
    assert repo.landed() == ["a"]
    assert "its worktree was taken away while it ran" in repo.read("specs/a.result.md")


def test_an_agent_that_takes_its_worktree_away_spends_its_attempts(repo: Repo) -> None:
    """What it had committed by itself is kept all the same."""
    commit = "git -c user.name=a -c user.email=a@b commit -qm own"
    project(repo, f'echo new > a.txt; git add -A; {commit}; rm -rf "$PWD"', more="[limits]\nattempts = 2\n")
    repo.run("run", code=1)
    refs = repo.git("for-each-ref", "--format=%(refname)", "refs/orchestrator/attempts").split()
    assert refs == ["refs/orchestrator/attempts/a/1", "refs/orchestrator/attempts/a/2"]
    assert repo.git("show", "refs/orchestrator/attempts/a/1^2:a.txt") == "new"
    assert "its worktree was taken away while it ran" in repo.read("specs/a.result.md")


def test_a_folder_that_was_moved_away_is_not_a_missing_git(repo: Repo) -> None:
    begun = repo.root.parent / "begun"
    project(repo, f'touch {begun}; sleep 1; echo new >> "$1"')

    def move() -> None:
        appears(begun)
        repo.root.rename(repo.root.with_name("moved"))

    said = while_running(repo, move, code=5)
    assert f"the folder {repo.root} is gone" in said


@pytest.mark.parametrize(
    ("line", "several"),
    [
        ("`a.txt`, `b.txt`", True),
        ("`a.txt` and `src/b`", True),
        ("`a.txt` `b.txt` `c.txt`", True),
        ("[a.txt](a.txt)", True),
        ("`a.txt` (and its helpers)", False),
        ("a.txt (`parse` reads version 2)", False),
        ("`a.txt`, the parser", False),
        ("a.txt `parse()` gets an argument", False),
    ],
)
def test_more_files_in_one_line_are_pointed_out(repo: Repo, line: str, *, several: bool) -> None:
    project(repo, "true", line)
    assert ("what follows is a note" in repo.run("spec", "lint").out) is several
