"""What stdout cannot hold, and who stops reading it: the verb's own exit code stands, and what is printed can be read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Repo


def planned(repo: Repo, *, verify: str = "") -> None:
    repo.task("a: Prüfung")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"', verify=verify)
    repo.commit("a project")


@pytest.mark.parametrize("argv", [("task", "list"), ("log",), ("brief",), ("inspect", "a"), ("status",)])
def test_what_the_encoding_lacks_is_spelled_out(repo: Repo, argv: tuple[str, ...]) -> None:
    planned(repo)
    repo.run("run")
    env = {"PYTHONIOENCODING": "ascii"}
    text = repo.run(*argv, env=env).out
    assert text.isascii()
    whole = repo.run(*argv, "--json", env=env)
    assert whole.out.isascii()
    assert whole.json["data"] == repo.run(*argv, "--json").json["data"]


def test_an_error_that_the_encoding_lacks_is_told(repo: Repo) -> None:
    planned(repo, verify="echo prüf; false")
    said = repo.run("run", "--json", code=5, env={"PYTHONIOENCODING": "ascii"})
    assert "prüf" in said.json["data"]["error"]["message"]


def piped(repo: Repo, out: int | Path, *argv: str, unbuffered: bool) -> subprocess.CompletedProcess[str]:
    env = {**repo.env, **({"PYTHONUNBUFFERED": "1"} if unbuffered else {})}
    with open(out, "wb", closefd=True) as stream:  # noqa: PTH123 - a descriptor, or /dev/full
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *argv],
            cwd=repo.root,
            env=env,
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize(("argv", "code"), [(("log",), 0), (("run", "--json"), 5), (("status", "--json"), 0)])
def test_a_reader_that_is_gone_changes_no_exit_code(
    repo: Repo,
    argv: tuple[str, ...],
    code: int,
    unbuffered: bool,  # noqa: FBT001 - a case has it
) -> None:
    planned(repo, verify="false")
    read, write = os.pipe()
    os.close(read)
    done = piped(repo, write, *argv, unbuffered=unbuffered)
    assert done.returncode == code
    assert "BrokenPipe" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("argv", [("status",), ("status", "--json"), ("run", "--events", "jsonl")])
def test_a_full_disk_below_stdout_is_an_error(
    repo: Repo,
    argv: tuple[str, ...],
    unbuffered: bool,  # noqa: FBT001 - a case has it
) -> None:
    planned(repo)
    done = piped(repo, Path("/dev/full"), *argv, unbuffered=unbuffered)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(argv) > 1 or "No space left on device" in done.stderr


def test_json_is_utf_8_where_stdout_is(repo: Repo) -> None:
    planned(repo)
    out = repo.run("task", "list", "--json").out
    assert "Prüfung" in out
    assert json.loads(out)["ok"]
