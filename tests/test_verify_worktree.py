"""Whatever code that verify ran leaves behind: the next verify is of the candidate, and the checkout is a person's own."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from harness import Repo, Said

from orchestrator.repo.git import Git
from orchestrator.repo.locate import locate
from orchestrator.repo.worktrees import Worktrees

TAKES_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="takes root, to give files away"
)
ONE_ATTEMPT = "[limits]\nattempts = 1\njobs = 1\n"
OWNER = 12345
NO_RIGHTS = "-dac_override,-dac_read_search,-fowner"  # what root has and a user has not
UNPRIVILEGED = ("setpriv", f"--bounding-set={NO_RIGHTS}", f"--inh-caps={NO_RIGHTS}")
FOREIGN = f"test -d cache && exit 0; mkdir cache; echo x > cache/f; chmod 755 cache; chown -R {OWNER}:{OWNER} cache"


def project(repo: Repo, work: str, verify: str, *tasks: str, more: str = ONE_ATTEMPT) -> Repo:
    names = [task.partition(":")[0] for task in tasks]
    repo.task(*tasks)
    for name in names:
        repo.spec(name, f"{name}.sh")
        repo.write(f"{name}.sh", "true\n")
    repo.write("mine.txt", "committed\n")
    repo.shell_agent(work, verify=verify, more=more)
    return repo


@pytest.mark.parametrize(
    "trick",
    [
        'touch "$(git rev-parse --git-dir)/index.lock"',
        ': > "$(git rev-parse --git-dir)/index"',
        'd="$(git rev-parse --git-dir)"; rm "$d/index"; mkdir "$d/index"; touch "$d/index/x"',
        'd="$(git rev-parse --git-dir)"; rm "$d/index"; ln -s "$OLDPWD/nowhere" "$d/index"',
        'rm "$(git rev-parse --git-dir)/HEAD"',
        "git sparse-checkout set --no-cone /sub/",
        "rm .git",
        "rm .git; mkdir -p .git/objects; touch .git/objects/x",
        "rm a.sh; mkdir a.sh; touch a.sh/x",
        'd="$(pwd)"; cd ..; rm -rf "$d"',
        "mkdir -p d/e; touch d/e/f; chmod 555 d/e",
        'd="$(git rev-parse --git-dir)"; rm "$d/HEAD"; mkdir "$d/HEAD"',
        'd="$(git rev-parse --git-dir)"; rm -rf "$d"',
        'd="$(git rev-parse --git-dir)"; rm -rf "$d/orchestrator"',
        'd="$(git rev-parse --git-dir)"; rm -rf "$d/orchestrator"; ln -s "$d" "$d/orchestrator"',
        'd="$(git rev-parse --git-dir)"; touch "$d/orchestrator/index.lock"',
        'd="$(pwd)"; cd ..; rm -rf "$d"; touch "$d"',
        'd="$(pwd)"; cd ..; rm -rf "$d"; ln -s "$(dirname "$(dirname "$(dirname "$d")")")" "$d"',
        "git -c user.name=x -c user.email=x merge -q --no-commit --no-ff -s ours side",
    ],
)
def test_a_worktree_that_was_spoilt_serves_again(repo: Repo, trick: str) -> None:
    tasks = ("a: do a", "b: do b (after: a)", "c: do c (after: b)")
    project(repo, 'echo ":" > $ORCHESTRATOR_TASK.sh', f"sh a.sh && sh b.sh && sh c.sh || exit 1; {trick}", *tasks)
    repo.write("sub/x", "x\n")
    repo.git("branch", "side", repo.commit("a project"))
    repo.git("switch", "-q", "side")
    repo.commit("something else")
    repo.git("switch", "-q", "main")
    repo.write("mine.txt", "precious\n")
    repo.run("run")
    assert repo.landed() == ["a", "b", "c"]
    assert repo.read("mine.txt") == "precious\n"
    assert repo.git("status", "--porcelain").strip() == "M mine.txt"


def test_a_setting_of_the_worktree_is_put_back(repo: Repo) -> None:
    """As `git sparse-checkout set` leaves one, where a person's own made git heed such settings."""
    verify = "git reset -q --hard && for t in tests/*.sh; do test ! -e $t || sh $t || exit 1; done; sh a.sh"
    work = 'test $ORCHESTRATOR_TASK = b && echo BAD > b.sh || echo "git sparse-checkout set --no-cone /?.sh" > a.sh'
    project(repo, work, verify, "a: do a", "b: do b (after: a)")
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.write("tests/t.sh", "! grep BAD b.sh\n")
    repo.commit("a project")
    repo.run("run", code=1)
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize(
    "setup", ["git update-index --skip-worktree mine.txt; echo local > mine.txt", "echo made > mine.txt"]
)
def test_what_setup_told_git_stays(repo: Repo, setup: str, *, split: bool) -> None:
    repo.git("config", "core.splitIndex", json.dumps(split))
    kept = "skip-worktree" in setup
    verify = f'test "$(cat mine.txt)" = {"local" if kept else "committed"}'
    project(repo, "echo : > $ORCHESTRATOR_TASK.sh", verify, "a: do a", "b: do b (after: a)")
    repo.write(
        "orchestrator.toml",
        repo.read("orchestrator.toml").replace("[verify]", f"[verify]\nsetup = {json.dumps(setup)}"),
    )
    repo.commit("a project")
    repo.run("run")
    assert repo.landed() == ["a", "b"]


@pytest.mark.parametrize("trick", ["--skip-worktree", "--assume-unchanged"])
def test_a_check_that_git_was_told_not_to_look_at_is_put_back(repo: Repo, trick: str) -> None:
    project(
        repo, 'cp "bad-$ORCHESTRATOR_TASK.sh" $ORCHESTRATOR_TASK.sh', "sh check.sh", "a: do a", "b: do b (after: a)"
    )
    repo.write("check.sh", "sh a.sh; ! grep BAD b.sh\n")
    repo.write("bad-a.sh", f"git update-index {trick} check.sh; echo true > check.sh\n")
    repo.write("bad-b.sh", "BAD\n")
    repo.commit("a project")
    repo.run("run", code=1)
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("verify", ["git reset -q --hard && sh a.sh && sh b.sh", "sh a.sh && git reset -q --hard"])
def test_a_git_without_its_worktree_leaves_the_checkout_alone(repo: Repo, verify: str) -> None:
    project(repo, 'echo "rm -rf .git" > $ORCHESTRATOR_TASK.sh', verify, "a: do a", "b: do b (after: a)").commit("it")
    repo.write("mine.txt", "precious\n")
    repo.run("run", code=None)
    assert repo.read("mine.txt") == "precious\n"


def test_a_check_by_git_is_of_the_candidate(repo: Repo) -> None:
    work = 'test $ORCHESTRATOR_TASK = a && echo "rm -rf .git" > a.sh || echo BAD > b.sh'
    project(repo, work, "echo true > b.sh; git diff --exit-code && sh a.sh", "a: do a", "b: do b (after: a)").commit()
    repo.run("run", code=1)
    assert repo.landed() == ["a"]


@pytest.mark.parametrize("sandbox", ["off", "best"])
@pytest.mark.parametrize("after", ["git add -A; git commit -qm done", "git stash -q", "git reset -q --hard"])
def test_an_agent_without_its_worktree_leaves_the_checkout_alone(repo: Repo, after: str, sandbox: str) -> None:
    project(repo, f"rm -rf .git; echo new > a.sh; {after}", "", "a: do a")
    repo.write(
        "orchestrator.toml", repo.read("orchestrator.toml").replace("[verify]", f'[verify]\nsandbox = "{sandbox}"')
    )
    repo.commit()
    repo.write("mine.txt", "precious\n")
    repo.write("new.txt", "new\n")
    before = repo.git("status", "--short")
    repo.run("run", code=1)
    assert repo.read("mine.txt") == "precious\n"
    assert repo.git("status", "--short") == before
    assert repo.git("stash", "list") == ""


def as_a_user(repo: Repo, *argv: str) -> Said:
    """Run the program as root without its rights over the files of others."""
    program = [*UNPRIVILEGED, sys.executable, "-m", "orchestrator", *argv]
    done = subprocess.run(program, cwd=repo.root, env=repo.env, capture_output=True, text=True, check=False, timeout=60)
    return Said(done.returncode, done.stdout, done.stderr)


@TAKES_ROOT
@pytest.mark.parametrize("where", ["agent", "verify"])
def test_files_of_another_user_stop_nothing_and_are_named(repo: Repo, where: str) -> None:
    work, verify = "echo : > $ORCHESTRATOR_TASK.sh", "true"
    if where == "agent":
        work = f"({FOREIGN}); {work}"
    else:
        verify = f"({FOREIGN})"
    project(repo, work, verify, "a: do a", "b: do b").write(".gitignore", "cache/\n")
    repo.commit()
    assert as_a_user(repo, "run").code == 0
    assert repo.landed() == ["a", "b"]
    said = as_a_user(repo, "run")
    assert said.code == 0
    left = sorted((repo.root / ".orchestrator/worktrees").glob("undeletable_*"))
    assert left
    assert f"sudo rm -rf {' '.join(str(path.relative_to(repo.root)) for path in left)}" in said.out + said.err
    repo.run("run")
    assert not [path for path in left if path.exists()]


@TAKES_ROOT
@pytest.mark.parametrize("then", [":", 'w="$(pwd)"; cd ..; rm -rf "$w"'])
def test_files_of_another_user_in_gits_record_of_a_worktree_stop_nothing(repo: Repo, then: str) -> None:
    made = f'mkdir "$m" && echo x > "$m/f" && chown -R {OWNER} "$m"'
    plant = f'm="$(git rev-parse --git-dir)/modules"; test -d "$m" || {{ {made}; }}; {then}'
    project(repo, "echo : > $ORCHESTRATOR_TASK.sh", plant, "a: do a", "b: do b (after: a)").commit()
    assert as_a_user(repo, "run").code == 0
    assert repo.landed() == ["a", "b"]
    (repo.root / ".orchestrator/set-up").unlink()  # as after the machine was started again
    assert as_a_user(repo, "run").code == 0
    assert list((repo.root / ".orchestrator/worktrees").glob("undeletable_*"))


@TAKES_ROOT
@pytest.mark.parametrize(("place", "lands"), [("cache", True), ("src", False)])
@pytest.mark.parametrize("shape", ["folder", "listed folder", "file"])
def test_what_another_user_lets_nobody_read_is_no_end_of_the_run(
    repo: Repo, place: str, shape: str, *, lands: bool
) -> None:
    make = f"mkdir -p {place}/d; echo x > {place}/d/f"
    closed = {"folder": f"700 {place}/d", "listed folder": f"744 {place}/d", "file": f"600 {place}/d/f"}[shape]
    project(repo, f"{make}; chmod {closed}; chown {OWNER} {place}/d/f {place}/d; echo : > a.sh", "", "a: do a").write(
        ".gitignore", "cache/\n"
    )
    repo.commit()
    said = as_a_user(repo, "run")
    assert said.code == (0 if lands else 1)
    assert repo.landed() == (["a"] if lands else [])


@TAKES_ROOT
@pytest.mark.parametrize("asked", ["gen/d/f", "gen/d/*", "gen/"])
def test_what_a_spec_asks_for_in_a_folder_nobody_may_read_is_missed(repo: Repo, asked: str) -> None:
    project(repo, f"echo new > gen/d/f; chmod 700 gen/d; chown {OWNER} gen/d", "", "a: do a")
    repo.spec("a", asked)
    repo.write(".gitignore", "gen/\n")
    repo.write("gen/d/f", "old\n")
    repo.git("add", "-f", "gen/d/f")
    repo.commit()
    assert as_a_user(repo, "run").code == 1
    assert repo.landed() == []
    assert "it belongs to another user" in repo.run("dlq", "show", "a").out


@TAKES_ROOT
@pytest.mark.parametrize("trick", ["chmod 644 d/e d", "chmod 000 .git", "chmod 000 d/e"])
def test_what_an_agent_closed_to_itself_ends_no_run(repo: Repo, trick: str) -> None:
    project(repo, f"mkdir -p d/e; echo x > d/e/f; {trick}", "", "a: do a")
    repo.spec("a", "d/")
    repo.commit()
    said = as_a_user(repo, "run")
    assert said.code in {0, 1}
    assert repo.landed() == ([] if ".git" in trick else ["a"])


@TAKES_ROOT
def test_of_a_worktree_only_the_files_of_another_user_are_left(repo: Repo) -> None:
    project(
        repo,
        "echo : > $ORCHESTRATOR_TASK.sh",
        f"cd src/3; ({FOREIGN.removeprefix('test -d cache && exit 0; ')})",
        "a: do a",
    )
    for number in range(50):
        repo.write(f"src/{number % 5}/{number}.txt", "x\n")
    repo.write(".gitignore", "cache/\n")
    repo.commit()
    assert as_a_user(repo, "run").code == 0
    worktrees = repo.root / ".orchestrator/worktrees"
    left = [path for path in worktrees.glob("undeletable_*/**/*") if path.is_file()]
    assert {path.name for path in left} == {"f"}


def test_an_attempt_that_goes_on_may_be_called_like_what_is_left(repo: Repo) -> None:
    project(repo, "echo : > $ORCHESTRATOR_TASK.sh", "true", "undeletable_files: do it")
    repo.commit()
    kept = repo.write(".orchestrator/worktrees/undeletable_files-1/x", "x\n")
    left = repo.write(".orchestrator/worktrees/undeletable_7/x", "x\n")
    Worktrees(
        Git(repo.root, repo.env), locate(repo.root, repo.env), repo.root / ".orchestrator/worktrees"
    ).undeletable()
    assert kept.exists()
    assert not left.exists()
