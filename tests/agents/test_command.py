"""What only the command agent does: placeholders, environment, exit statuses, a wary look at the result."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.agents.command import CommandAgent, fill
from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure

ENV = {"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "secret", "GIT_DIR": "/elsewhere", "MY_FLAG": "1"}
COMPLETE = "## Result: x\n\n**Status**: Complete\n"


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    worktree = tmp_path / "work tree"
    worktree.mkdir()
    return Assignment(
        task="add-x",
        attempt=2,
        spec="the spec",
        spec_path=tmp_path / "add-x.md",
        result_path=tmp_path / "results" / "add-x.result.md",
        files=("src/a b.py", "-c.py"),
        worktree=worktree,
        logs=tmp_path / "logs",
        token=tmp_path.name,
        timeout=10,
        idle=None,
    )


def shell(script: str, assignment: Assignment, *passed: str) -> Answer:
    agent = CommandAgent("sh", ("sh", "-c", script), env_passed=passed, base_env=ENV)
    return agent.run(assignment, cancel=threading.Event(), transcript=lambda _event, _facts: None)


def test_placeholders(assignment: Assignment) -> None:
    argv = ("tool", "{files}", "--task={task}", "{spec}:{result}", "[{files}]", "{print $1}", "{other}", "{}")
    spec, result = assignment.spec_path, assignment.result_path
    assert list(fill(argv, assignment)) == [
        "tool",
        "src/a b.py",
        "./-c.py",
        "--task=add-x",
        f"{spec}:{result}",
        "[src/a b.py ./-c.py]",
        "{print $1}",
        "{other}",
        "{}",
    ]


def test_a_value_is_not_filled_in_again(assignment: Assignment) -> None:
    assert list(fill(("{task}",), replace(assignment, task="{files}"))) == ["{files}"]


def test_no_files_are_no_arguments(assignment: Assignment) -> None:
    assert list(fill(("tool", "{files}"), replace(assignment, files=()))) == ["tool"]


def test_the_environment_is_clean_and_says_what_is_wanted(assignment: Assignment) -> None:
    shell("env > env.txt; pwd >> env.txt", assignment, "MY_*")
    lines = (assignment.worktree / "env.txt").read_text()
    assert "\nMY_FLAG=1\n" in "\n" + lines
    assert "secret" not in lines
    assert "GIT_DIR" not in lines
    assert f"ORCHESTRATOR_FILES={assignment.files[0]}\n{assignment.files[1]}\n" in lines
    for name, value in {
        "TASK": "add-x",
        "ATTEMPT": "2",
        "SPEC": assignment.spec_path,
        "RESULT": assignment.result_path,
        "TOKEN": assignment.token,
    }.items():
        assert f"ORCHESTRATOR_{name}={value}\n" in lines
    assert lines.endswith(f"{assignment.worktree}\n")


def test_its_own_git_is_durable_and_asks_nobody(assignment: Assignment) -> None:
    script = "for key in core.fsync core.fsyncMethod gc.auto maintenance.auto; do git config $key; done >&2"
    answer = shell(f"{script}; echo $GIT_TERMINAL_PROMPT $GIT_OPTIONAL_LOCKS >&2", assignment)
    assert answer.detail == "all\nfsync\n0\nfalse\n0 0"


@pytest.mark.parametrize(
    ("script", "failure", "detail", "code"),
    [
        ("echo fine", None, "fine", 0),
        ("echo busy >&2; exit 75", Failure.TRANSIENT, "busy", 75),
        ("echo why >&2; exit 3", Failure.DETERMINISTIC, "exit status 3\nwhy", 3),
        ("kill -9 $$", Failure.DETERMINISTIC, "ended by signal 9 (Killed)", -9),
    ],
)
def test_the_exit_status_is_its_word(
    script: str, failure: Failure | None, detail: str, code: int, assignment: Assignment
) -> None:
    answer = shell(script, assignment)
    assert (answer.failure, answer.detail, answer.code) == (failure, detail, code)


def test_timeouts_say_which(assignment: Assignment) -> None:
    total = shell("echo working; sleep 9", replace(assignment, timeout=0.2))
    idle = shell("sleep 9", replace(assignment, idle=0.2))
    assert (total.failure, total.detail) == (Failure.TIMEOUT, "not done after 0.2 s\nworking")
    assert (idle.failure, idle.detail) == (Failure.TIMEOUT, "silent for 0.2 s")


def test_a_result_written_before_a_timeout_is_kept(assignment: Assignment) -> None:
    answer = shell(f"printf '{COMPLETE}' > $ORCHESTRATOR_RESULT; sleep 9", replace(assignment, idle=0.2))
    assert (answer.failure, answer.result) == (Failure.TIMEOUT, COMPLETE.encode())


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("ln -s /etc/hostname $ORCHESTRATOR_RESULT", "it is not a regular file"),
        ("mkfifo $ORCHESTRATOR_RESULT", "it is not a regular file"),
        ("mkdir $ORCHESTRATOR_RESULT", "it is not a regular file"),
        ("head -c 65537 /dev/zero > $ORCHESTRATOR_RESULT", "it is larger than 65,536 bytes"),
        ("cd ..; mv results r; ln -s r results; echo > r/add-x.result.md", "replaced by a symlink"),
        (r"printf '\377' > $ORCHESTRATOR_RESULT", "add-x.result.md:1: "),
        ("echo hello > $ORCHESTRATOR_RESULT", "add-x.result.md:1: "),
    ],
)
def test_an_odd_result_file_is_a_failure(script: str, said: str, assignment: Assignment) -> None:
    answer = shell(script, assignment)
    assert answer.failure is Failure.DETERMINISTIC
    assert said in answer.detail


@pytest.mark.parametrize("status", ["Blocked", "Partial", "Failed"])
def test_a_result_that_is_not_complete_names_status_and_issues(status: str, assignment: Assignment) -> None:
    document = f"## Result: x\\n\\n**Status**: {status}\\n**Issues**: no key\\n"
    answer = shell(f"printf '{document}' > $ORCHESTRATOR_RESULT", assignment)
    assert (answer.failure, answer.detail) == (
        Failure.DETERMINISTIC,
        f"the result document says {status}: no key",
    )


def test_a_missing_command_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(OrchestratorError) as caught:
        CommandAgent("fix", ("no-such-tool", "x"), base_env=ENV, root=tmp_path).check()
    assert str(caught.value) == "agents.fix.command: no command 'no-such-tool' on PATH"
    assert (caught.value.hint, caught.value.code) == (
        "install it, or correct agents.fix.command in orchestrator.toml",
        Exit.MISSING,
    )


def test_a_relative_command_is_looked_for_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "fix").write_text("#!/bin/sh\n")
    (tmp_path / "fix").chmod(0o755)
    CommandAgent("fix", ("./fix",), base_env=ENV, root=tmp_path).check()


def test_the_transcript_has_start_and_end(assignment: Assignment) -> None:
    events: list[tuple[str, object]] = []
    agent = CommandAgent("ok", ("true", "{task}"), base_env=ENV)
    agent.run(assignment, cancel=threading.Event(), transcript=lambda *event: events.append(event))
    started, ended = events
    assert started == ("started", {"argv": ["true", "add-x"], "cwd": str(assignment.worktree)})
    assert ended[0] == "ended"


def test_a_log_that_cannot_be_written_is_not_held_against_the_agent(assignment: Assignment) -> None:
    assert assignment.logs is not None
    assignment.logs.mkdir()
    (assignment.logs / "stderr.log").mkdir()
    with pytest.raises(OrchestratorError, match=r"cannot write the log .*stderr\.log") as caught:
        shell("true", assignment)
    assert caught.value.hint
