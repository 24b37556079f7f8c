"""A spec's own acceptance command, through `orchestrator run`: it is run before its task lands, beside verify."""

import pytest
from harness import Repo

TWICE = """
[[attempt]]
task = "a"
attempt = 1
write = { "a.txt" = "half\\n" }
[[attempt]]
task = "a"
write = { "a.txt" = "whole\\n" }
[[attempt]]
task = "b"
write = { "b.txt" = "b\\n" }
"""


def accepted(repo: Repo, task: str, command: str) -> None:
    path = f"specs/{task}.md"
    repo.write(path, f"{repo.read(path)}\n## Acceptance\n\n```sh\n{command}\n```\n")


@pytest.fixture
def project(repo: Repo) -> Repo:
    for task in ("a", "b"):
        repo.spec(task, f"{task}.txt")
    repo.task("a: do a", "b: do b")
    accepted(repo, "a", "grep -qx whole a.txt || { echo ONLY HALF OF IT; exit 1; }")
    return repo


@pytest.mark.parametrize("verify", ["", "true"])
def test_a_task_lands_once_its_own_command_is_green(project: Repo, verify: str) -> None:
    project.config(TWICE, verify=verify)
    project.commit("a project")
    said = project.run("run")
    assert "sent back a/1: deterministic: ONLY HALF OF IT" in said.err
    assert project.read("a.txt") == "whole\n"
    assert sorted(project.landed()) == ["a", "b"]
    assert "ONLY HALF OF IT" in project.read("specs/a.md")
    body = project.git("log", "-1", "--format=%B", "--grep=^Task: a$")
    assert "Attempt: 2" in body
    own = "`grep -qx whole a.txt || { echo ONLY HALF OF IT; exit 1; }`"
    assert f"Verified: proved by {'`true` and ' if verify else ''}{own}" in body
    other = project.git("log", "-1", "--format=%(trailers:key=Verified,valueonly)", "--grep=^Task: b$")
    assert other.startswith("proved by `true`" if verify else "none (")


def test_what_works_by_hand_is_held_to_it_as_well(project: Repo) -> None:
    project.config(TWICE)
    project.commit("a project")
    project.run("checkpoint", "-m", "the plan")
    project.write("a.txt", "half\n")
    assert "ONLY HALF OF IT" in project.run("task", "done", "a", code=1).err
    project.write("a.txt", "whole\n")
    project.run("task", "done", "a")
    assert project.landed() == ["a"]


# Both are done while verify is still busy with z; b's command is red for both, then a lands, and b changes nothing.
NOTHING_OF_B = """
[[attempt]]
task = "z"
write = { "z.txt" = "z" }
[[attempt]]
task = "a"
sleep = 0.5
write = { "a.txt" = "whole\\n" }
[[attempt]]
task = "b"
attempt = 1
sleep = 0.5
exit = "complete"
[[attempt]]
task = "b"
write = { "b.txt" = "b\\n" }
"""


def test_code_that_was_green_without_its_command_does_not_pass_for_proved_by_it(project: Repo) -> None:
    project.spec("z", "z.txt")
    project.task("z: do z", "a: do a", "b: do b")
    accepted(project, "b", "test -e b.txt")
    seen = project.root.parent / "seen"
    project.config(NOTHING_OF_B, verify=f"if [ -e z.txt ] && [ ! -e {seen} ]; then touch {seen}; sleep 2; fi")
    project.commit("a project")
    said = project.run("run")
    assert "sent back b/1: deterministic" in said.err
    assert project.read("b.txt") == "b\n"
