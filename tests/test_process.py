"""The subprocess door, with real processes: what it hands back, its limits, and that nothing outlives it."""

# ruff: noqa: S106  # a token here is a mark, not a secret

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import orchestrator
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.process import Cause, Ended, Limits, StartError, environment, find, missing, reap, run, table

ENV = {"PATH": os.environ["PATH"]}
CHILD = {**os.environ, "PYTHONPATH": str(Path(orchestrator.__file__).parents[1])}
TOTAL = Limits(total=20, idle=None)


def go(script: str, folder: Path, limits: Limits = TOTAL, **more: object) -> Ended:
    """Run a shell script as an agent would be run."""
    arguments: dict[str, object] = {"token": f"{folder.name}-{script[:20]}", "cancel": threading.Event()}
    return run(["sh", "-c", script], cwd=folder, env=ENV, limits=limits, **(arguments | more))


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pid_in(path: Path) -> int:
    """Wait for a process to write its pid to a file."""
    deadline = time.monotonic() + 5
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.01)
    return int(path.read_text())


def gone(pid: int) -> bool:
    """Whether a process ends within two seconds."""
    deadline = time.monotonic() + 2
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def descriptors() -> int:
    """How many files this process has open."""
    return psutil.Process().num_fds()


class TestWhatComesBack:
    def test_output_status_and_cause(self, tmp_path: Path) -> None:
        ended = go("echo out; echo err >&2; exit 3", tmp_path)
        assert (ended.code, ended.cause, ended.stdout, ended.stderr) == (3, Cause.EXIT, "out\n", "err\n")
        assert 0 < ended.seconds < 1
        assert ended.survivors == ()

    def test_a_signal_is_a_negative_status(self, tmp_path: Path) -> None:
        assert go("kill -KILL $$", tmp_path).code == -signal.SIGKILL

    def test_last_lines_prefer_stderr_and_drop_control_codes(self, tmp_path: Path) -> None:
        ended = go(r"seq 30; printf '\033[31mred\033[0m 1%%\r2%%\n\n' >&2", tmp_path)
        assert ended.last_lines() == "red 1%\n2%"
        assert go("seq 30", tmp_path).last_lines(2) == "29\n30"

    def test_invalid_utf_8_is_replaced(self, tmp_path: Path) -> None:
        assert go(r"printf 'a\377b'", tmp_path).stdout == "a\ufffdb"

    def test_each_line_is_heard_as_it_comes(self, tmp_path: Path) -> None:
        lines: list[str] = []
        go("echo one; echo ignored >&2; printf two", tmp_path, heard=lines.append)
        assert lines == ["one", "two"]

    def test_stdin_is_the_whole_text(self, tmp_path: Path) -> None:
        assert go("wc -c", tmp_path, stdin=b"x" * (1 << 20)).stdout.strip() == str(1 << 20)

    def test_stdin_need_not_be_read(self, tmp_path: Path) -> None:
        assert go("exec <&-; sleep 0.1; exit 4", tmp_path, stdin=b"x" * (1 << 20)).code == 4
        assert go("sleep 0.1", tmp_path, stdin=b"x" * (1 << 20)).code == 0

    def test_paths_with_spaces_and_non_ascii(self, tmp_path: Path) -> None:
        folder = tmp_path / "ein Ordner, mit ü"
        folder.mkdir()
        ended = run(["printf", "%s", "ä b"], cwd=folder, env=ENV, limits=TOTAL, token="ü", cancel=threading.Event())
        assert ended.stdout == "ä b"

    def test_a_callback_that_fails_ends_the_tree(self, tmp_path: Path) -> None:
        def fail(line: str) -> None:
            raise RuntimeError(line)

        with pytest.raises(RuntimeError, match="stop"):
            go("sleep 60 & echo $! > pid; echo stop; wait", tmp_path, heard=fail)
        assert gone(pid_in(tmp_path / "pid"))


class TestLimits:
    def test_total(self, tmp_path: Path) -> None:
        ended = go("while :; do echo x; sleep 0.05; done", tmp_path, Limits(0.3, 10))
        assert (ended.code, ended.cause) == (None, Cause.TIMEOUT)
        assert 0.3 <= ended.seconds < 1

    def test_idle(self, tmp_path: Path) -> None:
        ended = go("for i in 1 2 3 4; do echo $i; sleep 0.15; done; sleep 60", tmp_path, Limits(20, 0.4))
        assert (ended.cause, ended.stdout) == (Cause.IDLE, "1\n2\n3\n4\n")
        assert ended.seconds > 0.8

    @pytest.mark.parametrize("limits", [Limits(1.5, None), Limits(20, 1.0)])
    def test_a_standstill_of_ours_is_held_against_nobody(self, limits: Limits, tmp_path: Path) -> None:
        """As after Ctrl-Z: the child ends in time, or speaks all the while, and is heard before it is judged."""
        script = "for i in 1 2 3 4; do echo $i; sleep 0.25; done"
        body = f"""
            limits = Limits({limits.total}, {limits.idle})
            ended = run(["sh", "-c", {script!r}], cwd=Path("."), env=dict(os.environ), limits=limits, token="t",
                        cancel=threading.Event())
            print(ended.cause.name, ended.code, flush=True)
        """
        started = subprocess.Popen(
            [sys.executable, "-c", program(body)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        time.sleep(0.7)
        started.send_signal(signal.SIGSTOP)
        time.sleep(2)
        started.send_signal(signal.SIGCONT)
        assert started.communicate(timeout=30)[0] == "EXIT 0\n"

    def test_cancel(self, tmp_path: Path) -> None:
        cancel = threading.Event()
        threading.Timer(0.2, cancel.set).start()
        ended = go("sleep 60", tmp_path, cancel=cancel)
        assert (ended.code, ended.cause) == (None, Cause.CANCELLED)
        assert ended.seconds < 0.6

    def test_cancelled_before_the_start(self, tmp_path: Path) -> None:
        cancel = threading.Event()
        cancel.set()
        assert go("touch started", tmp_path, cancel=cancel).cause is Cause.CANCELLED
        assert list(tmp_path.iterdir()) == []

    def test_last_words_after_sigterm_are_kept(self, tmp_path: Path) -> None:
        ended = go("trap 'echo bye; exit' TERM; while :; do sleep 0.02; done", tmp_path, Limits(0.2, None))
        assert (ended.cause, ended.stdout) == (Cause.TIMEOUT, "bye\n")

    def test_a_flood_is_cut_and_blocks_nobody(self, tmp_path: Path) -> None:
        before = psutil.Process().memory_info().rss
        ended = go("head -c 50000000 /dev/zero; echo END", tmp_path, Limits(20, None, 1000), logs=tmp_path / "logs")
        assert (ended.code, len(ended.stdout), ended.stdout[-4:]) == (0, 1 << 16, "END\n")
        log = (tmp_path / "logs" / "stdout.log").read_bytes()
        assert log == bytes(1000) + b"\n[truncated: the first 1000 bytes are kept]\n"
        assert psutil.Process().memory_info().rss - before < 10_000_000

    def test_logs_hold_what_was_said(self, tmp_path: Path) -> None:
        go("echo out; echo err >&2", tmp_path, logs=tmp_path / "new" / "logs")
        assert (tmp_path / "new" / "logs" / "stdout.log").read_text() == "out\n"
        assert (tmp_path / "new" / "logs" / "stderr.log").read_text() == "err\n"

    def test_a_log_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OrchestratorError, match="cannot write the log") as caught:
            go("true", tmp_path, logs=tmp_path / "file")
        assert caught.value.code is Exit.PRECONDITION


ESCAPES = {
    "background": "sleep 60 & echo $! > pid",
    "holds no pipe": "sleep 60 >/dev/null 2>&1 & echo $! > pid",
    "own session": "setsid sh -c 'echo $$ > pid; exec sleep 60' &",
    "own session, no pipe": "setsid sh -c 'echo $$ > pid; exec sleep 60' >/dev/null 2>&1 &",
    "double fork": "(setsid sh -c 'sh -c \"echo \\$\\$ > pid; exec sleep 60\" &' &) >/dev/null 2>&1",
    "scrubbed in its session": "env -i sh -c 'echo $$ > pid; exec sleep 60' >/dev/null 2>&1 &",
    "deaf to SIGTERM": "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &",
}


class TestTheWholeTreeEnds:
    @pytest.mark.parametrize("escape", ESCAPES)
    def test_after_a_natural_end(self, escape: str, tmp_path: Path) -> None:
        ended = go(f"{ESCAPES[escape]}\nuntil [ -s pid ]; do sleep 0.01; done; exit 7", tmp_path)
        assert (ended.code, ended.cause, ended.survivors) == (7, Cause.EXIT, ())
        assert ended.seconds < 2
        assert not alive(pid_in(tmp_path / "pid"))

    @pytest.mark.parametrize("escape", ESCAPES)
    def test_after_a_timeout(self, escape: str, tmp_path: Path) -> None:
        ended = go(f"{ESCAPES[escape]}\nsleep 60", tmp_path, Limits(0.3, None))
        assert (ended.cause, ended.survivors) == (Cause.TIMEOUT, ())
        assert ended.seconds < 2
        assert not alive(pid_in(tmp_path / "pid"))

    def test_when_its_first_thread_has_ended_and_another_goes_on(self, tmp_path: Path) -> None:
        code = """
            import ctypes, os, pathlib, threading, time
            def work():
                pathlib.Path("pid").write_text(str(os.getpid()))
                time.sleep(60)
            threading.Thread(target=work).start()
            ctypes.CDLL(None).pthread_exit(None)
        """
        (tmp_path / "half.py").write_text(textwrap.dedent(code))
        ended = go(f"exec {sys.executable} half.py", tmp_path, Limits(1, None))
        assert ended.cause is Cause.TIMEOUT
        with pytest.raises(psutil.NoSuchProcess):
            psutil.Process(pid_in(tmp_path / "pid"))

    def test_a_child_that_lost_its_environment_and_its_parent_while_it_is_one(self, tmp_path: Path) -> None:
        script = "env -i setsid sh -c 'echo $$ > pid; exec sleep 60' & wait"
        assert go(script, tmp_path, Limits(0.3, None)).cause is Cause.TIMEOUT
        assert not alive(pid_in(tmp_path / "pid"))

    def test_sixteen_at_once_end_their_own_and_nobody_elses(self, tmp_path: Path) -> None:
        bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)

        def one(number: int) -> tuple[str, int]:
            folder = tmp_path / str(number)
            folder.mkdir()
            script = f"setsid sh -c 'echo $$ > pid; exec sleep 60' & sleep 0.{number:02}; echo {number}"
            ended = go(f"{script}; until [ -s pid ]; do sleep 0.01; done", folder, token=f"t{number}")
            return ended.stdout, alive(pid_in(folder / "pid"))

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(one, range(16)))
        assert found == [(f"{number}\n", False) for number in range(16)]
        assert bystander.poll() is None
        bystander.kill()
        bystander.wait()

    def test_a_token_that_is_in_use_is_refused(self, tmp_path: Path) -> None:
        def second(_line: str) -> None:
            go("true", tmp_path, token="one")

        with pytest.raises(ValueError, match="'one' belongs to a run that is still going"):
            go("echo ready; sleep 60", tmp_path, token="one", heard=second)

    def test_nothing_is_left_open(self, tmp_path: Path) -> None:
        go("true", tmp_path)
        before = descriptors()
        for _ in range(20):
            go("echo x", tmp_path, stdin=b"y", logs=tmp_path)
        assert descriptors() == before


def program(body: str) -> str:
    """A program that runs shell scripts through the door, in a process of its own."""
    return f"""
import os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from orchestrator.process import *
def go(script, token=f"leader {{os.getpid()}}", folder="."):
    return run(["sh", "-c", script], cwd=Path(folder), env=dict(os.environ), limits=Limits(20, None),
        token=token, cancel=threading.Event())
{textwrap.dedent(body)}
"""


@pytest.fixture
def leader(tmp_path: Path) -> Callable[[str], str]:
    """Run a program that uses the door and hand back what it prints."""

    def start(body: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program(body)],
            cwd=tmp_path,
            env=CHILD,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return start


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to a subreaper")
BWRAP = "bwrap --die-with-parent --dev-bind / / --unshare-pid --unshare-user"
NAMESPACES = pytest.mark.skipif(
    subprocess.run([*BWRAP.split(), "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("bwrap")
    else True,
    reason="no bubblewrap that works here",
)
SCRUBBED = "(env -i setsid sh -c 'echo $$ > pid; exec sleep 60' >/dev/null 2>&1 &); until [ -s pid ]; do :; done"


@LINUX
class TestOrphansThatScrubTheirEnvironment:
    def test_end_with_the_attempt(self, leader: Callable[[str], str], tmp_path: Path) -> None:
        assert leader(f"print(become_subreaper(), go({SCRUBBED!r}).survivors)") == "True ()\n"
        assert not alive(pid_in(tmp_path / "pid"))

    def test_end_while_another_run_goes_on(self, leader: Callable[[str], str]) -> None:
        said = leader(f"""
            become_subreaper()
            Path("other").mkdir()
            with ThreadPoolExecutor() as pool:
                other = pool.submit(go, "setsid sh -c 'sleep 0.5; echo done' & wait", "other", "other")
                time.sleep(0.1)
                Path("one").mkdir()
                go({SCRUBBED!r}, "one", "one")
                pid = int(Path("one/pid").read_text())
                print(other.done(), Path(f"/proc/{{pid}}").exists())
                print(other.result().stdout)
        """)
        assert said == "False False\ndone\n\n"

    @NAMESPACES
    def test_leave_no_mark_on_a_run_that_closes_namespaces_beside_them(self, leader: Callable[[str], str]) -> None:
        # Each bwrap ends before its namespace does, which nobody can then tell from another run's.
        said = leader(f"""
            become_subreaper()
            with ThreadPoolExecutor() as pool:
                tests = pool.submit(go, "for n in $(seq 40); do {BWRAP} sh -c 'sleep 5 & exit 0'; done; echo red; exit 1", "tests")
                for number in range(1000):
                    if not tests.done():
                        go("sleep 0.02", f"other {{number}}")
                print(tests.result().code, tests.result().stdout)
        """)
        assert said == "1 red\n\n"

    def test_children_of_other_doors_are_left_alone(self, leader: Callable[[str], str]) -> None:
        said = leader("""
            import subprocess
            become_subreaper()
            other = subprocess.Popen(["sleep", "0.5"], process_group=0)
            go("true")
            print(other.wait())
        """)
        assert said == "0\n"


class TestReap:
    def test_ends_what_a_killed_leader_left(self, tmp_path: Path) -> None:
        script = "setsid sh -c 'echo $$ > pid; exec sleep 60' & wait"
        killed = subprocess.Popen(
            [sys.executable, "-c", program(f"go({script!r}, 'flow/a/1')")], cwd=tmp_path, env=CHILD
        )
        pid = pid_in(tmp_path / "pid")
        killed.kill()
        killed.wait()
        assert alive(pid)
        assert reap("flow/b/") == ()
        assert pid in reap("flow/a/")
        assert gone(pid)
        assert reap("flow/") == ()

    def test_spares_itself_and_its_ancestors(self, tmp_path: Path) -> None:
        inner = program("print(reap('own/'))")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])",
            ],
            cwd=tmp_path,
            env={**CHILD, "ORCHESTRATOR_TOKEN": "own/1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("()\n", "")

    def test_refuses_an_empty_prefix(self) -> None:
        with pytest.raises(ValueError, match="every process"):
            reap("")


class TestStarting:
    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["no-such-command"], "cannot start 'no-such-command': No such file or directory"),
            (["./data.txt"], "cannot start './data.txt': Permission denied"),
            (["./odd"], "cannot start './odd': Exec format error"),
            (["true", "x" * (1 << 18)], "cannot start 'true': Argument list too long"),
        ],
    )
    def test_a_command_that_cannot_start(self, argv: list[str], said: str, tmp_path: Path) -> None:
        (tmp_path / "data.txt").touch()
        (tmp_path / "odd").write_bytes(b"\0not a program")
        (tmp_path / "odd").chmod(0o755)
        with pytest.raises(OrchestratorError) as caught:
            run(argv, cwd=tmp_path, env=ENV, limits=TOTAL, token="t", cancel=threading.Event())
        assert (str(caught.value), caught.value.code) == (said, Exit.MISSING)
        assert caught.value.hint

    @pytest.mark.skipif(sys.platform != "linux", reason="the lowest free descriptor is found as Linux gives it")
    def test_a_machine_that_is_short_of_descriptors_may_have_some_later(self, tmp_path: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            with pytest.raises(StartError, match=r"cannot start 'sh' now: Too many open files") as caught:
                go("true", tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.passing

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(OrchestratorError, match=r"cannot run 'sh' in .*: No such file"):
            go("true", tmp_path / "nowhere")

    def test_find_looks_where_execvp_would(self, tmp_path: Path) -> None:
        tool = tmp_path / "bin" / "tool"
        tool.parent.mkdir()
        tool.touch()
        env = {"PATH": f"/nowhere:{tmp_path / 'bin'}"}
        assert missing("tool", cwd=tmp_path, env=env)
        tool.chmod(0o755)
        assert find("tool", cwd=tmp_path, env=env) == str(tool)
        assert find("bin/tool", cwd=tmp_path, env={}) == str(tool)
        assert find("tool", cwd=tmp_path, env={"PATH": "bin"}) == str(tool)
        assert missing("bin", cwd=tmp_path, env={"PATH": str(tmp_path)})
        assert missing("", cwd=tmp_path, env=env)


class TestEnvironment:
    BASE: Mapping[str, str] = {
        "PATH": "/bin",
        "LC_TIME": "C",
        "GIT_DIR": "x",
        "PYTHONPATH": "x",
        "ANTHROPIC_API_KEY": "secret",
        "MY_ONE": "1",
        "MY_TWO": "2",
    }

    def test_is_clean(self) -> None:
        assert environment(self.BASE, (), {}) == {"PATH": "/bin", "LC_TIME": "C", "TERM": "dumb"}

    def test_lets_through_what_is_named_and_adds_what_is_given(self) -> None:
        chosen = environment({**self.BASE, "TERM": "xterm"}, ("MY_*", "GIT_DIR"), {"MY_ONE": "one"})
        assert chosen == {
            "PATH": "/bin",
            "LC_TIME": "C",
            "TERM": "xterm",
            "GIT_DIR": "x",
            "MY_ONE": "one",
            "MY_TWO": "2",
        }


def test_the_portable_table_says_the_same() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    row, same = table.processes()[child.pid], table.portable()[child.pid]
    assert row[:4] == same[:4] == (child.pid, os.getpid(), child.pid, child.pid)
    assert not row.zombie
    assert not same.zombie
    child.kill()
    child.wait()


HOLES = """
import ctypes
from orchestrator.process import give_memory_back

class Facts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "a", "b", "c", "mapped", "d", "e", "f", "g", "h")]

C = ctypes.CDLL(None)
C.mallinfo2.restype = Facts
give_memory_back()
before = C.mallinfo2().mapped
for size in range(20, 25):
    large = bytes(1 << size)
    assert C.mallinfo2().mapped >= before + (1 << size), size
    del large
    assert C.mallinfo2().mapped <= before, size
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another C library")
def test_what_was_large_leaves_no_hole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLES], cwd=tmp_path, env=CHILD, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


PRESSED = """
    import os, signal, threading
    from pathlib import Path
    from orchestrator.process import Limits, run
    from orchestrator.repo.git import Git

    signal.signal(signal.SIGINT, lambda *_: None)
    here, env, over = Path.cwd(), {"PATH": os.environ["PATH"]}, threading.Event()
    limits = Limits(total=20, idle=None)
    git = Git(here, env)

    def press():
        while not over.wait(0.001):
            os.killpg(0, signal.SIGINT)

    threading.Thread(target=press).start()
    ends = set()
    for number in range(100):
        ends.add(run(["true"], cwd=here, env=env, limits=limits, token=str(number), cancel=over).code)
        ends.add(git.attempt("--version").returncode)
        with git.meanwhile("--version") as records:
            ends.add(0 if records() else "no answer")
    over.set()
    print(ends)
"""


def test_ctrl_c_at_the_moment_in_which_a_child_is_started_does_not_end_it(tmp_path: Path) -> None:
    """A terminal sends it to the whole group, to which a child belongs until it has left it."""
    argv = [sys.executable, "-c", textwrap.dedent(PRESSED)]
    done = subprocess.run(
        argv, cwd=tmp_path, env=CHILD, capture_output=True, text=True, timeout=60, check=True, process_group=0
    )
    assert (done.stdout, done.stderr) == ("{0}\n", "")
