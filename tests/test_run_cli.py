"""`run` and `resume` as a person or a machine sees them: lines, streams, dry runs, signals, exit codes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from harness import Repo

WRITE = "\n".join(f'[[attempt]]\ntask = "{task}"\nwrite = {{"{task}.txt" = "new"}}\n' for task in "ab")
ARGV = [sys.executable, "-m", "orchestrator"]


def hidden(text: str) -> str:
    """Commit ids as `COMMIT`, so that the rest can be compared exactly."""
    return re.sub(r"\b[0-9a-f]{7}\b", "COMMIT", text)


def two(repo: Repo, script: str = WRITE, **more: str) -> Repo:
    repo.task("a: do a", "b: do b (after: a)")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.config(script, **more)
    repo.commit("a plan")
    return repo


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_whose_caller_closed_a_stream_does_the_same(repo: Repo, closed: str) -> None:
    """What would be printed there goes nowhere, and into no file that took the stream's number."""
    two(repo, verify="true")
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", *ARGV, "run"]
    done = subprocess.run(words, cwd=repo.root, env=repo.env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, repo.landed()) == (0, ["a", "b"])
    assert ("2 landed" in done.stdout) is (">&-" not in closed.split())
    assert ("landed a as" in done.stderr) is ("2>&-" not in closed)
    assert repo.git("status", "--porcelain") == ""
    repo.git("fsck", "--strict")


def test_without_a_terminal_a_run_tells_plain_lines_and_reports_on_stdout(repo: Repo) -> None:
    said = two(repo, verify="true").run("run")
    assert hidden(said.err).split("\n") == [
        "checkpoint 0001 as COMMIT",
        "0 done, 2 to do",
        "verifying COMMIT",
        "started a/1 (scripted)",
        "recorded a/1: finished",
        "verifying COMMIT",
        "landed a as COMMIT (checkpoint 0002)",
        "started b/1 (scripted)",
        "recorded b/1: finished",
        "verifying COMMIT",
        "landed b as COMMIT (checkpoint 0003)",
        "next: orchestrator log   # what was done, commit by commit",
        "",
    ]
    assert hidden(said.out) == "phase COMPLETE: 2 landed\n  landed a as COMMIT\n  landed b as COMMIT\n"


def test_a_finished_workflow_has_nothing_to_do_for_run_and_resume(repo: Repo) -> None:
    two(repo).run("run")
    before = repo.git("rev-parse", "HEAD")
    for verb in ("run", "resume"):
        said = repo.run(verb)
        assert said.out == "nothing to do: every task is done\n"
        assert said.err.startswith("2 done, 0 to do\n")
    assert repo.run("resume", "--json").json["data"]["changed"] is False
    assert repo.git("rev-parse", "HEAD") == before


def test_resume_where_nothing_ever_ran_is_an_error(repo: Repo) -> None:
    said = two(repo).run("resume", code=5)
    assert said.out == ""
    assert said.err == (
        "error: there is nothing to resume: no checkpoint in this branch's history\nhint: orchestrator run\n"
    )


def test_a_task_without_a_spec_waits_for_a_person(repo: Repo) -> None:
    two(repo)
    repo.task("a: do a", "b: do b (after: a)", "c: do c", "d: do d (after: c)")
    repo.spec("d", "d.txt")
    said = repo.run("run", code=3)
    assert hidden(said.out).split("\n")[1:] == [
        "  landed a as COMMIT",
        "  landed b as COMMIT",
        "  stuck: c: no spec",
        "  stuck: d: waits for c",
        "",
    ]
    assert "next: orchestrator spec new c   # it has no spec yet\n" in said.err


def test_what_is_sent_back_and_what_is_dead_is_told_in_a_line(repo: Repo) -> None:
    script = '[[attempt]]\nexit = "complete"\nwrite = {"a.txt" = "bad"}\n'
    said = two(repo, script, verify="! { grep -q bad a.txt && echo 'a.txt is \033[31mbad'; }").run("run", code=1)
    assert "sent back a/1: deterministic: a.txt is bad\n" in said.err
    assert "dead letter: a: deterministic: two attempts gave the same answer\n" in said.err
    assert said.out == "phase IMPLEMENTING: 0 landed\n  dead letter: a\n  stuck: b: waits for a\n"
    assert "next: orchestrator dlq show a   # why it failed\n" in said.err


def test_events_are_json_lines_between_the_schema_and_the_report(repo: Repo) -> None:
    said = two(repo).run("run", "--events", "jsonl")
    first, *events, last = [json.loads(line) for line in said.out.splitlines()]
    assert first["schema"] == "orchestrator.events/1"
    assert [event["event"] for event in events if event["task"] == "a"] == [
        "attempt.started",
        "agent.started",
        "agent.ended",
        "attempt.ended",
        "attempt.recorded",
        "candidate.built",
        "landed",
    ]
    landed = next(event for event in events if event["event"] == "landed")
    assert landed["facts"] == {"commit": repo.git("rev-parse", "HEAD~1"), "checkpoint": 2}
    assert (last["schema"], last["ok"], last["data"]["phase"]) == ("orchestrator.run/1", True, "COMPLETE")
    assert said.err == ""


def test_a_stream_ends_with_the_envelope_also_when_that_is_an_error(repo: Repo) -> None:
    said = repo.run("run", "--events=jsonl", code=5)
    last = json.loads(said.out.splitlines()[-1])
    assert (last["ok"], last["data"]["error"]["code"]) == (False, 5)


def test_a_reader_that_goes_away_does_not_stop_the_run(repo: Repo) -> None:
    two(repo)
    run = [*ARGV, "run", "--events", "jsonl"]
    process = subprocess.Popen(run, cwd=repo.root, env=repo.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    process.communicate(timeout=30)
    assert sorted(repo.landed()) == ["a", "b"]


def test_a_dry_run_says_what_would_happen_and_changes_nothing(repo: Repo) -> None:
    two(repo).run("run")
    repo.write(
        "TODO.md",
        repo.read("TODO.md") + "- [ ] c: c (after: b)\n- [ ] d: d\n- [ ] e: e\n- [ ] f: f (after: e)\n",
    )
    repo.spec("c", "c.txt")
    repo.spec("d", "d.txt", "c.txt")
    repo.spec("f", "f.txt")
    before = snapshot(repo.root)
    said = repo.run("run", "--dry-run")
    assert said.out == (
        "phase IMPLEMENTING: 1 would start now\n"
        "  start c (scripted)\n"
        "  later d: shares files with c\n"
        "  stuck e: no spec\n"
        "  stuck f: waits for e\n"
        "  skip 2 done: a, b\n"
    )
    assert said.err == "next: orchestrator run   # does it\n"
    assert snapshot(repo.root) == before


def test_a_dry_run_works_before_anything_is_committed_and_while_a_leader_leads(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent("sleep 30")
    assert repo.run("run", "--dry-run", "--json").json["data"]["start"] == [{"task": "a", "agent": "sh"}]
    assert not (repo.root / ".orchestrator").exists()
    with running(repo) as process:
        assert repo.run("run", code=5).err.startswith("error: another leader is at work here")
        assert "start a" in repo.run("run", "--dry-run").out
        stopped_at_once(repo, process)


def test_an_agent_that_cannot_work_stops_the_run_and_is_held_against_no_task(repo: Repo) -> None:
    """Its program is there, and not committed: an attempt has what is committed."""
    two(repo)
    repo.write("agent.sh", '#!/bin/sh\necho new > "$1"\n').chmod(0o755)
    repo.write("orchestrator.toml", '[agents.mine]\ncommand = ["./agent.sh", "{files}"]\n')
    repo.git("add", "orchestrator.toml")
    repo.git("commit", "-q", "-m", "an agent of our own")
    said = repo.run("run", code=4)
    assert "error: a/1 cannot be carried out: cannot start './agent.sh'" in said.err
    assert "git add --chmod=+x ./agent.sh" in said.err
    assert repo.run("dlq", "list").out == "no dead letters\n"
    repo.git("add", "--chmod=+x", "agent.sh")
    repo.git("commit", "-q", "-m", "the agent itself")
    repo.run("run")
    assert repo.landed() == ["a", "b"]


def test_one_task_whose_agent_cannot_work_keeps_no_other(repo: Repo) -> None:
    repo.task("a: do a", "b: do b", "c: do c")
    repo.spec("a", "a.txt", more="**Agent**: gone\n")
    for name in "bc":
        repo.spec(name, f"{name}.txt")
    repo.shell_agent('echo new > "$1"', more='[agents.gone]\ncommand = ["./gone.sh"]\n\n[roles]\nworker = "sh"\n')
    repo.commit("a project")
    repo.write("gone.sh", "#!/bin/sh\n").chmod(0o755)
    said = repo.run("run", code=4)
    assert "error: a/1 cannot be carried out" in said.err
    assert sorted(repo.landed()) == ["b", "c"]
    assert "the last run stopped, just now: a/1 cannot be carried out" in repo.run("status").out


def test_a_dry_run_says_who_leads_and_promises_nothing_then(repo: Repo) -> None:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent("sleep 30")
    with running(repo) as process:
        said = repo.run("run", "--dry-run")
        assert f"problem process {process.pid} leads already" in said.out
        assert "next:" not in said.err
        stopped_at_once(repo, process)


def test_until_stops_after_a_phase_and_refuses_what_is_none(repo: Repo) -> None:
    two(repo)
    repo.write("TODO.md", "## Planning\n\n- [ ] a: do a\n\n## Implementing\n\n- [ ] b: do b\n")
    said = repo.run("run", "--until", "shipping", code=2)
    assert said.err.endswith("hint: one of: PLANNING, IMPLEMENTING, TESTING, DEPLOYING\n")
    assert repo.run("run", "--dry-run", "--until", "shipping", code=2).out == ""
    assert repo.run("run", "--until", "planning").out.startswith("phase IMPLEMENTING: 1 landed\n")
    assert repo.landed() == ["a"]
    assert "start" not in repo.run("run", "--until", "planning", "--dry-run").out.split("\n", 1)[1]


class running:  # noqa: N801 - reads as a word
    """A run in the background, once its agent is at work; it is over when the block is."""

    def __init__(self, repo: Repo, *more: str, sign: str = "started a/1", group: bool = False) -> None:
        self.err = repo.root.parent / "err"
        with self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*ARGV, "run", *more],
                cwd=repo.root,
                env=repo.env,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                process_group=0 if group else None,
            )
        self.sign = sign

    def __enter__(self) -> subprocess.Popen[str]:
        until(lambda: self.sign in self.err.read_text() or self.process.poll() is not None)
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=30)


def stopped_at_once(repo: Repo, process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C twice: a second signal that comes before the first is heard would be one with it."""
    process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in (repo.root.parent / "err").read_text())
    process.send_signal(signal.SIGINT)


def left_over(mark: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.split("\n") if mark in line and "ps -eo" not in line]


def slow(repo: Repo, seconds: str, drain: float = 60) -> Repo:
    """Agents that leave half a file at once and finish it after `seconds`."""
    repo.task("a: do a", "b: do b (after: a)")
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    first = '[ "$ORCHESTRATOR_TASK/$ORCHESTRATOR_ATTEMPT" = a/1 ]'
    body = f'echo half > "$1"; {first} && sleep {seconds}; echo "$ORCHESTRATOR_ATTEMPT" > "$1"'
    repo.shell_agent(body, more=f"[limits]\ndrain = {drain}")
    repo.commit("a plan")
    return repo


def test_the_first_ctrl_c_lets_running_agents_finish_and_the_next_run_lands_them(repo: Repo) -> None:
    slow(repo, "1.5")
    with running(repo, group=True) as process:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: also to every git of ours
    err = (repo.root.parent / "err").read_text()
    assert process.returncode == 130
    assert "stopping: a may finish within 60 s; again to stop at once\nrecorded a/1: finished\n" in err
    assert err.endswith("next: orchestrator run   # carries on from here\n")
    said = repo.run("run")
    assert "started a/" not in said.err
    assert repo.read("a.txt") == "1\n"
    assert sorted(repo.landed()) == ["a", "b"]


def test_agents_that_take_longer_than_the_drain_are_stopped_and_their_work_is_kept(repo: Repo) -> None:
    slow(repo, "31.25", drain=0.3)
    with running(repo) as process:
        until(lambda: left_over("sleep 31.25"))
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 143
    assert repo.git("show", "refs/orchestrator/attempts/a/1:a.txt") == "half"
    assert left_over("sleep 31.25") == []


def test_asked_to_stop_before_there_is_a_leader_it_stops_as_later(repo: Repo) -> None:
    two(repo)
    repo.once_before_git("", "kill -TERM $PPID")
    said = repo.run("run", "--json", code=143)
    assert said.json["data"]["stopped"] == signal.SIGTERM
    assert repo.landed() == []


@pytest.mark.parametrize("live", [True, False])
def test_a_second_ctrl_c_stops_at_once_and_loses_nothing(repo: Repo, live: bool) -> None:  # noqa: FBT001
    slow(repo, "32.25")
    began = time.monotonic()
    with running(repo, *([] if live else ["--events", "jsonl"]), sign="started a/1" if live else "") as process:
        until(lambda: left_over("sleep 32.25"))
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert time.monotonic() - began < 15
    assert left_over("sleep 32.25") == []
    assert repo.git("show", "refs/orchestrator/attempts/a/1:a.txt") == "half"
    assert not list((repo.root / ".orchestrator" / "worktrees").glob("a-*"))
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.read("a.txt") == "2\n"


def test_a_second_ctrl_c_while_a_landing_is_verified_keeps_the_finished_attempt(repo: Repo) -> None:
    quick = repo.root.parent / "quick"
    two(repo, verify=f"[ ! -f a.txt ] || [ -f {quick} ] || sleep 35.25")
    with running(repo) as process:
        until(lambda: left_over("sleep 35.25"))
        stopped_at_once(repo, process)
    assert process.returncode == 130
    assert repo.landed() == []
    assert left_over("sleep 35.25") == []
    quick.touch()
    assert "started a/" not in repo.run("run").err
    assert sorted(repo.landed()) == ["a", "b"]


def test_ctrl_c_while_the_base_is_verified_ends_the_run_before_anything_starts(repo: Repo) -> None:
    two(repo, verify="sleep 33.25")
    with running(repo, sign="verifying") as process:
        until(lambda: left_over("sleep 33.25"))
        process.send_signal(signal.SIGINT)
    err = (repo.root.parent / "err").read_text()
    assert process.returncode == 130
    assert "red" not in err
    assert "started" not in err
    assert left_over("sleep 33.25") == []


def test_ctrl_c_in_a_long_setup_ends_it_and_the_next_run_does_the_setup_again(repo: Repo) -> None:
    marks = repo.root.parent / "marks"
    two(repo, verify="true", more=f'setup = "echo x >> {marks}; [ -f {marks}2 ] || sleep 34.25"\n')
    with running(repo, sign="to do") as process:
        until(lambda: left_over("sleep 34.25"))
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    Path(f"{marks}2").touch()
    repo.run("run")
    assert marks.read_text().count("x") == 4  # cut short, again, and once per attempt


def test_a_hangup_that_nohup_ignores_is_ignored(repo: Repo) -> None:
    slow(repo, "1")
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(repo) as process:
            process.send_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, old)
    assert process.returncode == 0
    assert sorted(repo.landed()) == ["a", "b"]


def on_a_terminal(repo: Repo, *argv: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run with a pseudo-terminal as every stream; return the exit code and all that was written to it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(repo.root)
        os.execve(sys.executable, [*ARGV, *argv], {**repo.env, **env})  # noqa: S606 - no shell is the point
    said = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()


def test_a_terminal_gets_a_live_view_with_a_row_per_agent(repo: Repo) -> None:
    code, said = on_a_terminal(slow(repo, "1"), "run", env={"TERM": "xterm"})
    assert code == 0
    assert re.search(r"0/2 done  \d+s  checkpoint 0001 \([0-9a-f]{7}\)", said)
    assert re.search(r"  a/1  sh  \d+s  silent \d+s", said)
    assert "landed b as " in said
    assert said.rstrip().endswith("next: orchestrator log   # what was done, commit by commit")


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        ([], {"TERM": "dumb"}),
        ([], {"TERM": "xterm", "NO_COLOR": "1"}),
        ([], {"TERM": "xterm", "CLAUDECODE": "1"}),
        (["--no-live"], {"TERM": "xterm"}),
    ],
)
def test_a_terminal_that_wants_none_gets_plain_lines(repo: Repo, flags: list[str], env: dict[str, str]) -> None:
    code, said = on_a_terminal(two(repo), "run", *flags, env=env)
    assert code == 0
    assert "\x1b" not in said
    assert "landed b as " in said
