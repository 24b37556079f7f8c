"""A landing that makes a folder of a file, and a file of a folder, cut short anywhere: settled, and nothing of a person's gone."""

import subprocess

import pytest
from harness import Repo

HALVES = {
    "nothing yet": ":",
    "the file is gone": "rm e",
    "the folder is there": "rm e; mkdir e",
    "half of what is in it": "rm e; mkdir e; printf ne > e/b",
    "all of what is in it": "rm e; mkdir e; echo new > e/b",
    "the other file is gone": "rm d/x",
    "the other folder is gone": "rm -r d",
    "half of the file": "rm -r d; printf ne > d",
    "all of it": "rm -r e d; mkdir e; echo new > e/b; echo new > d",
}


def project(repo: Repo) -> Repo:
    repo.task("a: do a")
    repo.spec("a", "e", "e/", "d", "d/")
    repo.write("e", "old\n")
    repo.write("d/x", "old\n")
    repo.shell_agent("rm -r e d; mkdir e; echo new > e/b; echo new > d")
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")
    return repo


def shell(repo: Repo, command: str) -> None:
    subprocess.run(["sh", "-ec", command], cwd=repo.root, env=repo.env, check=True)


def cut_short(repo: Repo, half: str, *, moved: bool) -> None:
    """Kill a run as it begins to write files, which then stand as `half` says; maybe the branch had moved."""
    path = repo.env["PATH"]
    repo.once_before_git("read-tree -m -u", f"cd {repo.root}; {half}; kill -9 $PPID; sleep 1")
    repo.run("run", code=None)
    repo.env["PATH"] = path
    if moved:
        repo.git("update-ref", "refs/heads/main", "refs/orchestrator/advance/to/main")
    (repo.root / ".git/index.lock").unlink(missing_ok=True)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("half", HALVES)
def test_it_is_settled_and_carried_on(repo: Repo, half: str, *, moved: bool) -> None:
    cut_short(project(repo), HALVES[half], moved=moved)
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--porcelain") == ""
    assert (repo.read("e/b"), repo.read("d")) == ("new\n", "new\n")


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(
    ("theirs", "path"),
    [
        ("echo mine > e", "e"),
        ("rm -r d; echo mine > d", "d"),
        ("rm e; mkdir e; echo mine > e/b", "e/b"),
        ("rm e; mkdir e; echo mine > e/c", "e/c"),
        ("echo mine > d/x", "d/x"),
        ("echo mine > d/y", "d/y"),
    ],
)
@pytest.mark.parametrize("add", ["", "; git add -A"])
def test_what_a_person_made_since_stays(repo: Repo, theirs: str, path: str, add: str, *, moved: bool) -> None:
    cut_short(project(repo), ":", moved=moved)
    shell(repo, f"{theirs}{add}")
    repo.run("run", code=None)
    assert repo.read(path) == "mine\n"
    repo.run("run", code=None)
    assert repo.read(path) == "mine\n"


@pytest.mark.parametrize("change", ["echo mine > d/x", "chmod +x d/x"])
def test_what_is_staged_in_a_folder_that_gives_way_is_in_the_way(repo: Repo, change: str) -> None:
    shell(project(repo), f"{change}; git add -A")
    before = repo.git("ls-files", "-s", "d")
    assert "in the way: d/x" in repo.run("run", code=5).err
    assert repo.git("ls-files", "-s", "d") == before
