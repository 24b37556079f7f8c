"""The guard: what an agent leaves in the shared git directory is put back, and misleads neither us nor the person."""

import json
import shlex
from pathlib import Path

import pytest
from harness import Repo

LIMITS = "[limits]\nattempts = 1\n"
IDENTITY = "-c user.name=a -c user.email=a@b"
# The commit the agent works on, with a file more: what would be built on it, were it believed.
FOREIGN = (
    "printf 'evil: true\\n' > evil.yml; export GIT_INDEX_FILE=$PWD/.index; git read-tree HEAD; git add -f evil.yml;"
    f" n=$(git {IDENTITY} commit-tree $(git write-tree) -m x); unset GIT_INDEX_FILE; rm .index evil.yml"
)


def project(repo: Repo, command: str, *, tasks: str = "a", more: str = LIMITS) -> Repo:
    """A project with a task for each letter of `tasks`, and an agent that does it and, first, `command`."""
    for task in tasks:
        repo.spec(task, f"{task}.txt")
    repo.task(*(f"{task}: do {task}" for task in tasks))
    repo.shell_agent(f"g=$(git rev-parse --path-format=absolute --git-common-dir); {command}; echo new > $1", more=more)
    repo.write(
        "orchestrator.toml", repo.read("orchestrator.toml").replace("command =", 'sandbox = "off"\ncommand =', 1)
    )
    repo.commit("a project")
    return repo


def test_what_stands_for_another_commit_is_not_built_on(repo: Repo) -> None:
    project(repo, f"{FOREIGN}; git update-ref refs/replace/$(git rev-parse HEAD) $n", more="")
    repo.env["GIT_NO_REPLACE_OBJECTS"] = "1"
    start = repo.git("rev-parse", "HEAD")
    repo.run("run", code=None)
    assert "evil" not in repo.git("log", "--format=", "--name-only", f"{start}..")


def test_what_a_file_of_grafts_says_is_no_history(repo: Repo) -> None:
    project(repo, ":")
    start = repo.git("rev-parse", "HEAD")
    forged = repo.git("commit-tree", "HEAD^{tree}", "-m", "x\n\nTask: a\n")
    repo.write(".git/info/grafts", f"{start} {forged}\n")
    repo.run("run")
    assert repo.git("ls-tree", "--name-only", "HEAD", "a.txt") == "a.txt"
    assert "graft" not in repo.run("status").err


def test_a_ref_planted_where_another_tasks_attempt_is_kept_stops_nobody_but_who_planted_it(repo: Repo) -> None:
    ref = "$g/refs/orchestrator/attempts/a/1"
    plant = f"until [ -e {ref} ]; do sleep 0.1; done; rm {ref}; mkdir {ref}; git rev-parse HEAD > {ref}/x"
    once = repo.root.parent / "planted"
    project(repo, f"[ $1 = a.txt ] || [ -e {once} ] || {{ touch {once}; {plant}; }}", tasks="ab", more="")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert "| 1 | rejected | scope |" in repo.read("specs/b.result.md")
    assert "attempt a/1: " in repo.git("log", "-1", "--format=%s", "refs/orchestrator/attempts/a/1")


@pytest.mark.parametrize(("size", "mode"), [(0, 0o755), (0, 0o644), (3_000_000, 0o700)])
@pytest.mark.parametrize("deed", ["echo evil >> {}", "chmod 777 {}; echo x > {}", "rm {}", "ln -sf evil {}"])
def test_a_persons_hook_is_put_back_as_it_was_and_runs_only_if_it_did(
    repo: Repo, size: int, mode: int, deed: str
) -> None:
    hook = repo.write(".git/hooks/post-rewrite", b"#!/bin/sh\nexit\n" + bytes(size))
    hook.chmod(mode)
    project(repo, deed.replace("{}", "$g/hooks/post-rewrite"))
    repo.run("run", code=1)
    assert ".git/hooks/post-rewrite" in repo.read("specs/a.result.md")
    assert hook.read_bytes() == b"#!/bin/sh\nexit\n" + bytes(size)
    assert hook.lstat().st_mode & 0o777 == mode


def test_a_hook_that_was_switched_off_is_not_switched_on(repo: Repo) -> None:
    hook = repo.write(".git/hooks/post-rewrite", "#!/bin/sh\n")
    hook.chmod(0o644)
    project(repo, "chmod +x $g/hooks/post-rewrite")
    repo.run("run", code=1)
    assert hook.stat().st_mode & 0o777 == 0o644


def test_a_hook_that_only_looks_another_is_held_against_nobody(repo: Repo) -> None:
    repo.write(".git/hooks/post-rewrite", "#!/bin/sh\n").chmod(0o755)
    project(repo, "touch $g/hooks/post-rewrite; chmod 700 $g/hooks/post-rewrite")
    repo.run("run")
    assert repo.landed() == ["a"]


HARMLESS = {
    "gc.auto": "0",
    "maintenance.strategy": "incremental",
    "branch.main.vscode-merge-base": "origin/main",
    "branch.main.remote": "origin",
    "branch.main.merge": "refs/heads/main",
    "remote.origin.url": "git@example.org:a/b.git",
    "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
    "lfs.https://example.org/a.access": "basic",
    "lfs.https://example.org/a.locksverify": "false",
    "lfs.repositoryformatversion": "0",
    "core.repositoryformatversion": "1",
    "core.sparsecheckout": "false",
    "user.name": "A",
    "submodule.lib.url": "https://example.org/lib",
}


def test_what_a_persons_own_git_writes_is_held_against_nobody(repo: Repo) -> None:
    project(repo, "; ".join(f"git config '{key}' '{value}'" for key, value in HARMLESS.items()))
    repo.run("run")
    assert repo.landed() == ["a"]
    assert {key: repo.git("config", "--local", key) for key in HARMLESS} == HARMLESS


def test_a_setting_gets_back_every_value_it_had_the_harmless_ones_too(repo: Repo) -> None:
    for url in ("https://example.org/a", "https://example.org/b"):
        repo.git("config", "--add", "remote.origin.url", url)
    project(repo, "git config --replace-all remote.origin.url ext::evil; git config remote.origin.tagOpt --no-tags")
    repo.run("run", code=1)
    assert repo.git("config", "--get-all", "remote.origin.url") == "https://example.org/a\nhttps://example.org/b"
    assert repo.git("config", "remote.origin.tagOpt") == "--no-tags"
    assert repo.git("config", "core.repositoryformatversion") == "0"


def test_a_setting_that_git_cannot_take_back_is_taken_back(repo: Repo) -> None:
    project(repo, "git config alias.x '!evil'; touch $g/config.lock")
    before = repo.read(".git/config")
    repo.run("run", code=None)
    assert repo.read(".git/config") == before


def with_submodule(repo: Repo, name: str) -> Path:
    """Add a submodule; return its git directory."""
    other = Repo(repo.root.parent / "other", env=repo.env).init()
    other.write("f", "1\n")
    other.commit()
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "--name", name, str(other.root), "lib")
    repo.commit("a submodule")
    return repo.root / ".git/modules" / name


@pytest.mark.parametrize("name", ["lib", "deep/er/lib"])
@pytest.mark.parametrize(
    ("deed", "path"),
    [
        ("git config -f $m/config core.fsmonitor evil", "config"),
        ("git config -f $m/config core.worktree /tmp", "config"),
        ("echo evil > $m/hooks/post-checkout", "hooks/post-checkout"),
        ("echo evil > $m/commondir", "commondir"),
        ("mkdir -p $m/modules/x; touch $m/modules/x/HEAD; echo evil > $m/modules/x/commondir", "modules/x/commondir"),
    ],
)
def test_a_submodules_git_directory_is_put_back(repo: Repo, name: str, deed: str, path: str) -> None:
    folder = with_submodule(repo, name)
    before = repo.git("config", "-f", str(folder / "config"), "--list")
    project(repo, f"m=$g/modules/{name}; {deed}")
    repo.run("run", code=1)
    assert f".git/modules/{name}/{path}" in repo.read("specs/a.result.md")
    assert path == "config" or not (folder / path).exists()
    assert repo.git("config", "-f", str(folder / "config"), "--list") == before


def test_a_submodule_that_went_behind_a_link_is_put_back(repo: Repo) -> None:
    folder = with_submodule(repo, "deep/lib")
    hook = folder / "hooks" / "post-checkout"
    moved = "mv $g/modules/deep $g/info/moved; ln -s ../info/moved $g/modules/deep"
    project(repo, f"{moved}; echo evil > $g/modules/deep/lib/hooks/post-checkout")
    repo.run("run", code=1)
    assert ".git/modules/deep/lib/hooks/post-checkout" in repo.read("specs/a.result.md")
    assert not hook.exists()


def test_a_persons_other_worktree_is_guarded(repo: Repo) -> None:
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("worktree", "add", "-q", "../theirs")
    theirs = Repo(repo.root.parent / "theirs", env=repo.env)
    theirs.git("config", "--worktree", "core.hooksPath", "mine")
    project(repo, "git config -f $g/worktrees/theirs/config.worktree core.fsmonitor evil")
    repo.run("run", code=1)
    assert ".git/worktrees/theirs/config.worktree" in repo.read("specs/a.result.md")
    assert theirs.git("config", "--worktree", "--list") == "core.hookspath=mine"


def test_what_a_person_does_with_worktrees_and_submodules_meanwhile_is_held_against_nobody(repo: Repo) -> None:
    """Also what git copies of their own configuration into each new worktree."""
    repo.git("worktree", "add", "-q", "../old")
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("config", "--worktree", "core.hooksPath", "mine")
    project(
        repo,
        "cd $g/..; git worktree remove --force ../old; git worktree add -q ../new;"
        f" git init -q ../sub; git -C ../sub {IDENTITY} commit -q --allow-empty -m x;"
        " git -c protocol.file.allow=always submodule --quiet add ../sub lib; git rm -q --cached lib .gitmodules;"
        " rm -r lib .gitmodules; cd $OLDPWD",
    )
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("config", "-f", ".git/modules/lib/config", "core.worktree") == "../../../lib"


def test_what_a_person_replaced_themselves_stays_replaced(repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    other = repo.git("commit-tree", "HEAD^{tree}", "-m", "another first")
    project(repo, f"git replace -d {first}; git pack-refs --all; git replace HEAD {other}")
    repo.git("replace", first, other)
    repo.run("run", code=1)
    assert f"refs/replace/{first}" in repo.read("specs/a.result.md")
    assert repo.git("replace") == first
    assert repo.git("log", "-1", "--format=%s", first) == "another first"


def test_a_stash_that_an_agent_takes_is_kept_and_told(repo: Repo) -> None:
    """As agents do, with nothing to stash of their own: git's stash is one for all worktrees."""
    repo.write("wip.txt", "as it was\n")
    project(repo, "git stash; true; git stash pop")
    repo.write("wip.txt", "a day of work\n")
    repo.git("stash", "push", "-q", "-m", "my day")
    said = repo.run("run", code=None).err
    assert "a stash is gone (On main: my day); it is kept: git stash apply refs/orchestrator/lost/stash-" in said
    repo.git("stash", "apply", "-q", said.partition("git stash apply ")[2].split()[0])
    assert repo.read("wip.txt") == "a day of work\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_that_an_agent_deletes_is_kept_and_told(repo: Repo, packed: bool) -> None:  # noqa: FBT001 - a case has it
    project(repo, "git branch -q -D feature merged; git branch -q -m renamed other")
    repo.git("branch", "merged")
    tips = {}
    for branch in ("feature", "renamed"):
        repo.git("switch", "-q", "-c", branch, "main")
        repo.write("mine.txt", f"{branch}\n")
        tips[branch] = repo.commit(branch)
    repo.git("switch", "-q", "main")
    if packed:
        repo.git("pack-refs", "--all")
    said = repo.run("run").err
    ref = f"refs/orchestrator/lost/branch-{tips['feature'][:12]}"
    told = [line for line in said.split("\n") if "is gone" in line]
    assert told == [f"healed: the branch feature is gone; it is kept: git branch feature {ref}"]
    assert repo.git("rev-parse", ref) == tips["feature"]


def test_a_name_that_an_agent_takes_for_its_commits_is_told(repo: Repo) -> None:
    """It stays, for it does no harm: but what the person commits from then on bears it."""
    project(repo, "git config user.name Bot")
    told = "user.name of this repository was changed while agents worked: Bot (before: not set)"
    assert told in repo.run("run").err
    assert repo.git("config", "user.name") == "Bot"


def test_a_branch_whose_commits_went_with_it_is_no_error(repo: Repo) -> None:
    project(
        repo,
        "git branch -q -D feature; git -c gc.reflogExpire=now reflog expire --all --expire=now; git gc -q --prune=now",
    )
    repo.git("switch", "-q", "-c", "feature")
    repo.write("mine.txt", "mine\n")
    repo.commit("a feature")
    repo.git("switch", "-q", "main")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_of_a_branch_that_moved_on_what_it_came_to_is_kept(repo: Repo) -> None:
    on = f"git update-ref refs/heads/feature $(git {IDENTITY} commit-tree -p feature -m further feature^{{tree}})"
    project(repo, f"if [ $ORCHESTRATOR_TASK = a ]; then {on}; else git branch -q -D feature; fi", tasks="ab")
    repo.task("a: do a", "b: do b (after: a)")
    repo.commit("one after the other")
    repo.git("switch", "-q", "-c", "feature")
    repo.write("mine.txt", "mine\n")
    repo.commit("a feature")
    repo.git("switch", "-q", "main")
    said = repo.run("run").err
    assert repo.landed() == ["a", "b"]
    assert repo.git("log", "-1", "--format=%s", said.partition("git branch feature ")[2].split()[0]) == "further"


def verified(repo: Repo, command: str) -> None:
    config = repo.read("orchestrator.toml")
    repo.write(
        "orchestrator.toml", config.replace('[verify]\ncommand = ""', f"[verify]\ncommand = {json.dumps(command)}")
    )
    repo.commit("verified")


def test_what_verify_plants_is_put_back_and_told(repo: Repo) -> None:
    """What an agent wrote runs there, and no attempt ends after it."""
    plant = "d=$(git rev-parse --git-common-dir); printf 'exit 0' > $d/hooks/pre-commit; git config core.pager evil"
    project(repo, f"printf '%s' {shlex.quote(plant)} > t.sh")
    repo.spec("a", "a.txt", "t.sh")
    verified(repo, "[ ! -e t.sh ] || sh ./t.sh")
    said = repo.run("run").err
    assert "healed: put back .git/config: core.pager was changed in the shared configuration" in said
    kept = said.partition("what stood at .git/hooks/pre-commit is kept: ")[2].split("\n")[0]
    assert Path(kept).read_text() == "exit 0"
    assert not (repo.root / ".git/hooks/pre-commit").exists()
    assert "core.pager" not in repo.git("config", "--list")


def test_a_stash_that_verify_takes_is_kept_and_told(repo: Repo) -> None:
    repo.write("wip.txt", "as it was\n")
    project(repo, ":")
    verified(repo, "[ ! -e a.txt ] || git stash drop -q; true")
    repo.write("wip.txt", "a day of work\n")
    repo.git("stash", "push", "-q", "-m", "my day")
    assert "it is kept: git stash apply refs/orchestrator/lost/stash-" in repo.run("run").err


def test_of_many_branches_that_are_packed_meanwhile_the_one_that_goes_is_told(repo: Repo) -> None:
    project(repo, "git pack-refs --all; git branch -q -D b7")
    tip = repo.git("rev-parse", "HEAD")
    for number in range(50):
        repo.write(f".git/refs/heads/b{number}", f"{tip}\n")
    repo.git("update-ref", "refs/heads/b7", repo.git("commit-tree", f"{tip}^{{tree}}", "-m", "mine"))
    told = [line for line in repo.run("run").err.split("\n") if "is gone" in line]
    assert len(told) == 1
    assert told[0].startswith("healed: the branch b7 is gone; it is kept: git branch b7 refs/orchestrator/lost/branch-")


def test_what_setup_and_verify_set_before_anything_is_spent_is_held_against_nobody(repo: Repo) -> None:
    """As `npm ci` with husky does in a fresh clone."""
    project(repo, "sleep 0.5")
    verified(repo, "git config core.pager less; true")
    config = repo.read("orchestrator.toml")
    repo.write(
        "orchestrator.toml", config.replace("[verify]", "[verify]\nsetup = 'git config core.hooksPath .husky/_'")
    )
    repo.commit("setup")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("config", "core.hooksPath") == ".husky/_"
