"""The verify command in the sandbox, through `orchestrator run`: what an agent wrote is run there, and reaches nothing."""

import os

import pytest
from harness import Repo

from orchestrator import sandbox

CONFINES = sandbox.probe(os.environ).level is sandbox.Level.BWRAP
WORK = """
[[attempt]]
task = "a"
write = { "check.sh" = '''
! touch "$CHECKOUT/planted" 2>/dev/null || exit 10
test ! -e "$HOME/mine" || exit 11
touch here
''' }
"""


@pytest.fixture
def project(repo: Repo) -> Repo:
    repo.write("check.sh", "true\n")
    repo.spec("a", "check.sh")
    repo.task("a: do a")
    repo.env["CHECKOUT"] = str(repo.root)
    home = repo.root.parent / f"{repo.root.name}-home"
    (home / "mine").write_text("a secret\n")
    return repo


def begin(repo: Repo, policy: str) -> None:
    repo.config(WORK, verify="sh check.sh", more="")
    text = repo.read("orchestrator.toml").replace("[verify]\n", f'[verify]\nsandbox = "{policy}"\nenv = ["CHECKOUT"]\n')
    repo.write("orchestrator.toml", text)
    repo.commit("a project")


@pytest.mark.skipif(not CONFINES, reason="bubblewrap confines nothing here")
def test_what_an_agent_wrote_is_run_where_it_reaches_nothing(project: Repo) -> None:
    begin(project, "required")
    project.run("run")
    assert project.landed() == ["a"]
    assert "Verified: proved by `sh check.sh`, confined by bwrap" in project.git("log", "-1", "--format=%B")
    assert not (project.root / "planted").exists()
    assert project.git("status", "--porcelain") == ""


def test_without_it_the_same_is_red(project: Repo) -> None:
    begin(project, "off")
    said = project.run("run", code=None)
    assert project.landed() == []
    assert "exit status 10" in said.err
    (project.root / "planted").unlink()


@pytest.mark.skipif(CONFINES, reason="bubblewrap holds here")
def test_one_that_is_required_and_not_there_stops_before_anything_starts(project: Repo) -> None:
    begin(project, "required")
    said = project.run("run", code=4)
    assert "a sandbox is required" in said.err
    assert project.landed() == []
