"""A person's own git work and configuration beside a run: none of it is lost, undone or held against an agent."""

import json
import time

import pytest
from harness import Repo
from test_edits import while_running


def project(repo: Repo, command: str = 'echo new > "$1"', *, verify: str = "", more: str = "") -> None:
    for name in "ab":
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b (after: a)")
    repo.shell_agent(command, verify=verify, more=more)
    repo.commit("a project")


def test_branches_of_any_name_are_theirs(repo: Repo) -> None:
    project(repo)
    repo.git("branch", "orchestrator/feature")
    repo.git("switch", "-q", "-c", "orchestrator/try")
    tip = repo.commit("mine")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("branch", "--format=%(refname:short)").split() == [
        "main",
        "orchestrator/feature",
        "orchestrator/try",
    ]
    assert tip in repo.git("rev-list", "HEAD").split()


def test_a_branch_called_like_us_is_no_obstacle(repo: Repo) -> None:
    project(repo)
    repo.git("branch", "orchestrator")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]


def test_a_folder_is_never_replaced_by_an_agents_file(repo: Repo) -> None:
    repo.spec("a", "lib")
    repo.task("a: do a")
    repo.shell_agent('sleep 1; rm -rf "$1"; echo file > "$1"', more="[limits]\nattempts = 1\n")
    repo.commit("a project")

    def act() -> None:
        repo.write("lib/precious.txt", "mine\n")
        repo.commit("a folder of that name")

    while_running(repo, act, code=3)
    assert repo.read("lib/precious.txt") == "mine\n"
    assert "conflict" in repo.read("specs/a.result.md")


def test_a_task_dropped_while_it_is_verified_does_not_land(repo: Repo) -> None:
    project(repo, verify="[ $(cat a.txt) = old ] || sleep 2")

    def act() -> None:
        time.sleep(0.8)
        todo = repo.read("TODO.md").replace("- [ ] a", "- [-] a").replace(" (after: a)", "")
        repo.write("TODO.md", todo)

    while_running(repo, act)
    assert repo.landed() == ["b"]
    assert "- [-] a: do a" in repo.read("TODO.md")


def test_another_branch_for_a_moment_is_only_waited_for(repo: Repo) -> None:
    project(repo, 'sleep 2; echo new > "$1"')

    def act() -> None:
        repo.git("switch", "-q", "-c", "elsewhere")
        time.sleep(1.5)
        repo.git("switch", "-q", "main")

    while_running(repo, act)
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Attempt: 1" in repo.git("log", "--grep=^Task: a", "--format=%B")


def test_a_rebase_in_the_middle_is_only_waited_for(repo: Repo) -> None:
    project(repo, 'sleep 2; echo new > "$1"')

    def act() -> None:
        repo.write("mine.txt", "1\n")
        repo.commit("mine")
        repo.git("rebase", "-q", "-f", "-x", "sleep 1", "HEAD~1")

    while_running(repo, act)
    assert sorted(repo.landed()) == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("log.showSignature", "true"),
        ("trailer.separators", "="),
        ("core.quotePath", "true"),
        ("diff.noprefix", "true"),
        ("status.short", "true"),
        ("core.fileMode", "false"),
        ("core.autocrlf", "input"),
        ("commit.gpgSign", "true"),
        ("core.hooksPath", "/nonexistent"),
        ("core.abbrev", "40"),
        ("diff.renames", "copies"),
        ("push.default", "nothing"),
    ],
)
def test_configuration_for_a_persons_own_eyes_changes_nothing(repo: Repo, key: str, value: str) -> None:
    project(repo)
    repo.git("config", key, value)
    repo.run("run")
    repo.git("config", "--unset", key)
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("status", "--porcelain") == ""


def test_a_sparse_checkout_is_theirs_and_verify_sees_the_whole_tree(repo: Repo) -> None:
    repo.write("deep/inside/file.txt", "here\n")
    project(repo, verify="test -e deep/inside/file.txt")
    repo.git("sparse-checkout", "set", "specs", "checkpoints")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert not (repo.root / "deep").exists()


def test_their_configuration_in_the_middle_of_a_run_stays_and_costs_nobody_an_attempt(repo: Repo) -> None:
    project(repo, 'sleep 1; echo new > "$1"')

    def act() -> None:
        repo.git("remote", "add", "origin", "git@example.org:a/b.git")
        repo.git("config", "user.email", "other@example.org")
        repo.git("config", "alias.co", "checkout")
        repo.git("config", "remote.origin.gh-resolved", "base")
        repo.git("config", "gui.wmstate", "normal")
        repo.git("gc", "-q")
        repo.write(".git/info/exclude", "mine\n")

    while_running(repo, act)
    assert repo.git("config", "remote.origin.url") == "git@example.org:a/b.git"
    assert repo.git("config", "alias.co") == "checkout"
    assert repo.git("config", "remote.origin.gh-resolved") == "base"
    assert repo.read(".git/info/exclude") == "mine\n"
    assert "| 2 |" not in repo.read("specs/a.result.md")


def test_their_worktree_and_its_lock_are_left_alone(repo: Repo) -> None:
    project(repo)
    side = repo.root.parent / "side"
    repo.git("worktree", "add", "-q", str(side))
    lock = repo.root / ".git/worktrees/side/index.lock"
    lock.write_text("")
    repo.run("run")
    assert lock.exists()
    assert side.is_dir()


def test_other_markdown_beside_the_specs_is_theirs(repo: Repo) -> None:
    project(repo)
    repo.write("specs/README.md", "# How we write specs\n")
    repo.write("specs/ideas/later.md", "# Not a spec\n")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("show", "HEAD:specs/README.md") == "# How we write specs"


def test_a_folder_the_agent_closed_is_opened_again(repo: Repo) -> None:
    repo.spec("a", "src/")
    repo.task("a: do a")
    repo.shell_agent("mkdir -p src/closed; echo x > src/closed/f; chmod 000 src/closed/f src/closed")
    repo.commit("a project")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.read("src/closed/f") == "x\n"


def test_what_a_filter_refuses_is_kept_and_named(repo: Repo) -> None:
    project(repo, more="[limits]\nattempts = 1\n")
    repo.write(".gitattributes", "a.txt filter=strict\n")
    repo.git("config", "filter.strict.clean", "grep -v new")
    repo.git("config", "filter.strict.smudge", "cat")
    repo.git("config", "filter.strict.required", "true")
    repo.commit("a strict filter")
    repo.run("run", code=1)
    assert "git will not store it" in repo.read("specs/a.result.md")
    assert repo.git("cat-file", "blob", "refs/orchestrator/attempts/a/1:a.txt") == "new"


def test_a_reverted_merge_opens_what_it_had_brought(repo: Repo) -> None:
    project(repo)
    repo.git("switch", "-q", "-c", "side")
    repo.run("run")
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "-m", "all of it", "side")
    repo.git("revert", "--no-edit", "-m", "1", "HEAD")
    repo.write("TODO.md", repo.git("show", "HEAD:TODO.md") + "\n")
    assert "- [ ] a: do a" in repo.read("TODO.md")
    repo.run("run")
    assert repo.landed() == ["a", "b", "a", "b"]


def test_a_claimed_task_is_waited_for_by_name(repo: Repo) -> None:
    project(repo)
    repo.run("task", "next", "--claim", "--as", "ann")
    said = repo.run("run", "--json", code=3)
    assert said.json["data"]["stuck"]["a"] == "claimed by ann"
    assert repo.landed() == []


def test_blocked_means_nothing_starts_and_a_person_is_waited_for(repo: Repo) -> None:
    project(repo)
    repo.run("run", "--until", "Planning", code=None)
    state = repo.read("workflow-state.md")
    repo.write("workflow-state.md", state.replace("**Current phase**: IMPLEMENTING", "**Current phase**: BLOCKED"))
    assert json.loads(repo.run("run", "--json", code=3).out)["data"]["phase"] == "BLOCKED"
    assert repo.landed() == []
