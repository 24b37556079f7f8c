"""`status`, `log`, `inspect`, `diff`, `config`, `hook`: what they say, and that they only read."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import Repo

from orchestrator.failure import Failure
from orchestrator.views.status import PhaseCount, Status
from orchestrator.views.status_text import text
from orchestrator.views.work import Leader, Running

STATE = "# Workflow State\n\n**Workflow**: w\n**Current phase**: {phase}\n"
GREEDY = '[ "$ORCHESTRATOR_TASK" = b ] && echo stray > stray.txt; echo "new $ORCHESTRATOR_TASK" > "$1"'


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A run that landed a, buried b (it writes outside its files), and holds c up behind it."""
    repo = Repo(tmp_path_factory.mktemp("finished") / "repo").init()
    repo.task("a: do a", "b: do b", "c: do c (after: b)", "d: do d")
    for name in "abc":
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.shell_agent(GREEDY, more="[limits]\nattempts = 2\n")
    repo.commit("a project")
    repo.run("run", code=None)
    assert repo.landed() == ["a"]
    return repo


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_status_after_a_run(finished: Repo) -> None:
    said = finished.run("status")
    lines = said.out.split("\n")
    assert lines[0] == "repo: IMPLEMENTING, 1 of 4 tasks landed"
    assert "  IMPLEMENTING  [#####...............] 1/4  <-- CURRENT" in lines
    assert lines[4:7] == ["dead letter: b (scope)", "blocked: d (no spec)", "blocked: c (waits for b)"]
    assert lines[7].startswith("last checkpoint: 000")
    assert said.err == "next: orchestrator dlq show b   # nothing can move without a decision on it\n"


def test_a_bare_call_is_status(finished: Repo) -> None:
    assert finished.run() == finished.run("status")


VERBS = [
    ("status",),
    ("brief",),
    ("log",),
    ("inspect", "a"),
    ("diff", "1"),
    ("config", "show"),
    ("hook", "stop"),
]


@pytest.mark.parametrize("argv", VERBS, ids=lambda argv: argv[0])
def test_reading_verbs_change_no_byte(finished: Repo, argv: tuple[str, ...]) -> None:
    before = everything(finished.root)
    finished.run(*argv)
    assert everything(finished.root) == before


def test_status_where_nothing_is_planned(repo: Repo) -> None:
    said = repo.run("status")
    assert said.out == "No plan here: HEAD has no TODO.md.\n`orchestrator init` makes the files.\n"
    assert said.err == "next: orchestrator init   # there is no plan here: no TODO.md\n"


def test_status_without_a_commit(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "empty").init()
    assert repo.run("status").out.startswith("No plan here")
    repo.task("a: do a")
    assert repo.run("status").out.startswith("empty: IMPLEMENTING, 0 of 1 tasks landed\n")


SPEC = "# Spec: a\n\n## Goal\n\nDo"  # and no files
REFUSED = {
    "a spec edited": ({"specs/a.md": SPEC}, False, "edited, and the next run will refuse it: specs/a.md:"),
    "a spec that is new": ({"specs/b.md": SPEC}, False, "edited, and the next run will refuse it: specs/b.md:"),
    "a spec that is a folder": ({"specs/a.md/x": "x"}, False, "the next run will refuse it: specs/a.md:1: not a"),
    "a tick taken back": (
        {"TODO.md": "## Implementing\n\n- [ ] done: it\n"},
        True,
        "the next run will refuse it: TODO.md:3: done is marked `[ ]`, but commit",
    ),
    "no phase": (
        {"workflow-state.md": "# State\n\n**Current phase**: LATER\n"},
        True,
        "the next run will refuse it: workflow-state.md:3: 'LATER' is no phase",
    ),
    "a phase called complete": (
        {
            "workflow-state.md": "# State\n\n**Current phase**: IMPLEMENTING\n\n"
            "## Phase Status\n\n| Phase | Status |\n|---|---|\n| IMPLEMENTING | COMPLETE |\n"
        },
        False,
        "edited, and the next run will refuse it: workflow-state.md:9: IMPLEMENTING is COMPLETE here",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_status_says_what_the_next_run_will_refuse(repo: Repo, name: str) -> None:
    files, committed, words = REFUSED[name]
    repo.spec("done", "a.txt")
    repo.task("done: it", "c: do c")
    repo.shell_agent('echo new > "$1"')
    repo.commit()
    repo.run("run", code=3)
    repo.spec("a", "b.txt")
    repo.write("TODO.md", repo.read("TODO.md") + "- [ ] a: do a\n- [ ] b: do b\n")
    repo.commit()
    for path, content in files.items():
        if (repo.root / path).parent.is_file():
            (repo.root / path).parent.unlink()
        repo.write(path, content)
    if committed:
        repo.commit()
    said = repo.run("status")
    assert words in said.out
    assert said.err == "next: orchestrator doctor   # it says which line to mend\n"
    refused = repo.run("run", code=5).err
    assert words.partition("refuse it: ")[2] in refused
    assert repo.run("doctor", code=1).out


def test_status_names_a_committed_spec_that_cannot_be_read(repo: Repo) -> None:
    repo.task("a: do a")
    repo.write("specs/a.md", SPEC)
    repo.commit()
    said = repo.run("status")
    assert said.out.startswith(
        "The documents cannot be read: specs/a.md:1: the section `## Files to Modify` is missing"
    )
    assert said.err == "next: orchestrator doctor   # a document cannot be read\n"


def test_status_names_what_it_cannot_read_and_what_is_edited(repo: Repo) -> None:
    repo.task("a: do a")
    repo.commit()
    repo.task("a: do a", "b: do b")
    assert "edited, taken in by the next run: TODO.md\n" in repo.run("status").out
    repo.write("TODO.md", "## Implementing\n\n- [ ] a: do a (after: z)\n")
    repo.commit()
    said = repo.run("status")
    assert said.out.startswith("The documents cannot be read: TODO.md:3: a comes after z, which is no task")
    assert said.err == "next: orchestrator doctor   # a document cannot be read\n"


def test_status_on_a_detached_head(finished: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone", finished.env)
    subprocess.run(
        ["git", "clone", "-q", str(finished.root), str(clone.root)],
        env=finished.env,
        check=True,
        cwd=tmp_path,
    )
    clone.git("checkout", "-q", "--detach")
    assert clone.run("status").out.startswith("repo: IMPLEMENTING, 1 of 4 tasks landed\n")


def test_a_finished_workflow(repo: Repo) -> None:
    repo.write("TODO.md", "## Implementing\n\n- [-] a: do a\n")
    repo.commit()
    said = repo.run("status")
    assert said.out.startswith("repo: COMPLETE, 0 of 0 tasks landed, 1 dropped\n")
    assert "\n\nNothing: the workflow is complete.\n\n" in repo.run("brief").out


@contextmanager
def leading(repo: Repo) -> Iterator[int]:
    """Hold the leader's lock from another process, as a run does."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom orchestrator.lock import instance_lock\n"
        "with instance_lock(Path('.git/orchestrator.lock')):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=repo.root,
        env=repo.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout
    assert held.stdin
    assert held.stdout.readline() == b"held\n"
    yield held.pid
    held.stdin.close()
    held.stdout.close()
    held.wait()


def test_who_is_at_work_and_what_is_abandoned(repo: Repo) -> None:
    repo.task("a: do a")
    repo.commit()
    repo.write(".orchestrator/attempts/a/2/order.json", "{}")
    repo.write(".orchestrator/worktrees/a-2/x", "")
    with leading(repo) as pid:
        said = repo.run("status")
        assert f"a leader is at work: process {pid}, since " in said.out
        assert "  running: a, attempt 2\n" in said.out
        assert said.err == ""
        assert f"process {pid}); running: a/2" in repo.run("brief").out
        assert repo.run("inspect", "a", "--json").json["data"]["state"] == "running, attempt 2"
    after = repo.run("status")
    assert after.out.endswith("an abandoned run: `orchestrator run` carries on\n")
    assert after.err.startswith("next: orchestrator run   # an abandoned run")
    repo.git("update-ref", "refs/orchestrator/attempts/a/2", "HEAD")
    assert "abandoned" not in repo.run("status").out


def test_twenty_five_lines_at_most(repo: Repo) -> None:
    phases = "".join(f"| P{n} | PENDING | -- | -- |\n" for n in range(30))
    table = f"\n## Phase Status\n\n| Phase | Status | Entered | Completed |\n|---|---|---|---|\n{phases}"
    repo.write("workflow-state.md", STATE.format(phase="P20") + table)
    tasks = "".join(f"\n## P{n}\n\n- [ ] t{n}: {'x' * 300}\n" for n in range(30))
    repo.write("TODO.md", f"# TODO\n{tasks}")
    repo.commit()
    for number in range(9):
        repo.write(f".orchestrator/attempts/t{number}/1/order.json", "{}")
        repo.write(f".orchestrator/worktrees/t{number}-1/x", "")
    repo.write("TODO.md", f"# TODO\n{tasks}\n")
    repo.write("workflow-state.md", STATE.format(phase="P21") + table)
    with leading(repo):
        said = repo.run("status")
    lines = (said.out + said.err).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 110
    assert "  ... 30 phases in all" in lines
    facts = {"why": "y" * 400, "hint": "h" * 400, "at": "2026-01-01T00:00:00+00:00"}
    repo.write(".orchestrator/stopped.json", json.dumps(facts))
    said = repo.run("status")
    lines = (said.out + said.err).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 110


def test_twenty_five_lines_whatever_waits() -> None:
    """Gate, decisions, dead letters, blocked and finished tasks, and attempts at work, all at once and many of each."""
    many = {f"task-{number}": f"why {number}" for number in range(9)}
    asked = {f"asked-{number}": Failure.UNDECIDED for number in range(9)}
    shown = Status(
        planned=True, phase="P20", phases=tuple(PhaseCount(f"P{n}", 1, 2, n == 20) for n in range(30)), total=9,
        dead=asked | many, dead_count=30, blocked=many, blocked_count=30, gate="0001",
        waiting=dict.fromkeys(many, 2), waiting_count=30, edited=tuple(many), planning="a goal",
    )  # fmt: skip
    now = datetime.now(UTC)
    led = replace(shown, leader=Leader(1, now), running=tuple(Running(task, 1, ended=False) for task in many))
    left = replace(shown, stopped="a full disk", stopped_hint="make room", stopped_at=now)
    for seen in (led, left):
        lines = text(seen, now).split("\n")
        assert len(lines) <= 24
        told = (
            "<-- CURRENT",
            "waits for your decision: asked-0",
            "dead letter: task-0",
            "blocked: task-0",
            "to land: task-0",
        )
        assert all(any(word in line for line in lines) for word in told), lines


def test_what_waits_to_land_is_told(repo: Repo) -> None:
    repo.task("a: do a", "b: do b")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    once = repo.root.parent / "once"
    lead = f"grep -o '\"pid\": [0-9]*' {repo.root}/.git/orchestrator.lock | grep -o '[0-9]*'"
    both = "for i in $(seq 400); do git show-ref -q attempts/a/1 && git show-ref -q attempts/b/1 && break; sleep 0.05; done"
    verify = f"[ -e {once} ] || [ ! -e a.txt -a ! -e b.txt ] || {{ touch {once}; {both}; kill -9 $({lead}); }}"
    repo.shell_agent('echo new > "$1"', verify=verify)
    repo.commit("a project")
    repo.run("run", code=-signal.SIGKILL)
    said = repo.run("status")
    assert "waits to land: a (attempt 1)" in said.out
    waiting = repo.run("status", "--json").json["data"]["waiting"]
    assert waiting["a"] == 1
    assert "finished and not landed: a, b" in repo.run("doctor", code=None).out
    repo.run("run")
    assert "to land" not in repo.run("status").out
    assert repo.run("status", "--json").json["data"]["waiting_count"] == 0


def test_log(finished: Repo) -> None:
    said = finished.run("log")
    subjects = [line.rpartition("  ")[2].strip() for line in said.out.splitlines()]
    assert [subject.partition(":")[0] for subject in subjects] == ["dead letter", "a", "checkpoint"]
    only = finished.run("log", "--task", "a").out.splitlines()
    assert len(only) == 1
    assert "sh#1" in only[0]
    assert finished.run("log", "--task", "no.such").out == "No commit of ours speaks of no.such.\n"


def test_log_is_bounded(finished: Repo) -> None:
    cut = finished.run("log", "--limit", "1", "--json").json
    assert (len(cut["data"]["records"]), cut["truncated"]) == (1, True)
    assert cut["next"][0]["cmd"] == "orchestrator log --all"
    assert finished.run("log", "--all", "--json").json["truncated"] is False
    assert finished.run("log", "--limit", "3", "--json").json["truncated"] is False


def test_log_says_what_was_verified(repo: Repo) -> None:
    repo.git("commit", "-q", "--allow-empty", "-m", "x\n\nWorkflow: w\nTask: a\nVerified: proved by `true`")
    repo.git("commit", "-q", "--allow-empty", "-m", "y\n\nWorkflow: w\nTask: b\nVerified: none (nothing is set)")
    repo.git("commit", "-q", "--allow-empty", "-m", "z\n\nWorkflow: of words in a person's own text\n\nbye")
    records = repo.run("log", "--json").json["data"]["records"]
    assert [(row["subject"], row["verified"], row["tasks"]) for row in records] == [
        ("y", False, ["b"]),
        ("x", True, ["a"]),
    ]


def test_inspect_a_dead_letter(finished: Repo) -> None:
    out = finished.run("inspect", "b").out
    assert out.startswith("b: b\n  dead letter, IMPLEMENTING\n  goal: Do it.\n  spec: specs/b.md\n")
    assert "attempt 1: rejected (scope), sh, " in out
    assert "  git show refs/orchestrator/attempts/b/2\n" in out
    assert "  `stray.txt` (+1 -0)\n" in out
    assert "stray.txt: outside the spec's files" in out


def test_inspect_what_landed(finished: Repo) -> None:
    data = finished.run("inspect", "a", "--json").json["data"]
    landing = finished.git("log", "-1", "--format=%H", "--grep=^Task: a$")
    assert (data["state"], data["commit"], data["result"]["status"]) == ("landed", landing, "Complete")
    assert (data["spec"], data["goal"]) == ("specs/a.md", "Do it.")
    assert data["attempts"][0]["files"] == ["`a.txt` (+1 -1)"]


def test_inspect_by_prefix_and_near_miss(repo: Repo) -> None:
    repo.task("parser: one", "printer: two")
    repo.commit()
    assert repo.run("inspect", "pa").out.startswith("parser: one\n")
    assert "could be more than one task: parser, printer" in repo.run("inspect", "p", code=5).err
    assert "hint: did you mean printer?" in repo.run("inspect", "pinter", code=5).err


def test_diff_between_checkpoints(finished: Repo) -> None:
    data = finished.run("diff", "1..HEAD", "--json").json["data"]
    assert (data["landed"], data["reopened"]) == (["a"], [])
    assert data["files"] == [{"path": "a.txt", "added": 1, "removed": 1}]
    assert [point["checkpoint"] for point in data["checkpoints"]] == [2, 3]
    back = finished.run("diff", "HEAD..1", "--json").json["data"]
    assert (back["landed"], back["reopened"]) == ([], ["a"])
    assert finished.run("diff", "0002..0003", "--json").json["data"]["landed"] == []


def test_diff_never_runs_what_the_repository_names(finished: Repo, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    config = {
        "diff.trap.command": f"touch {trap}",
        "diff.trap.textconv": f"touch {trap}; cat",
        "diff.external": "x",
    }
    for key, value in config.items():
        finished.git("config", key, value)
    (finished.root / ".git/info/attributes").write_text("*.txt diff=trap\n")
    finished.run("diff", "1..HEAD")
    finished.run("inspect", "a")
    (finished.root / ".git/info/attributes").unlink()
    assert not trap.exists()


@pytest.mark.parametrize(
    ("between", "code", "error"),
    [
        ("1..99", 5, "there is no checkpoint '99'\nhint: did you mean 0003?"),
        ("nope", 5, "there is no checkpoint or commit 'nope'\nhint: orchestrator log lists them"),
        ("..3", 2, "'..3' is no range"),
        ("1...3", 2, "'1...3' is no range"),
        ("--output=/x..3", 2, "No such option"),
    ],
)
def test_diff_of_what_is_not_there(finished: Repo, between: str, code: int, error: str) -> None:
    assert finished.run("diff", between, code=code).err.startswith(f"error: {error}")


def test_diff_without_a_commit(tmp_path: Path) -> None:
    said = Repo(tmp_path / "empty").init().run("diff", "1..2", code=5)
    assert said.err == "error: there are no commits yet\nhint: orchestrator run\n"


def test_config_show_says_where_from(repo: Repo) -> None:
    repo.write("orchestrator.toml", "[limits]\njobs = 2\n")
    rows = repo.run("config", "show", "--json", env={"ORCHESTRATOR_LIMITS_ATTEMPTS": "7"}).json["data"]["settings"]
    found = {row["key"]: (row["value"], row["origin"]) for row in rows}
    assert found["limits.jobs"] == (2, "orchestrator.toml:2")
    assert found["limits.attempts"] == (7, "environment")
    assert found["limits.retries"] == (5, "default")
    assert "limits.jobs = 2" in repo.run("config", "show").out


def hooked(repo: Repo, *argv: str, told: object = None, cwd: Path | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "hook", *argv],
        cwd=cwd or repo.root,
        env=repo.env,
        input=told if isinstance(told, str) else json.dumps(told or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_hook_session_start_hands_over_the_brief(finished: Repo, tmp_path: Path) -> None:
    told = {"hook_event_name": "SessionStart", "source": "compact", "cwd": str(finished.root)}
    code, out, err = hooked(finished, "session-start", told=told, cwd=tmp_path)
    said = json.loads(out)["hookSpecificOutput"]
    assert (code, err, said["hookEventName"]) == (0, "", "SessionStart")
    assert said["additionalContext"] == finished.run("brief", "--source", "compact").out
    assert hooked(finished, told=told)[1] == out, "the event may come in the JSON alone"


def test_hook_pre_compact_says_what_to_keep(finished: Repo) -> None:
    code, out, _ = hooked(finished, "pre-compact", told="")
    assert (code, "phase IMPLEMENTING, current task: b: do b" in out) == (0, True)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("stop",), ""),
        (("session-end",), "{"),
        (("user-prompt-submit",), "[]"),
        (("no-such", "more"), '{"cwd": 3}'),
        ((), "[" * 100_000),
        (("--bad",), '{"hook_event_name": 7}'),
        (("--json=1", "stop"), ""),
    ],
)
def test_hook_has_nothing_to_say(repo: Repo, argv: tuple[str, ...], told: str) -> None:
    assert hooked(repo, *argv, told=told) == (0, "", "")


def test_hook_never_stops_a_session(repo: Repo, tmp_path: Path) -> None:
    code, out, err = hooked(repo, "session-start", cwd=tmp_path)
    assert (code, out, err.count("\n")) == (0, "", 1)
    assert err.startswith("orchestrator hook: ")
    assert hooked(repo, "session-start") == (0, "", ""), "a repository that is not ours"
    repo.write("orchestrator.toml", "= broken")
    code, out, err = hooked(repo, "session-start", "extra", "--unknown=1")
    assert (code, out, err.count("\n")) == (0, "", 1)


def test_hook_waits_for_nobody(finished: Repo) -> None:
    """Standard input that stays open and silent, and one that is closed."""
    held = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "hook", "pre-compact"],
        cwd=finished.root, env=finished.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert held.wait(timeout=20) == 0
    assert held.stdin
    assert held.stdout
    assert held.stdout.read().startswith(b"Keep: ")
    held.stdin.close()
    held.stdout.close()
    closed = subprocess.run(  # noqa: S602 - only a shell can start a program without a standard input
        f"exec {sys.executable} -m orchestrator hook pre-compact <&-",
        shell=True, cwd=finished.root, env=finished.env, capture_output=True, check=False,
    )  # fmt: skip
    assert (closed.returncode, closed.stdout[:6]) == (0, b"Keep: ")


def test_status_names_what_the_next_run_would_refuse(finished: Repo) -> None:
    todo = finished.read("TODO.md")
    finished.write("TODO.md", todo.replace("- [x]", "- [ ]", 1))
    said = finished.run("status")
    finished.write("TODO.md", todo)
    assert "the next run will refuse it: TODO.md:" in said.out
    assert "next: orchestrator doctor" in said.err


def test_a_checkpoint_by_hand_names_what_it_leaves_out(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.commit("a plan")
    repo.write("b.txt", "not committed")
    repo.run("checkpoint", "-m", "one")
    said = repo.run("checkpoint", "-m", "two")
    assert "nothing was committed since checkpoint 0001" in said.out
    assert "not in it, for they are not committed: b.txt" in said.out


def test_a_landing_under_way_looks_like_no_contradiction(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("for f; do echo agent > $f; done")
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")
    said = repo.root.parent / "said"
    # The documents are there by then, and the branch is not.
    repo.once_before_git("orchestrator: land", f"{sys.executable} -m orchestrator status > {said} 2>&1 & sleep 1")
    repo.run("run")
    deadline = time.monotonic() + 30
    while "tasks" not in said.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "refuse" not in said.read_text()


def test_status_after_the_end_says_what_is_new(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    repo.run("run")
    repo.run("task", "add", "new", "Something new")
    repo.spec("new", "new.txt")
    assert repo.run("status").err == "next: orchestrator run   # takes your edits in\n"
    repo.write("specs/new.md", "# Spec: new\n\n## Goal\n\nDo it.\n")
    assert "the next run will refuse it: specs/new.md:1" in repo.run("status").out


def test_why_the_last_run_stopped_is_there_to_be_read_until_the_next_one(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"', verify="test ! -e broken || { echo it is broken; exit 1; }")
    repo.write("broken", "")
    repo.commit("a project")
    repo.run("run", code=5)
    said = repo.run("status")
    assert "the last run stopped, just now: verify is red before any work: `test ! -e broken" in said.out
    assert "\n  hint: mend the branch, or verify.command in orchestrator.toml" in said.out
    assert "The last run stopped: verify is red" in repo.run("brief").out
    repo.git("rm", "-q", "broken")
    repo.commit("mended")
    repo.run("run")
    for verb in ("status", "brief"):
        assert "stopped" not in repo.run(verb).out


def test_a_disk_that_ended_the_last_run_is_told_too(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    repo.write(".orchestrator/.gitignore", "*\n")
    repo.write(".orchestrator/attempts", "no folder\n")
    error = repo.run("run", code=1).err.rstrip("\n").split("\n")[-2].removeprefix("error: ")
    assert f"the last run stopped, just now: {error}"[:90] in repo.run("status").out


def test_a_note_that_another_hand_wrote_breaks_nothing(repo: Repo) -> None:
    repo.task("a: do a")
    repo.commit()
    repo.write(".orchestrator/stopped.json", '{"why": "w", "hint": "h", "at": "2026-01-01T00:00:00"}')
    assert "the last run stopped, " in repo.run("status").out


def test_what_a_killed_run_left_is_not_running(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.commit()
    repo.write(".orchestrator/attempts/a/1/order.json", "{}")
    repo.write(".orchestrator/worktrees/a-1/x", "")
    assert "a  stopped  IMPLEMENTING  do a (orchestrator run carries on)" in repo.run("task", "list").out
    assert "stopped, attempt 1: orchestrator run carries on" in repo.run("inspect", "a").out
    with leading(repo):
        assert "a  running " in repo.run("task", "list").out


def test_what_could_start_is_claimed(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.commit("a project")
    repo.run("task", "next", "--claim", "--as", "ann")
    assert repo.run("status").err == "next: orchestrator task list   # what could start is claimed\n"


def test_a_draft_and_a_spec_with_a_mistake_are_not_ready(repo: Repo) -> None:
    repo.task("a: do a", "b: do b", "c: do c")
    repo.spec("a", "a.txt", more="**Draft**: yes\n")
    repo.write("specs/b.md", "# Spec: b\n\n## Goal\n\nDo it.\n")
    repo.commit("a project")
    rows = {row["id"]: row for row in repo.run("task", "list", "--json").json["data"]["tasks"]}
    assert {row["status"] for row in rows.values()} == {"blocked"}
    assert rows["a"]["why"] == "its spec is a draft"
    assert rows["b"]["why"].startswith("specs/b.md:1: ")
    assert rows["c"]["why"] == "no spec: orchestrator spec new c"


def test_an_agent_that_nobody_knows_is_named_with_its_line(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt", more="\n**Agent**: mien\n")
    repo.shell_agent("true")
    repo.commit("a project")
    said = repo.run("run", code=5)
    assert "error: specs/a.md:3: there is no agent 'mien'\nhint: known agents: sh; correct that line" in said.err
