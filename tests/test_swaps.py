"""A landing that makes a folder of a file, and a file of a folder, cut short anywhere: settled, and nothing of a person's gone."""

import shutil
import subprocess
from pathlib import Path

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
    repo.once_before_git("read-tree -m -u", f"cd {repo.root}; {half}; kill -9 $PPID; exit 1")
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


TO_LINK = ("rm -r d; ln -s keep d", ["rm -r d", "rm -r d; ln -s keep d"])
TO_FOLDER = ("rm d; mkdir d; echo same > d/x; echo new > d/new", ["rm d", "rm d; mkdir d; printf sa > d/x"])


def linked(repo: Repo, work: str) -> Repo:
    """A project in which `d` is a link to the folder `keep`, or becomes one."""
    repo.write("keep/x", "same\n")
    if work == TO_LINK[0]:
        repo.write("d/x", "same\n")
    else:
        (repo.root / "d").symlink_to("keep")
    repo.task("a: do a")
    repo.spec("a", "d", "d/", more="\n**Allow**: symlinks\n")
    repo.shell_agent(work)
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")
    return repo


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(
    ("work", "half"), [(work, half) for work, halves in (TO_LINK, TO_FOLDER) for half in (":", *halves)]
)
def test_what_is_behind_a_link_stays(repo: Repo, work: str, half: str, *, moved: bool) -> None:
    cut_short(linked(repo, work), half, moved=moved)
    repo.write("keep/x", "mine\n")
    repo.write("keep/new", "mine\n")
    repo.run("run", code=None)
    repo.run("run", code=None)
    assert (repo.read("keep/x"), repo.read("keep/new")) == ("mine\n", "mine\n")


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(
    ("work", "half"), [(work, half) for work, halves in (TO_LINK, TO_FOLDER) for half in (":", *halves)]
)
def test_a_landing_with_a_link_is_carried_on(repo: Repo, work: str, half: str, *, moved: bool) -> None:
    cut_short(linked(repo, work), half, moved=moved)
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--porcelain") == ""
    assert (repo.root / "d").is_symlink() == (work == TO_LINK[0])
    assert repo.read("keep/x") == "same\n"


@pytest.mark.parametrize("moved", [False, True])
def test_a_link_of_a_persons_since_then_stays_with_what_is_behind_it(
    repo: Repo, tmp_path: Path, *, moved: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x").write_text("")
    cut_short(project(repo), ":", moved=moved)
    shell(repo, f"rm -r d; ln -s {elsewhere} d")
    repo.run("run", code=None)
    repo.run("run", code=None)
    assert (repo.root / "d").is_symlink()
    assert (elsewhere / "x").read_text() == ""


@pytest.mark.parametrize("half", ["head -c 5000 big > e", ": > e", "mkdir -p d; head -c 5000 big > d/x"])
def test_what_settling_itself_left_half_written_is_written_again(repo: Repo, half: str) -> None:
    project(repo)
    repo.write("big", "a line of the old\n" * 1000)
    shell(repo, "cp big e; cp big d/x")
    repo.commit("longer files")
    cut_short(repo, HALVES["all of it"], moved=False)
    path = repo.env["PATH"]
    folder = repo.root.parent / f"{repo.root.name}-git"
    shutil.rmtree(folder)
    repo.once_before_git("checkout-index", f"cd {repo.root}; rm -rf e d; {half}; kill -9 $PPID; exit 1")
    repo.run("run", code=None)
    assert (folder / "done").exists()
    repo.env["PATH"] = path
    (repo.root / ".git/index.lock").unlink(missing_ok=True)
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--porcelain") == ""


def test_a_submodule_that_gives_way_is_in_the_way_once_it_holds_files(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other").init()
    other.write("x", "x\n")
    other.commit("another project")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "sub")
    repo.task("a: do a")
    repo.spec("a", "sub", "sub/")
    repo.shell_agent("rm -rf sub; echo new > sub")
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")
    repo.write("sub/mine", "mine\n")
    assert "in the way: sub" in repo.run("run", code=5).err
    assert repo.read("sub/mine") == "mine\n"
    repo.git("submodule", "deinit", "-q", "--force", "sub")
    repo.run("run")
    assert repo.read("sub") == "new\n"
