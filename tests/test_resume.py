"""Git is enough: another clone goes on, deleted folders do not matter, and a project written by hand in plain shape runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import Repo
from test_edits import while_running

SEEDS = Path(__file__).parent / "documents" / "seeds"


def two_phases(repo: Repo, *, more: str = "") -> None:
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.spec("c", "c.txt")
    repo.write(
        "TODO.md",
        "# TODO\n\n## Implementing\n\n- [ ] a: do a\n- [ ] b: do b\n\n## Testing\n\n- [ ] c: do c (after: a)\n",
    )
    repo.shell_agent('[ "$ORCHESTRATOR_TASK" != b ] || [ -e ok ] || exit 1; echo new > "$1"', more=more)
    repo.commit("a project")


def test_another_clone_goes_on_where_the_first_one_stood(repo: Repo, tmp_path: Path) -> None:
    two_phases(repo)
    repo.run("run", code=1)
    assert repo.landed() == ["a"]
    repo.git("clone", "-q", ".", str(tmp_path / "elsewhere"))
    other = Repo(tmp_path / "elsewhere", env=repo.env)
    assert "dead letter" in other.run("status").out.lower()
    other.write("ok", "")
    other.commit("the cause is mended")
    other.run("retry", "b")
    other.run("run")
    assert sorted(other.landed()) == ["a", "b", "c"]
    assert "COMPLETE" in other.read("workflow-state.md")


def test_attempts_here_are_counted_on_from_those_that_a_spec_tells_of(repo: Repo) -> None:
    """The others were made in another clone, and went no further than their account."""
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    told = "The program writes this section.\n\n### Attempt 1 did not land: deterministic\n\nIt was wrong elsewhere.\n"
    repo.write("specs/a.md", repo.read("specs/a.md") + f"\n## What earlier attempts ran into\n\n{told}")
    repo.shell_agent('[ "$ORCHESTRATOR_ATTEMPT" != 2 ] || { echo wrong here; exit 1; }; echo new > "$1"')
    repo.commit("a project")
    repo.run("run")
    assert "Attempt: 3" in repo.git("log", "-1", "--format=%B", "--grep=^Task: a")
    assert "wrong here" in (repo.root / ".orchestrator/attempts/a/3/spec.md").read_text()


def test_everything_of_ours_outside_git_may_be_deleted(repo: Repo) -> None:
    two_phases(repo)
    repo.write("ok", "")
    repo.commit("ok")
    repo.run("run", "--until", "Implementing")
    assert sorted(repo.landed()) == ["a", "b"]
    shutil.rmtree(repo.root / ".orchestrator")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b", "c"]


def test_a_finished_workflow_has_nothing_to_do_and_new_tasks_open_it_again(repo: Repo) -> None:
    two_phases(repo)
    repo.write("ok", "")
    repo.commit("ok")
    repo.run("run")
    head = repo.git("rev-parse", "HEAD")
    repo.run("run")
    assert repo.git("rev-parse", "HEAD") == head
    repo.write("TODO.md", repo.read("TODO.md") + "- [ ] d: do d\n")
    repo.spec("d", "d.txt")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b", "c", "d"]


def test_a_project_in_the_plain_shape_of_the_seed_runs(repo: Repo) -> None:
    """The seed's own workflow state, untouched, with a TODO and a spec as a person writes them: no front matter, no ids."""
    state = next(path for path in SEEDS.iterdir() if "state" in path.name).read_bytes()
    repo.write("workflow-state.md", state)
    repo.write("src/index.ts", "export default {}\n")
    repo.write(
        "TODO.md",
        "# TODO\n\n## Implementation\n\n* [x] Database schema\n* [x] API routes: search, categories\n"
        "* [ ] API routes: feedback, suggestions\n\n## Testing\n\n1. [ ] Test all endpoints\n",
    )
    spec = "# Spec: {0}\n\n## Goal\n{0}.\n\n## Files to Modify\n- {1} (add)\n\n## Deliverable\n- it works\n"
    repo.write("specs/api-routes-feedback-suggestions.md", spec.format("Feedback", "src/index.ts"))
    repo.write("specs/test-all-endpoints.md", spec.format("Tests", "test/all.ts"))
    repo.shell_agent('mkdir -p test; echo "// new" >> "$1"')
    repo.commit("by hand")
    repo.run("run")
    after = repo.read("workflow-state.md")
    assert "**Current phase**: COMPLETE\n" in after
    assert "- 09:15: Chose D1 over Postgres for database (simpler, free tier, sufficient for our scale)\n" in after
    assert "- [ ] Rate limiting middleware\n" in after, "a person's own line, which is no task, stays"
    assert "* [x] API routes: feedback, suggestions\n" in repo.read("TODO.md")
    assert "1. [x] Test all endpoints\n" in repo.read("TODO.md")
    assert set(repo.landed()) == {
        "database-schema",
        "api-routes-search-categories",
        "api-routes-feedback-suggestions",
        "test-all-endpoints",
    }


@pytest.mark.parametrize(
    ("every", "numbers"),
    [("task", ["1", "2", "3", "4"]), ("phase", ["1", "2", "3"]), ("session", ["1", "2"]), ("auto", ["1", "2", "3"])],
)
def test_how_often_checkpoints_are_written(repo: Repo, every: str, numbers: list[str]) -> None:
    two_phases(repo, more=f'[limits]\njobs = 1\n[checkpoint]\nevery = "{every}"\n')
    repo.write("ok", "")
    repo.commit("ok")
    repo.run("run")
    written = [path.name for path in sorted((repo.root / "checkpoints").iterdir())]
    assert [str(int(name.split("-")[0])) for name in written] == numbers
    for name in written:
        assert repo.git("log", "--format=%(trailers:key=Checkpoint,valueonly)", f"--grep=^Checkpoint: {name[:4]}")


def test_checkpoint_ten_thousand_comes_after_the_one_before(repo: Repo) -> None:
    """In the tree, for a restore, for what is the newest, and where a number is none."""
    names = ["a", "b", "c", "d"]
    repo.task(*(f"{name}: do {name}" for name in names))
    for name in names:
        repo.spec(name, f"{name}.txt")
    repo.shell_agent('echo x > "$1"', more="[limits]\njobs = 1\n[checkpoint]\nkeep = 3\n")
    repo.commit("a project\n\nCheckpoint: 9997\n")
    repo.run("run")
    shelf = sorted(path.name for path in (repo.root / "checkpoints").iterdir())
    assert shelf == ["10000-b.md", "10001-c.md", "10002-d.md"]
    assert "`checkpoints/10002-d.md`" in repo.run("brief").out
    assert "did you mean 10002?" in repo.run("diff", "9999..77", code=5).err
    assert repo.run("diff", "9999..10001", "--json").json["data"]["landed"] == ["b", "c"]
    repo.run("restore", "9999")
    assert repo.git("ls-files", "checkpoints").split("\n") == ["checkpoints/9998-the-plan.md", "checkpoints/9999-a.md"]
    repo.run("run")
    shelf = sorted(path.name for path in (repo.root / "checkpoints").iterdir())
    assert shelf == ["10003-b.md", "10004-c.md", "10005-d.md"]


def test_only_the_newest_checkpoints_stay_in_the_tree(repo: Repo) -> None:
    two_phases(repo, more="[checkpoint]\nkeep = 2\n")
    repo.write("ok", "")
    repo.commit("ok")
    repo.write("checkpoints/my-own-notes.md", "# Checkpoint: mine\n")
    repo.run("run")
    assert len(list((repo.root / "checkpoints").iterdir())) == 3
    assert (repo.root / "checkpoints/my-own-notes.md").exists()
    assert (
        repo.git("log", "--diff-filter=A", "--format=", "--name-only", "--no-renames", "--", "checkpoints").count(
            "checkpoints/0"
        )
        == 4
    )


def test_checkpoints_count_on_after_a_squash_merge(repo: Repo) -> None:
    """Such a commit has no trailers, and brings the other branch's checkpoints."""
    two_phases(repo, more="[checkpoint]\nkeep = 4\n")
    repo.write("ok", "")
    repo.commit("the check is green")
    repo.git("switch", "-q", "-c", "feature")
    repo.run("run")
    before = sorted(path.name for path in (repo.root / "checkpoints").iterdir())
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--squash", "feature")
    repo.git("commit", "-q", "-m", "feature (#12)")
    repo.run("run")
    repo.write("TODO.md", repo.read("TODO.md") + "- [ ] d: do d\n")
    repo.spec("d", "d.txt")
    repo.run("run")
    after = sorted(path.name for path in (repo.root / "checkpoints").iterdir())
    assert [name[:4] for name in before] == ["0001", "0002", "0003", "0004"]
    assert [name[:4] for name in after] == ["0003", "0004", "0005", "0006"]
    assert after[-1] == "0006-d.md"
    assert "checkpoints/0006-d.md" in repo.run("brief").out


def test_worktrees_get_the_ignored_files_that_are_named_and_their_setup_once(repo: Repo) -> None:
    repo.write(".gitignore", "env\nbig\nready\n")
    repo.write("env", "SECRET=1\n")
    repo.write("big/data", "1\n")
    two_phases(repo)
    log = repo.root.parent / "setups"
    repo.write(
        "orchestrator.toml",
        '[agents.sh]\ncommand = ["sh", "-c", "test -f env && test -f big/data && test -e ready && echo x > $0", "{files}"]\n'
        '[verify]\ncommand = "test -f env && test -L big && test -e ready"\n'
        f'copy = ["env"]\nlink = ["big"]\nsetup = "echo x >> {log}; touch ready"\n[limits]\njobs = 1\n',
    )
    repo.commit("with ignored files")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b", "c"]
    assert len(log.read_text().split()) == 4, "one for verify, one for each attempt"
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD").split().count("big") == 0


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_nothing_outside_the_repository_is_copied_or_linked(repo: Repo, name: str) -> None:
    two_phases(repo)
    repo.write("orchestrator.toml", f'[agents.sh]\ncommand = ["true"]\n[verify]\ncommand = "true"\nlink = ["{name}"]\n')
    assert "outside the repository" in repo.run("run", code=5).err


def test_a_plan_without_tasks_is_said_and_nothing_is_committed(repo: Repo) -> None:
    repo.run("init")
    repo.commit("a fresh plan")
    head = repo.git("rev-parse", "HEAD")
    assert "TODO.md has no tasks" in repo.run("run", code=5).err
    assert repo.git("rev-parse", "HEAD") == head


def alive(pid: str) -> bool:
    """Whether a process runs; a zombie that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_that_outlive_a_killed_leader_are_ended_at_the_next_start(repo: Repo) -> None:
    two_phases(repo)
    pidfile = repo.root.parent / "pid"
    repo.shell_agent(f'[ -e {pidfile} ] || {{ setsid sleep 300 & echo $! > {pidfile}; sleep 300; }}; echo new > "$1"')
    repo.write("ok", "")
    repo.commit("an agent that leaves something behind")

    def kill() -> None:
        while not pidfile.exists() or not pidfile.read_text().strip():
            time.sleep(0.02)
        os.kill(json.loads(repo.read(".git/orchestrator.lock"))["pid"], signal.SIGKILL)

    while_running(repo, kill, code=-signal.SIGKILL)
    assert alive(pidfile.read_text().strip())
    repo.run("run")
    assert not alive(pidfile.read_text().strip())
    assert sorted(repo.landed()) == ["a", "b", "c"]


def test_a_service_that_is_older_than_the_run_is_left_alone(repo: Repo) -> None:
    """A script starts it, and then becomes the run: to the system it is the run's own child."""
    repo.write("ok", "")
    two_phases(repo)
    pidfile = repo.root.parent / "pid"
    run = f"setsid sh -c 'echo $$ > {pidfile}; exec sleep 300' >/dev/null 2>&1 & exec {sys.executable} -m orchestrator run"
    subprocess.run(["sh", "-c", run], cwd=repo.root, env=repo.env, capture_output=True, check=True)
    service = pidfile.read_text().strip()
    assert alive(service)
    os.kill(int(service), signal.SIGTERM)


LOCKED = {"HEAD.lock": "", "packed-refs.new": "", "refs/heads/main.lock": ""}


@pytest.mark.parametrize("neighbour", ["gitui", "git"])
def test_git_that_was_started_after_a_kill_owns_none_of_its_locks(repo: Repo, neighbour: str) -> None:
    repo.write("ok", "")
    two_phases(repo)
    for name in LOCKED:
        lock = repo.write(f".git/{name}", "")
        os.utime(lock, (time.time() - 60, time.time() - 60))
    gitui = shutil.copy(shutil.which("sleep") or "", repo.root.parent / "gitui")
    argv = [str(gitui), "60"] if neighbour == "gitui" else ["git", "cat-file", "--batch"]
    with subprocess.Popen(argv, cwd=repo.root, env=repo.env, stdin=subprocess.PIPE) as living:
        repo.run("run")
        living.terminate()
    assert sorted(repo.landed()) == ["a", "b", "c"]
    assert not [name for name in LOCKED if (repo.root / ".git" / name).exists()]


def test_git_that_may_own_a_lock_keeps_it(repo: Repo) -> None:
    two_phases(repo)
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=repo.root, env=repo.env, stdin=subprocess.PIPE) as living:
        lock = repo.write(".git/packed-refs.lock", "")
        repo.run("run", code=None)
        assert lock.exists()
        living.terminate()
