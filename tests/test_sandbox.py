"""The confinement door, with real commands that try to get out, and what must go on working inside."""

# ruff: noqa: S106, S108  # a token here is a mark, and /tmp is what is to be hidden

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil
import pytest
from harness import Repo

import orchestrator
from orchestrator import sandbox
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.process import Cause, Ended, Limits, run
from orchestrator.sandbox import Bounds, Chosen, Found, Ground, Level, Policy
from orchestrator.sandbox.toolchain import toolchain

ROOT = os.geteuid() == 0
NOBODY = 65534
SYSTEM_PYTHON = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), "")
CANARY = "OPEN_SESAME"
FEW = Bounds(processes=40, shared_processes=40)
SOME = Bounds(processes=400, shared_processes=100_000)


@cache
def found() -> Found:
    return sandbox.probe(os.environ)


def needs(level: Level) -> None:
    if level is Level.BWRAP and found().level is not Level.BWRAP:
        pytest.skip(f"no sandbox here: {found().why}")
    if sys.platform != "linux":
        pytest.skip("what is open without a sandbox differs elsewhere")


@dataclass
class Site:
    """A user's home with keys in it, a repository there, one worktree of an attempt, and things of the host beside."""

    folder: Path
    uid: int
    things: dict[str, str] = field(default_factory=dict)
    repo: Repo = field(init=False)
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.repo = Repo(self.home / "project").init()
        self.repo.write("README.md", "# A project\n")
        self.repo.write(".github/workflows/ci.yml", "on: push\n")
        self.repo.write("test_it.py", "def test_it() -> None:\n    assert True\n")
        self.repo.commit("first")
        self.repo.git("worktree", "add", "-q", "--detach", str(self.worktree))
        for path in (".ssh/key", ".netrc", ".config/app/token", "project/.env"):
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text("secret\n")
        path = os.environ["PATH"] if self.uid == os.geteuid() else "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self.env = sandbox.environment({"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8"})
        if self.uid != os.geteuid():
            self.give_away()

    def give_away(self) -> None:
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def worktree(self) -> Path:
        return self.repo.root / ".orchestrator" / "worktrees" / "build-1"

    def ground(self, readable: Sequence[Path] = ()) -> Ground:
        return sandbox.survey(found().bwrap, self.env, self.repo.root / ".git", readable)

    def argv(
        self,
        argv: Sequence[str],
        level: Level,
        bounds: Bounds = SOME,
        env: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
        network: bool = False,
    ) -> list[str]:  # noqa: FBT001, FBT002
        confined = sandbox.confine(
            argv,
            self.worktree,
            level,
            env={**self.env, **(env or {})},
            ground=self.ground(readable),
            guarded=sandbox.guarded(self.worktree),
            bounds=bounds,
            network=network,
        )
        return [*self.as_user(), *confined]

    def as_user(self) -> list[str]:
        if self.uid == os.geteuid():
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--"]

    def go(
        self,
        script: str,
        level: Level = Level.BWRAP,
        *,
        timeout: float = 20,
        cancel: threading.Event | None = None,
        **more: object,
    ) -> Ended:
        """Run a shell script in the worktree as the tool of an agent would, from a leader that knows a key."""
        return run(
            self.argv(["sh", "-c", script], level, **more),  # type: ignore[arg-type]
            cwd=self.worktree,
            env={**self.env, "ANTHROPIC_API_KEY": CANARY},
            limits=Limits(timeout, None),
            token=f"{self.folder.name}/{threading.get_ident()}/{time.monotonic_ns()}",
            cancel=cancel or threading.Event(),
        )


def site(folder: Path, uid: int = os.geteuid()) -> Site:
    return Site(folder.resolve(), uid)


@pytest.fixture
def place(tmp_path: Path) -> Site:
    needs(Level.BWRAP)
    return site(tmp_path / "site")


# --- what gets out -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """One way out: a script that succeeds where it is open, and at which levels that is, for root and for a user."""

    name: str
    script: str
    root: str = "none rlimits"
    user: str = "none rlimits"
    bounds: Bounds = SOME

    def is_open(self, level: Level, uid: int) -> bool:
        return level in (self.root if uid == 0 else self.user).split()


def python(code: str) -> str:
    return f"$PYTHON -c '{code}'"


ALL = "none rlimits bwrap"
NEVER = ""
TRIES = (
    Try("write in the main checkout", "echo x > $MAIN/README.md"),
    Try("read what is not tracked there", "grep secret $MAIN/.env"),
    Try("plant a hook", "echo x > $MAIN/.git/hooks/post-checkout"),
    Try("change .git/config", "echo '# x' >> $MAIN/.git/config"),
    Try("move a branch", "echo x > $MAIN/.git/refs/heads/other"),
    Try("write in the worktree's folder of git", "echo x > $MAIN/.git/worktrees/build-1/locked"),
    Try("write in /etc", "touch /etc/.orchestrator-try && rm /etc/.orchestrator-try", user=NEVER),
    Try("write in /proc/sys", "cd /proc/sys/kernel; read v < panic; echo $v > panic", user=NEVER),
    Try("write in /sys", "test -w /sys/kernel/uevent_helper || test -w /sys/kernel/mm/ksm/run", user=NEVER),
    Try("read ~/.ssh", "grep secret $HOME/.ssh/key"),
    Try("read ~/.netrc", "grep secret $HOME/.netrc"),
    Try("read ~/.config", "grep secret $HOME/.config/app/token"),
    Try("read /etc/shadow", "grep root /etc/shadow", user=NEVER),
    Try("a symlink out, then write", "ln -sf $MAIN/README.md link && echo x > link"),
    Try("a hard link out", "ln -f $MAIN/.git/config hard && test -s hard"),
    Try("write the .git pointer", "cp .git copy && cat copy > .git"),
    Try("replace the .git pointer", "mv .git old && mkdir .git && rmdir .git && mv old .git"),
    Try("write a CI file", "echo x >> .github/workflows/ci.yml"),
    Try("replace the CI folder", "mv .github old && mv old .github"),
    Try("read the leader's key in its own environment", f"env | grep {CANARY}", root="none", user="none"),
    Try("read a key in another's environment", "cat /proc/[0-9]*/environ 2>/dev/null | grep -qa $CANARY"),
    Try("signal a process of the host", "kill -0 $HOST_PID"),
    Try("see a process of the host", "test -d /proc/$HOST_PID"),
    Try("the host's files through another's root", "grep secret /proc/$HOST_PID/root$HOME/.ssh/key"),
    Try("find the host's first process at /proc/1", "! grep -qx bwrap /proc/1/comm"),
    Try("TCP to the host's loopback", python('import socket; socket.create_connection(("127.0.0.1", $TCP), 2)')),
    Try("ask a name server of the host (UDP)", python('import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect(("127.0.0.1", $UDP)); s.send(b"?"); s.recv(9)')),
    Try("an abstract unix socket", python('import socket; socket.socket(socket.AF_UNIX).connect("\\0$ABSTRACT")')),
    Try("a unix socket in the home", python('import socket; socket.socket(socket.AF_UNIX).connect("$SOCKET")')),
    Try("mount", "mkdir -p m && mount -t tmpfs none m && umount m", user=NEVER),
    Try("make a device", "mknod null c 1 3 && rm null", user=NEVER),
    Try("make a user namespace", "unshare -U true"),
    Try("change the host's name", "hostname $(hostname)", user=NEVER),
    Try("write 2 GiB to a file", "dd if=/dev/zero of=big bs=1 count=1 seek=2G", root="none", user="none"),
    Try("fork without bound", "i=0; while [ $i -lt 80 ]; do sleep 9 & i=$((i+1)); done", root=ALL, user="none", bounds=FEW),
    Try("leave a core file's size open", "test $(ulimit -c) != 0", root="none", user="none"),
    Try("make a set-uid file in the worktree", "touch set && chmod u+s set && test -u set", root=ALL, user=ALL),
)  # fmt: skip


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[int, Site]]:
    with ExitStack() as stack:
        yield _Sites(stack)


class _Sites(dict[int, Site]):
    """A site for each user, made when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, uid: int) -> Site:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-site-")))
        folder.chmod(0o755)
        made = self[uid] = site(folder, uid)
        self._populate(made)
        return made

    def _populate(self, made: Site) -> None:
        tcp = self._stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        udp = self._stack.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        udp.bind(("127.0.0.1", 0))
        threading.Thread(target=_answer, args=(udp,), daemon=True).start()
        for address in (f"\0{made.folder.name}", f"{made.home}/agent.sock"):
            listening = self._stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
            listening.bind(address)
            listening.listen()
        os.chown(made.home / "agent.sock", made.uid, made.uid)
        host = subprocess.Popen([*made.as_user(), "sleep", "600"], env={"PATH": os.environ["PATH"], "KEY": CANARY})
        self._stack.callback(host.wait)
        self._stack.callback(host.kill)
        ports = {"TCP": tcp.getsockname()[1], "UDP": udp.getsockname()[1]}
        names = {
            "ABSTRACT": made.folder.name,
            "HOST_PID": host.pid,
            "MAIN": made.repo.root,
            "PYTHON": SYSTEM_PYTHON,
            "SOCKET": made.home / "agent.sock",
        }
        made.things.update({name: str(value) for name, value in (ports | names).items()})


def _answer(udp: socket.socket) -> None:
    with suppress(OSError):
        while True:
            _, sender = udp.recvfrom(9)
            udp.sendto(b"!", sender)


USERS = [0, NOBODY] if ROOT else [os.geteuid()]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("uid", USERS, ids=lambda uid: "root" if uid == 0 else "user")
@pytest.mark.parametrize("attempt", TRIES, ids=lambda attempt: attempt.name.replace(" ", "-"))
def test_a_way_out(sites: dict[int, Site], attempt: Try, uid: int, level: Level) -> None:
    needs(level)
    if uid != os.geteuid() and not shutil.which("setpriv"):
        pytest.skip("no setpriv to become another user")
    if "$PYTHON" in attempt.script and not SYSTEM_PYTHON:
        pytest.skip("no Python outside of the home")
    at = sites[uid]
    script = attempt.script.replace("$CANARY", f"{CANARY[:4]}[{CANARY[4]}]{CANARY[5:]}")
    for name, value in at.things.items():
        script = script.replace(f"${name}", value)
    ended = at.go(f"ulimit -c unlimited 2>/dev/null; {script}", level, bounds=attempt.bounds)
    assert ended.cause is Cause.EXIT
    assert (ended.code == 0) is attempt.is_open(level, uid), ended.stderr


def test_nothing_that_was_refused_has_happened(place: Site) -> None:
    before = {path: path.read_bytes() for path in place.repo.root.rglob("*") if path.is_file()}
    for attempt in TRIES[:8]:
        place.go(attempt.script.replace("$MAIN", str(place.repo.root)))
    assert {path: path.read_bytes() for path in place.repo.root.rglob("*") if path.is_file()} == before


def test_what_one_command_plants_brings_nothing_in_for_the_next(place: Site) -> None:
    """A name that is bound where it exists, made a symlink that leads to a key."""
    up = "../" * len(place.worktree.parts[1:])
    for target in (f"{place.home}/.ssh", f"{up}{place.home}/.ssh".replace("//", "/")):
        place.go(f"ln -sfn {target} .vscode; ln -sfn {target}/key .mcp.json; ln -sfn {target} .venv")
        ended = place.go("cat .vscode/key .mcp.json .venv/key ~/.ssh/key; echo over")
        assert (ended.stdout, ended.code) == ("over\n", 0)


# --- what works --------------------------------------------------------------------------------------------------


def test_git_answers_in_the_worktree(place: Site) -> None:
    ended = place.go(
        "echo new > new.py; echo more >> README.md; git status --short; git diff --stat; git log --oneline"
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[:2] == [" M README.md", "?? new.py"]
    assert ended.stdout.endswith(" first\n")
    assert (place.worktree / "new.py").read_text() == "new\n"


def test_python_and_pytest_of_this_environment_work(place: Site) -> None:
    ended = place.go(
        f"{sys.executable} -m pytest -q -p no:cacheprovider && python3 -c 'import multiprocessing as m; m.Lock()'"
    )
    assert ended.code == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


def test_a_virtual_environment_in_the_checkout_is_usable_where_it_is_linked(place: Site) -> None:
    venv = place.repo.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (place.worktree / ".venv").symlink_to(venv)
    place.env["PATH"] = f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    script = ".venv/bin/python -c 'import sys, ssl; print(sys.prefix)'; echo x > .venv/pyvenv.cfg"
    assert place.go(script).code != 0
    ended = place.go(script, readable=[venv])
    assert ended.stdout == f"{place.worktree}/.venv\n", ended.stderr
    assert ended.code != 0


def test_temporary_folders_and_the_home_are_there_and_private(place: Site) -> None:
    ended = place.go(
        "echo x > ~/x && echo x > /tmp/a-private-file && echo x > /run/x && echo x > /dev/shm/x && ls -A ~ && pwd"
    )
    assert ended.stdout.split() == ["project", "x", str(place.worktree)], ended.stderr
    assert not Path("/tmp/a-private-file").exists()
    assert not (place.home / "x").exists()


def test_a_private_folder_is_bounded(place: Site) -> None:
    ended = place.go("head -c 3000000 /dev/zero > /tmp/x", bounds=Bounds(scratch=1 << 20))
    assert "No space left" in ended.stderr


def test_the_exit_status_and_stdin_come_through(place: Site) -> None:
    for level in Level:
        assert place.go("exit 7", level).code == 7
    argv = place.argv(["cat"], Level.BWRAP)
    ended = run(
        argv,
        cwd=place.worktree,
        env=place.env,
        limits=Limits(9, None),
        token="stdin",
        cancel=threading.Event(),
        stdin=b"in",
    )
    assert (ended.stdout, ended.code) == ("in", 0)


def test_the_environment_inside_is_what_was_given(place: Site) -> None:
    for level in (Level.BWRAP, Level.RLIMITS):
        ended = place.go("env; cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n' | grep ANTHROPIC", level)
        seen = dict(line.split("=", 1) for line in ended.stdout.splitlines())
        for name in ("PWD", "OLDPWD", "_", "SHLVL", "ORCHESTRATOR_TOKEN"):
            seen.pop(name, None)
        assert seen == place.env


def test_the_network_can_be_let_in(place: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        argv = [sys.executable, "-c", code]
        assert subprocess.run(place.argv(argv, Level.BWRAP), capture_output=True, check=False).returncode == 1
        assert subprocess.run(place.argv(argv, Level.BWRAP, network=True), check=False).returncode == 0


# --- how it ends -------------------------------------------------------------------------------------------------

STRAY = "setsid sh -c 'sleep 300' >/dev/null 2>&1 & (setsid sh -c 'sleep 300' &) >/dev/null 2>&1; "


def inside(folder: Path) -> list[int]:
    """The processes that run in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
    return found


def emptied(folder: Path) -> bool:
    """Whether every process in a folder ends within two seconds."""
    deadline = time.monotonic() + 2
    while inside(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not inside(folder)


@pytest.mark.parametrize("level", [Level.BWRAP, Level.RLIMITS])
class TestTheEnd:
    def test_of_a_command_is_the_end_of_what_it_left(self, place: Site, level: Level) -> None:
        ended = place.go(f"{STRAY} echo done", level)
        assert (ended.code, ended.stdout, ended.survivors) == (0, "done\n", ())
        assert inside(place.worktree) == []

    def test_by_a_limit(self, place: Site, level: Level) -> None:
        began = time.monotonic()
        ended = place.go(f"{STRAY} trap '' TERM; sleep 300; sleep 300", level, timeout=0.5)
        assert (ended.cause, ended.survivors) == (Cause.TIMEOUT, ())
        assert time.monotonic() - began < 2.5
        assert inside(place.worktree) == []

    def test_by_a_cancel(self, place: Site, level: Level) -> None:
        cancel = threading.Event()
        threading.Timer(0.5, cancel.set).start()
        assert place.go(f"{STRAY} sleep 300", level, cancel=cancel).cause is Cause.CANCELLED
        assert inside(place.worktree) == []


def started(place: Site, level: Level) -> subprocess.Popen[bytes]:
    """A leader in a process of its own that runs a command with strays, once they are there."""
    argv = place.argv(["sh", "-c", f"{STRAY} sleep 300"], level)
    code = textwrap.dedent(f"""
        import threading
        from pathlib import Path
        from orchestrator.process import Limits, run
        run({argv!r}, cwd=Path({str(place.worktree)!r}), env={place.env!r}, limits=Limits(60, None),
            token="killed/{place.folder.parent.name}", cancel=threading.Event())
    """)
    env = {**os.environ, "PYTHONPATH": str(Path(orchestrator.__file__).parents[1])}
    leader = subprocess.Popen([sys.executable, "-c", code], env=env)
    deadline = time.monotonic() + 10
    while sum(_is_sleeping(pid) for pid in inside(place.worktree)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return leader


def _is_sleeping(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).name() == "sleep"
    return False


def test_a_killed_leader_takes_the_tree_with_it(place: Site) -> None:
    leader = started(place, Level.BWRAP)
    leader.kill()
    leader.wait()
    assert emptied(place.worktree)


def test_a_killed_leader_leaves_a_token_to_reap_by_without_namespaces(place: Site) -> None:
    from orchestrator.process import reap

    leader = started(place, Level.RLIMITS)
    leader.kill()
    leader.wait()
    assert len(reap(f"killed/{place.folder.parent.name}")) >= 3
    assert emptied(place.worktree)


def test_the_kill_of_the_outermost_process_ends_the_tree(place: Site) -> None:
    leader = started(place, Level.BWRAP)
    try:
        outermost = psutil.Process(leader.pid).children()[0]
        assert outermost.name() == "bwrap"
        outermost.send_signal(signal.SIGKILL)
        assert emptied(place.worktree)
        assert leader.wait(5) == 0
    finally:
        leader.kill()
        leader.wait()
