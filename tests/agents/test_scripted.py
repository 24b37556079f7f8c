"""The scripted agent's format: what it does, which entry it takes, and how it refuses a mistake."""

import threading
from pathlib import Path

import pytest

from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.agents.script import Script
from orchestrator.agents.scripted import ScriptedAgent
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure


def play(text: str, tmp_path: Path, task: str = "greet", attempt: int = 1) -> Answer:
    worktree = tmp_path / "worktree"
    worktree.mkdir(exist_ok=True)
    (tmp_path / "script.toml").write_text(text)
    assignment = Assignment(
        task=task,
        attempt=attempt,
        spec="the spec\n",
        spec_path=tmp_path / "spec.md",
        result_path=tmp_path / "result.md",
        files=(),
        worktree=worktree,
        logs=tmp_path / "logs",
        token="t",  # noqa: S106  # a mark, not a secret
        timeout=5,
        idle=None,
    )
    agent = ScriptedAgent("demo", tmp_path / "script.toml")
    return agent.run(assignment, cancel=threading.Event(), transcript=lambda _event, _facts: None)


def test_writes_appends_deletes_and_echoes(tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    (worktree / "old.txt").touch()
    (worktree / "log.txt").write_text("one\n")
    answer = play(
        """
        [[attempt]]
        write = {"src/ü.py" = "x = 1\\n"}
        append = {"log.txt" = "two\\n"}
        delete = ["old.txt"]
        echo = "spec.txt"
        say = "done"
        """,
        tmp_path,
    )
    assert (answer.failure, answer.detail) == (None, "done")
    files = {path.name: path.read_text() for path in worktree.rglob("*") if path.is_file()}
    assert files == {"ü.py": "x = 1\n", "log.txt": "one\ntwo\n", "spec.txt": "the spec\n"}


SEVERAL = """
[[attempt]]
say = "anybody"
[[attempt]]
task = "greet"
say = "greet, any attempt"
[[attempt]]
task = "greet"
attempt = 2
exit = "failed"
say = "greet, second"
"""


@pytest.mark.parametrize(
    ("task", "attempt", "said"),
    [("greet", 1, "greet, any attempt"), ("greet", 2, "greet, second"), ("part", 2, "anybody")],
)
def test_the_entry_that_says_most_is_taken(task: str, attempt: int, said: str, tmp_path: Path) -> None:
    assert play(SEVERAL, tmp_path, task, attempt).detail == said


def test_no_entry_is_fatal(tmp_path: Path) -> None:
    answer = play('[[attempt]]\ntask = "other"\n', tmp_path)
    assert (answer.failure, answer.detail) == (
        Failure.FATAL,
        "agents.demo.script has no attempt 1 of 'greet'",
    )


def test_symlinks_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "worktree").mkdir()
    (tmp_path / "worktree" / "link").symlink_to(tmp_path)
    answer = play('[[attempt]]\nwrite = {"link/x" = ""}\n', tmp_path)
    assert answer.failure is Failure.DETERMINISTIC
    assert answer.detail.endswith("/worktree/link: a symlink; the scripted agent follows none")
    assert not (tmp_path / "x").exists()


def test_deleting_what_is_not_there_is_a_failure(tmp_path: Path) -> None:
    answer = play('[[attempt]]\ndelete = ["typo.py"]\n', tmp_path)
    assert answer.failure is Failure.DETERMINISTIC
    assert answer.detail.endswith("/typo.py: No such file or directory")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[[attempt]]\nwirte = {}\n", "s.toml:2: attempt[1].wirte: unknown key", "did you mean `write`?"),
        (
            "[[attempt]]\n[attempt.write]\na = ''\n\n[[ 'attempt' ]]\n\n[attempt.write]\n\"/b\" = ''\n",
            's.toml:7: attempt[2].write: "/b" leaves the worktree',
            "write a relative path without `..`",
        ),
        (
            "[[attempt]]\nsleep = nan\n",
            "s.toml:2: attempt[1].sleep: NaN is no time to sleep",
            "write seconds; `hang = true` never ends",
        ),
        (
            "[[attempt]]\nsleep = 1e300\n",
            "s.toml:2: attempt[1].sleep: 1e+300 is no time to sleep",
            "write seconds; `hang = true` never ends",
        ),
        (
            f"[[attempt]]\nsay = 0x{'f' * 5000}\n",
            "s.toml:2: attempt[1].say: this is not text",
            "write text",
        ),
        ("[[atempt]]\n", "s.toml:1: atempt: unknown key", "did you mean `attempt`?"),
        ("", "s.toml:1: no attempt in it", 'start each with "[[attempt]]"'),
        ("attempt = [1]\n", "s.toml:1: attempt[1]: not a table", 'write "[[attempt]]"'),
        (
            '[[attempt]]\nexit = "done"\n',
            's.toml:2: attempt[1].exit: "done" is not an exit',
            "one of: complete, transient, failed",
        ),
        (
            "[[attempt]]\n[[attempt]]\nsleep = true\n",
            "s.toml:3: attempt[2].sleep: true is not a number",
            "write a number",
        ),
        (
            "[[attempt]]\nwrite = {x = 1}\n",
            "s.toml:2: attempt[1].write: a table is not a table of texts",
            "write a table of texts",
        ),
        (
            '[[attempt]]\ndelete = "x"\n',
            's.toml:2: attempt[1].delete: "x" is not a list of texts',
            "write a list of texts",
        ),
        (
            '[[attempt]]\nwrite = {"../x" = ""}\n',
            's.toml:2: attempt[1].write: "../x" leaves the worktree',
            "write a relative path without `..`",
        ),
        (
            '[[attempt]]\necho = "/etc/x"\n',
            's.toml:2: attempt[1].echo: "/etc/x" leaves the worktree',
            "write a relative path without `..`",
        ),
    ],
)
def test_mistakes_are_named_with_file_and_key(text: str, said: str, hint: str) -> None:
    with pytest.raises(OrchestratorError) as caught:
        Script.parse(text, "s.toml")
    assert (str(caught.value), caught.value.hint) == (said, hint)


def test_broken_toml_is_named_with_its_line() -> None:
    with pytest.raises(OrchestratorError, match=r"s\.toml:2: .*line 2"):
        Script.parse("[[attempt]]\nx = = 1\n", "s.toml")


@pytest.mark.parametrize("text", [f"x = {'9' * 5000}\n", "x = " + "[" * 5000, "x" + ".x" * 100 + " = 1"])
def test_what_tomllib_cannot_take_is_named_with_its_line(text: str) -> None:
    with pytest.raises(OrchestratorError, match=r"s\.toml:3: "):
        Script.parse(f"[[attempt]]\n\n{text}", "s.toml")


def test_a_file_that_is_no_text_or_too_long_is_named_with_its_line(tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    for data, said in ((b"[[attempt]]\n\xff", "2: not UTF-8"), (b"#\n" * (1 << 22), "2097153: larger than 4,096 KiB")):
        script.write_bytes(data)
        with pytest.raises(OrchestratorError, match=f"s.toml:{said}"):
            Script.load(script)


def test_check_names_the_configuration_key(tmp_path: Path) -> None:
    with pytest.raises(OrchestratorError) as caught:
        ScriptedAgent("demo", tmp_path / "none.toml").check()
    assert caught.value.message == "agents.demo.script: cannot read the script: No such file or directory"
    assert (caught.value.where, caught.value.code) == (str(tmp_path / "none.toml"), Exit.MISSING)


def test_the_format_in_the_docstring_is_valid() -> None:
    from orchestrator.agents import script  # noqa: PLC0415  # the module itself is the subject

    text = (script.__doc__ or "").partition("\n\n")[2]
    step = Script.parse(text, "docstring").steps[0]
    assert (step.task, step.attempt, step.sleep, step.exit) == ("greet", 1, 0.2, "complete")
