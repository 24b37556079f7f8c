"""The confinement door, with real commands that try to get out, and what must go on working inside."""

# ruff: noqa: S106, S108  # a token here is a mark, and /tmp is what is to be hidden

import os
import shutil
import signal
import socket
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
from orchestrator.policy import protected_names
from orchestrator.process import Cause, Ended, Limits, reap, run
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


@cache
def whole_machine() -> bool:
    """Whether this is no container: namespaces can be made, and root has its rights."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    needed = (1 << 21) | (1 << 27)  # CAP_SYS_ADMIN, CAP_MKNOD
    return found().level is Level.BWRAP and (not ROOT or effective & needed == needed)


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
        *,
        network: bool = False,
    ) -> list[str]:
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
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    needs(request.getfixturevalue("level") if "level" in request.fixturenames else Level.BWRAP)
    return site(tmp_path / "site")


# --- what gets out -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """One way out: a script that succeeds where it is open, and at which levels that is, for root and for a user.

    `varies`: without a sandbox it also depends on the machine, which may be a container with less than root's rights.
    """

    name: str
    script: str
    root: str = "none rlimits"
    user: str = "none rlimits"
    bounds: Bounds = SOME
    varies: bool = False

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
    Try("write in /proc/sys", "cd /proc/sys/kernel; read v < panic; echo $v > panic", user=NEVER, varies=True),
    Try("write in /sys", "find /sys/kernel -maxdepth 1 -type f -writable | grep -q .", user=NEVER, varies=True),
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
    Try("mount", "mkdir -p m && mount -t tmpfs none m && umount m", user=NEVER, varies=True),
    Try("make a device", "mknod null c 1 3 && rm null", user=NEVER, varies=True),
    Try("make a user namespace", "unshare -U true", varies=True),
    Try("change the host's name", "hostname $(hostname)", user=NEVER, varies=True),
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
    if attempt.varies and level is not Level.BWRAP and not whole_machine():
        pytest.skip("without a sandbox, this depends on the machine")
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
    assert place.go("kill -KILL $$").code == 128 + signal.SIGKILL
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

    def test_of_a_command_waits_for_what_dies_slowly(self, place: Site, level: Level) -> None:
        # To take 400 MB from a process takes the kernel long enough to be seen.
        large = (
            "import time; held = bytearray(400 << 20); held[::4096] = b'x' * 102400; open('held', 'w'); time.sleep(300)"
        )
        script = (
            f'setsid {sys.executable} -c "{large}" >/dev/null 2>&1 & until [ -e held ]; do sleep 0.01; done; echo done'
        )
        ended = place.go(script, level)
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


@pytest.mark.parametrize("level", [Level.RLIMITS])
def test_a_killed_leader_leaves_a_token_to_reap_by_without_namespaces(place: Site, level: Level) -> None:
    leader = started(place, level)
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


# --- the argv, without a machine ---------------------------------------------------------------------------------

GROUND = Ground(
    bwrap=Path("/usr/bin/bwrap"),
    home=Path("/home/ada"),
    scratch=(Path("/tmp"), Path("/home/ada")),
    hidden=(Path("/home"), Path("/home/ada/p")),
    blank=(Path("/home/ada/.cargo/credentials.toml"),),
    readable=(Path("/home/ada/.cargo"),),
    git=Path("/home/ada/p/.git"),
)
TREE = Path("/home/ada/p/.orchestrator/worktrees/a-1")


def pure(level: Level, **more: object) -> list[str]:
    arguments: dict[str, object] = {
        "env": {"PATH": "/bin", "HOME": "/other"},
        "ground": GROUND,
        "guarded": [TREE / ".git"],
    }
    return sandbox.confine(["make", "-k"], TREE, level, **(arguments | more))  # type: ignore[arg-type]


class TestTheArgv:
    def test_without_a_level_is_the_command(self) -> None:
        assert pure(Level.NONE) == ["make", "-k"]

    def test_with_limits_starts_from_an_empty_environment(self) -> None:
        limits = '{ ulimit -c 0; ulimit -f 2097152; ulimit -u 4096 || ulimit -p 4096; } 2>/dev/null; exec "$@"'
        clean = 'exec /usr/bin/env -i "ORCHESTRATOR_TOKEN=$ORCHESTRATOR_TOKEN" "$@"'
        assert pure(Level.RLIMITS) == [
            *("/bin/sh", "-c", clean, "sh", "PATH=/bin", "HOME=/other"),
            *("/bin/sh", "-c", limits, "sh", "make", "-k"),
        ]

    def test_with_namespaces_mounts_what_is_above_before_what_is_below(self) -> None:
        argv = pure(Level.BWRAP, writable=[Path("/data/cache")])
        at = argv.index("/usr/bin/bwrap")
        end = argv.index("--")
        private = ["--perms", "1777", "--size", "268435456", "--tmpfs"]
        assert argv[at + 1 : end] == [
            *(
                "--unshare-all",
                "--unshare-user",
                "--disable-userns",
                "--cap-drop",
                "ALL",
                "--die-with-parent",
                "--new-session",
            ),
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc"),
            *(*private, "/dev/shm", "--remount-ro", "/dev"),
            *("--tmpfs", "/home"),
            *(*private, "/tmp"),
            *("--perms", "0700", "--size", "268435456", "--tmpfs", "/home/ada"),
            *("--bind", "/data/cache", "/data/cache"),
            *("--tmpfs", "/home/ada/p"),
            *("--ro-bind", "/home/ada/.cargo", "/home/ada/.cargo"),
            *("--ro-bind", "/home/ada/p/.git", "/home/ada/p/.git"),
            *("--ro-bind", "/dev/null", "/home/ada/.cargo/credentials.toml"),
            *("--bind", str(TREE), str(TREE)),
            *("--ro-bind", f"{TREE}/.git", f"{TREE}/.git"),
            *("--remount-ro", "/home", "--remount-ro", "/home/ada/p"),
            *("--clearenv", "--setenv", "PATH", "/bin", "--setenv", "HOME", "/home/ada"),
            *("--chdir", str(TREE)),
        ]
        assert argv[end + 1 :][-3:] == ["sh", "make", "-k"]

    def test_shares_the_network_when_asked(self) -> None:
        assert set(pure(Level.BWRAP, network=True)) - set(pure(Level.BWRAP)) == {"--share-net"}

    def test_needs_the_program(self) -> None:
        bare = Ground(
            None, *(getattr(GROUND, name) for name in ("home", "scratch", "hidden", "blank", "readable", "git"))
        )
        with pytest.raises(ValueError, match="no bubblewrap"):
            pure(Level.BWRAP, ground=bare)


# --- the policy, the environment, the probe ----------------------------------------------------------------------

STRONG = Found(Level.BWRAP, bwrap=Path("/usr/bin/bwrap"))
WEAK = Found(Level.RLIMITS, "bubblewrap is not installed", "apt install bubblewrap")


class TestThePolicy:
    @pytest.mark.parametrize(
        ("policy", "seen", "chosen"),
        [
            (Policy.REQUIRED, STRONG, Chosen(Level.BWRAP)),
            (Policy.BEST, STRONG, Chosen(Level.BWRAP)),
            (Policy.BEST, WEAK, Chosen(Level.RLIMITS, "bubblewrap is not installed", "apt install bubblewrap")),
            (Policy.OFF, STRONG, Chosen(Level.NONE, "it is switched off")),
            (Policy.OFF, WEAK, Chosen(Level.NONE, "it is switched off")),
        ],
    )
    def test_and_what_was_found_make_the_level(self, policy: Policy, seen: Found, chosen: Chosen) -> None:
        assert sandbox.choose(policy, seen) == chosen

    def test_required_is_never_lowered(self) -> None:
        with pytest.raises(OrchestratorError, match="this machine has none: bubblewrap is not installed") as refused:
            sandbox.choose(Policy.REQUIRED, WEAK)
        assert (refused.value.code, refused.value.hint) == (Exit.MISSING, "apt install bubblewrap")

    def test_best_is_the_default(self) -> None:
        assert sandbox.DEFAULT is Policy.BEST

    def test_the_level_is_told(self) -> None:
        weak = sandbox.choose(Policy.BEST, WEAK)
        assert weak.sentence == "rlimits (bubblewrap is not installed; apt install bubblewrap)"
        assert sandbox.choose(Policy.BEST, STRONG).sentence == "bwrap"


class TestTheEnvironment:
    def test_is_chosen_by_name(self) -> None:
        base = {"PATH": "/usr/bin:.::bin:/bin:/usr/bin", "HOME": "/h", "LC_ALL": "C", "VIRTUAL_ENV": "/v", "EDITOR": "vi", "LD_PRELOAD": "/x.so", "TMPDIR": "/t", "A_B": "1", "A_C": "2"}  # fmt: skip
        assert sandbox.environment(base, ["A_*"], {"CI": "1"}) == {
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "TERM": "dumb",
            "PATH": "/usr/bin:/bin",
            "HOME": "/h",
            "LC_ALL": "C",
            "VIRTUAL_ENV": "/v",
            "A_B": "1",
            "A_C": "2",
            "CI": "1",
        }

    @pytest.mark.parametrize(
        "name",
        ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "AWS_PROFILE", "GITHUB_TOKEN", "GH_TOKEN", "NPM_TOKEN", "MY_SECRET", "DB_PASSWORD", "SSH_AUTH_SOCK", "STRIPE_KEY", "SENTRY_DSN", "openai_apikey", "TOKEN", "DBUS_SESSION_BUS_ADDRESS", "ORCHESTRATOR_TOKEN"],
    )  # fmt: skip
    def test_holds_no_key_even_where_one_is_asked_for(self, name: str) -> None:
        made = sandbox.environment({name: "x"}, ["*", name], {name: "y"})
        assert name not in made
        assert "x" not in made.values()

    def test_has_a_path_in_any_case(self) -> None:
        assert sandbox.environment({})["PATH"] == "/bin:/usr/bin"

    @pytest.mark.parametrize("name", ["KEYBOARD", "MONKEY", "AUTHOR", "TOKENIZERS_PARALLELISM", "PATTERN"])
    def test_takes_no_word_for_a_key_that_only_looks_like_one(self, name: str) -> None:
        assert name in sandbox.environment({name: "x"}, [name])


def program(folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return folder


THROUGH = 'while [ "$1" != -- ]; do [ "$1" = --setenv ] && export "$2=$3"; [ "$1" = --chdir ] && cd "$2"; shift; done; shift; exec "$@"'


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap needs Linux")
class TestTheProbe:
    def test_finds_the_real_one(self) -> None:
        if not shutil.which("bwrap"):
            pytest.skip("bubblewrap is not installed")
        seen = found()
        assert (seen.level is Level.BWRAP) is (seen.why == "")
        if seen.level is not Level.BWRAP:
            pytest.skip(seen.why)
        assert seen.bwrap is not None
        assert seen.bwrap.is_absolute()

    def test_says_what_to_install(self, tmp_path: Path) -> None:
        assert sandbox.probe(os.environ, [tmp_path]) == WEAK

    def test_does_not_believe_a_program_that_confines_nothing(self, tmp_path: Path) -> None:
        seen = sandbox.probe(os.environ, [program(tmp_path / "bin", THROUGH)])
        assert seen.level is Level.RLIMITS
        assert seen.why.startswith("bubblewrap does not hold here: inside, writing ")

    @pytest.mark.parametrize(
        ("left_out", "instead", "opened"),
        [
            ("--unshare-all", "--unshare-pid --unshare-ipc --unshare-uts", "reaching the network"),
            ("--unshare-all", "--unshare-net --unshare-ipc --unshare-uts", "sharing the pid namespace"),
            ("--unshare-all", "--unshare-net --unshare-pid --unshare-uts", "sharing the ipc namespace"),
            ("--disable-userns", "", "making a user namespace"),
            ("--remount-ro", "--dir", "writing in /proc/sys"),
        ],
    )
    def test_does_not_believe_one_that_leaves_a_thing_out(
        self, tmp_path: Path, left_out: str, instead: str, opened: str
    ) -> None:
        needs(Level.BWRAP)
        if opened == "writing in /proc/sys" and not ROOT:
            pytest.skip("only root could")
        words = f'for word; do shift; if [ "$word" = {left_out} ]; then set -- "$@" {instead}; else set -- "$@" "$word"; fi; done'
        seen = sandbox.probe(os.environ, [program(tmp_path / "bin", f'{words}; exec {found().bwrap} "$@"')])
        assert (seen.level, seen.why) == (
            Level.RLIMITS,
            f"bubblewrap does not hold here: inside, {opened} was possible",
        )

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            (
                "No permissions to create new namespace, likely because the kernel ...",
                "this system refuses user namespaces",
            ),
            ("Creating new namespace failed: Operation not permitted", "this system refuses user namespaces"),
            ("setting up uid map: Permission denied", "this system takes the rights from user namespaces"),
            ("loopback: Failed RTM_NEWADDR: Operation not permitted", "this system takes the rights"),
            ("Unknown option --disable-userns", "bubblewrap is older than 0.8"),
            ("Can't mount proc on /newroot/proc: Operation not permitted", "bubblewrap may not mount /proc here"),
            ("Failed to make / slave: Permission denied", "this container refuses to mount anything"),
        ],
    )
    def test_says_why_it_does_not_hold(self, tmp_path: Path, said: str, why: str) -> None:
        folder = program(tmp_path / "bin", f'echo "bwrap: {said}" >&2; exit 1')
        seen = sandbox.probe(os.environ, [folder])
        assert (seen.level, seen.bwrap) == (Level.RLIMITS, None)
        assert seen.why.startswith(why)
        assert seen.fix

    def test_takes_a_missing_tool_for_no_proof(self, tmp_path: Path) -> None:
        needs(Level.BWRAP)
        tools = tmp_path / "tools"
        tools.mkdir()
        for name in ("sh", "cat", "env", "dd"):
            (tools / name).symlink_to(str(shutil.which(name)))
        seen = sandbox.probe({"PATH": str(tools)})
        assert seen.level is Level.NONE
        assert "inside, using dd, env and grep was not possible" in seen.why

    def test_says_what_it_does_not_know(self, tmp_path: Path) -> None:
        seen = sandbox.probe(os.environ, [program(tmp_path / "bin", "echo 'bwrap: the moon is full' >&2; exit 1")])
        assert seen.why == "bubblewrap does not hold here: the moon is full"

    def test_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        sandbox.probe(os.environ)
        assert list(tmp_path.iterdir()) == []


# --- which programs of the user's stay usable --------------------------------------------------------------------


class TestTheToolchain:
    def make(self, home: Path, *files: str) -> None:
        for file in files:
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            (home / file).touch()

    def bound(self, home: Path, path: str = "", **variables: str) -> list[str]:
        home.mkdir(exist_ok=True)
        env = {"PATH": os.pathsep.join(str(home / part) for part in path.split()), **variables}
        return [str(found.relative_to(home)) for found in toolchain(env, home, [home])]

    def test_is_the_prefix_in_a_dot_folder(self, tmp_path: Path) -> None:
        self.make(
            tmp_path,
            ".pyenv/shims/python",
            ".pyenv/versions/3/bin/python",
            ".nvm/versions/node/v22/bin/node",
            ".nvm/alias/x",
        )
        assert self.bound(tmp_path, ".pyenv/shims .nvm/versions/node/v22/bin") == [".pyenv", ".nvm/versions/node/v22"]

    def test_is_the_prefix_of_an_environment_anywhere(self, tmp_path: Path) -> None:
        self.make(
            tmp_path,
            "work/app/venv/pyvenv.cfg",
            "work/app/venv/bin/python",
            "work/app/.env",
            "jdk/lib/rt",
            "jdk/bin/java",
        )
        assert self.bound(tmp_path, "work/app/venv/bin jdk/bin") == ["jdk", "work/app/venv"]

    def test_is_only_the_folder_where_nothing_says_that_more_belongs_to_it(self, tmp_path: Path) -> None:
        self.make(tmp_path, "work/bin/tool", "work/plans.md", "bin/mine", "scripts/other")
        assert self.bound(tmp_path, "work/bin bin scripts") == ["bin", "scripts", "work/bin"]

    def test_is_bin_and_lib_of_what_holds_much_else(self, tmp_path: Path) -> None:
        self.make(tmp_path, ".local/bin/tool", ".local/lib/python3/x", ".local/share/keyrings/login")
        assert self.bound(tmp_path, ".local/bin") == [".local/bin", ".local/lib"]

    def test_is_what_a_link_leads_to(self, tmp_path: Path) -> None:
        self.make(
            tmp_path,
            ".local/share/pipx/venvs/tool/bin/tool",
            ".local/share/pipx/venvs/tool/pyvenv.cfg",
            ".local/share/other/x",
        )
        self.make(tmp_path, ".local/share/uv/python/cpython-3.12.5/bin/python3.12", "single/program")
        (tmp_path / ".local/bin").mkdir()
        (tmp_path / ".local/bin/tool").symlink_to(tmp_path / ".local/share/pipx/venvs/tool/bin/tool")
        (tmp_path / ".local/bin/program").symlink_to("../../single/program")
        (tmp_path / ".local/share/uv/python/cpython-3.12").symlink_to("cpython-3.12.5")
        (tmp_path / ".local/share/pipx/venvs/tool/bin/python").symlink_to(
            tmp_path / ".local/share/uv/python/cpython-3.12/bin/python3.12"
        )
        assert sorted(self.bound(tmp_path, ".local/bin")) == [
            ".local/bin",
            ".local/share/pipx/venvs/tool",
            ".local/share/uv/python/cpython-3.12",
            ".local/share/uv/python/cpython-3.12.5",
            "single/program",
        ]

    def test_has_its_companion(self, tmp_path: Path) -> None:
        self.make(tmp_path, ".cargo/bin/cargo", ".rustup/settings.toml")
        assert self.bound(tmp_path, ".cargo/bin") == [".cargo", ".rustup"]

    def test_is_what_a_variable_names(self, tmp_path: Path) -> None:
        self.make(tmp_path, "sdk/go/src/x")
        assert self.bound(tmp_path, GOROOT=str(tmp_path / "sdk/go"), GOPATH=str(tmp_path), JAVA_HOME="relative") == [
            "sdk/go"
        ]

    def test_is_never_the_home_nor_a_place_for_keys(self, tmp_path: Path) -> None:
        self.make(tmp_path, ".ssh/bin/x", ".config/app/bin/y", ".aws/bin/z", "lib/a", "x", "bin/b")
        (tmp_path / "bin/key").symlink_to("../.ssh/bin/x")
        (tmp_path / "bin/home").symlink_to("..")
        (tmp_path / "bin/round").symlink_to("round")
        assert self.bound(
            tmp_path, ".ssh/bin .config/app/bin .aws/bin bin . ..", CARGO_HOME=str(tmp_path / ".ssh")
        ) == ["bin"]

    def test_is_nothing_that_a_link_only_gives_another_name(self, tmp_path: Path) -> None:
        self.make(tmp_path, ".ssh/bin/x", "lib/a", "bin/b")
        (tmp_path / "all").symlink_to(".")
        (tmp_path / "tools").symlink_to(".ssh")
        assert self.bound(tmp_path, "tools/bin all/bin", GOROOT=str(tmp_path / "tools")) == ["bin"]

    @pytest.mark.skipif(ROOT, reason="root may look everywhere")
    def test_is_nothing_that_the_user_may_not_see(self, tmp_path: Path) -> None:
        self.make(tmp_path, "closed/.pyenv/bin/python")
        (tmp_path / "closed").chmod(0)
        assert self.bound(tmp_path, "closed/.pyenv/bin", PYENV_ROOT=str(tmp_path / "closed/.pyenv")) == []
        (tmp_path / "closed").chmod(0o755)

    def test_has_its_keys_blanked(self, place: Site) -> None:
        self.make(place.home, ".cargo/bin/cargo")
        for name in (".cargo/credentials.toml", ".cargo/config.toml"):
            (place.home / name).write_text("secret\n")
        place.env["PATH"] = f"{place.home}/.cargo/bin:{place.env['PATH']}"
        ended = place.go(
            "cat ~/.cargo/config.toml; ls ~/.cargo; cat ~/.cargo/credentials.toml; echo x > ~/.cargo/bin/cargo"
        )
        assert ended.stdout.split() == ["secret", "bin", "config.toml", "credentials.toml"]
        assert ended.code != 0


class TestTheGround:
    def test_a_home_that_is_the_systems_hides_nothing_of_it(self, tmp_path: Path) -> None:
        for home in ("/", "/usr", "/nonexistent", "relative", ""):
            ground = sandbox.survey(None, {"HOME": home, "PATH": "/usr/bin"}, tmp_path / ".git")
            assert ground.home == Path("/tmp")
            assert not {Path("/"), Path("/usr")} & {*ground.hidden, *ground.scratch}

    def test_a_repository_in_the_system_is_not_hidden(self) -> None:
        ground = sandbox.survey(None, {"PATH": "/usr/bin"}, Path("/etc/.git"))
        assert Path("/etc") not in ground.hidden

    def test_what_steers_others_is_guarded(self) -> None:
        names = {
            ".git",
            ".claude",
            ".github",
            ".mcp.json",
            ".vscode",
            ".gitattributes",
            ".gitmodules",
            ".gitlab-ci.yml",
        }
        assert names <= {*protected_names()}

    def test_what_is_guarded_is_there_and_no_symlink(self, tmp_path: Path) -> None:
        (tmp_path / ".git").touch()
        (tmp_path / ".github").mkdir()
        (tmp_path / ".vscode").symlink_to("/etc")
        assert sandbox.guarded(tmp_path) == (tmp_path / ".git", tmp_path / ".github")
