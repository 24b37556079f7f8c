"""Which level this machine really holds: found by trying to break out, never by a program that is merely there."""

import os
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.process import Cause, Limits, StartError, run
from orchestrator.sandbox.confine import BOUNDS, confine
from orchestrator.sandbox.environ import environment
from orchestrator.sandbox.ground import guarded, survey
from orchestrator.sandbox.levels import Found, Level

# Not PATH: what an agent could put there would be started unconfined.
FOLDERS = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/bin"), Path("/run/current-system/sw/bin"))
INSTALL = "apt install bubblewrap"
_SECONDS = 10.0
_INSIDE = "inside, "  # how our own findings start; all else is bubblewrap's
_NAMESPACES = ("net", "pid", "ipc", "mnt", "user")
_CANARY = "CANARY_OF_THE_PROBE"  # a variable that the starting process has and nobody inside may read

# Says `open NAME` for each thing that was possible and must not be, and `works NAME` for what must. A tool that is
# missing must not look like a way that is shut, so those that are used have to work first.
_LIMITED = """
may() { name=$1; shift; if "$@" 2>/dev/null; then echo "open $name"; fi; }
must() { name=$1; shift; if "$@" 2>/dev/null; then echo "works $name"; fi; }
put() { echo x > "$1"; }
big() { dd if=/dev/zero of=big bs=1 count=1 seek="$1"; }
named() { env | grep -q "^$1="; }
limiting() { big 1 && env | grep -q '^PATH='; }
must "writing in the worktree" put written
must "using dd, env and grep" limiting
may "writing a file over the limit" big "$FILE_SIZE"
may "reading a key in its environment" named "$CANARY"
"""
_CONFINED = (
    _LIMITED
    + """
looking() { readlink /proc/self/ns/net | grep -q '^net:' && grep -q '^ *lo:' /proc/net/dev; }
kin() { grep -lqs "$CANARY" /proc/[0-9]*/environ; }
capable() { ! grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status; }
gaining() { ! grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status; }
wired() { test "$(grep -c : /proc/net/dev)" != "$(grep -c '^ *lo:' /proc/net/dev)"; }
shared() { test "$(readlink "/proc/self/ns/$1")" = "$2"; }
may "writing in /proc/sys" test -w /proc/sys/kernel/core_pattern
may "writing outside of the worktree" put "$OUTSIDE"
may "writing in the git directory" put "$GIT/config"
may "writing the worktree's .git file" put .git
may "reading the home" cat "$HOME/.ssh/key"
may "reading the environment of the process that started it" kin
may "having capabilities" capable
may "gaining privileges" gaining
may "reaching the network" wired
may "making a user namespace" unshare -U true
for pair in $NAMESPACES; do may "sharing the ${pair%%=*} namespace" shared "${pair%%=*}" "${pair#*=}"; done
must "reading the git directory" cat "$GIT/config"
must "using readlink and /proc" looking
"""
)
_APPARMOR = "this system takes the rights from user namespaces, as Ubuntu 24.04 does"
_ALLOW = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
_REFUSALS = (
    (
        "disable-userns",
        "bubblewrap is older than 0.8, which cannot keep user namespaces from being made inside",
        "install bubblewrap 0.8 or newer",
    ),
    (
        "mount proc",
        "bubblewrap may not mount /proc here, as in a container that hides parts of it",
        "docker run --security-opt systempaths=unconfined --security-opt seccomp=unconfined ...",
    ),
    (
        "namespace",
        "this system refuses user namespaces, as containers do by default",
        "docker run --security-opt seccomp=unconfined ...   # outside of one: sysctl -w user.max_user_namespaces=10000",
    ),
    ("uid map", _APPARMOR, _ALLOW),
    ("RTM_NEWADDR", _APPARMOR, _ALLOW),
    (
        "make / slave",
        "this container refuses to mount anything, which bubblewrap must",
        "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined ...",
    ),
)


@dataclass(frozen=True)
class _Place:
    """A folder to try things in: a home with a key, a git directory and a worktree, as a leader has them."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def git(self) -> Path:
        return self.root / "main" / ".git"

    @property
    def worktree(self) -> Path:
        return self.root / "main" / "worktree"

    @property
    def outside(self) -> Path:
        return self.root / "main" / "outside"

    def build(self) -> None:
        for folder in (self.home / ".ssh", self.git, self.worktree):
            folder.mkdir(parents=True)
        for file in (self.home / ".ssh" / "key", self.git / "config", self.worktree / ".git"):
            file.write_text("secret\n", encoding="ascii")


def probe(env: Mapping[str, str], places: Sequence[Path] = FOLDERS) -> Found:
    """Return the strongest level that holds on this machine. Takes some 100 ms: once, at a start.

    Args:
        env: the leader's environment, usually `os.environ`.
        places: where programs that confine are looked for.
    """
    bwrap, why, fix = _look_up(places)
    if bwrap is not None:
        failed = _try(Level.BWRAP, bwrap, env)
        if not failed:
            return Found(Level.BWRAP, bwrap=bwrap)
        why, fix = _explain(failed)
    failed = _try(Level.RLIMITS, None, env)
    if not failed:
        return Found(Level.RLIMITS, why, fix)
    return Found(Level.NONE, f"{why}; limits do not hold either: {failed}", fix)


def _look_up(places: Sequence[Path]) -> tuple[Path | None, str, str]:
    if sys.platform != "linux":
        return None, "bubblewrap needs Linux", ""
    found = next((path for place in places if os.access(path := place / "bwrap", os.X_OK)), None)
    return found, "" if found else "bubblewrap is not installed", "" if found else INSTALL


def _try(level: Level, bwrap: Path | None, base: Mapping[str, str]) -> str:
    """Return what did not hold at `level`, in words, or an empty string."""
    try:
        with tempfile.TemporaryDirectory(prefix="orchestrator-probe-") as folder:
            place = _Place(Path(folder).resolve())
            place.build()
            return _break_out(place, level, bwrap, base)
    except (OSError, StartError) as error:
        return str(error)


def _break_out(place: _Place, level: Level, bwrap: Path | None, base: Mapping[str, str]) -> str:
    strongest = level is Level.BWRAP
    script = _CONFINED if strongest else _LIMITED
    env = environment(base, extra={"HOME": str(place.home), **_facts(place)})
    argv = confine(
        ["/bin/sh", "-c", script.replace("$CANARY", _CANARY)],
        place.worktree,
        level,
        env=env,
        ground=survey(bwrap, env, place.git),
        guarded=guarded(place.worktree),
    )
    ended = run(
        argv,
        cwd=place.worktree,
        env={**env, _CANARY: "1"},
        limits=Limits(_SECONDS, None),
        token=f"probe/{os.getpid()}/{threading.get_ident()}/{level}",
        cancel=threading.Event(),
    )
    said = ended.stdout.splitlines()
    if ended.cause is not Cause.EXIT or not any(line.startswith("works ") for line in said):
        return ended.last_lines(1) or f"nothing ran ({ended.cause}, exit status {ended.code})"
    opened = [line.removeprefix("open ") for line in said if line.startswith("open ")]
    opened += ["writing outside of the worktree"] if strongest and place.outside.exists() else []
    needed = [line.split('"')[1] for line in script.splitlines() if line.startswith('must "')]
    broken = [name for name in needed if f"works {name}" not in said]
    if broken or not (place.worktree / "written").is_file():
        return f"{_INSIDE}{(broken or needed)[0]} was not possible"
    return f"{_INSIDE}{opened[0]} was possible" if opened else ""


def _facts(place: _Place) -> dict[str, str]:
    return {
        "OUTSIDE": str(place.outside),
        "GIT": str(place.git),
        "FILE_SIZE": str(2 * BOUNDS.file_size),
        "NAMESPACES": " ".join(f"{name}={_namespace(name)}" for name in _NAMESPACES),
    }


def _namespace(name: str) -> str:
    try:
        return str(Path(f"/proc/self/ns/{name}").readlink())
    except OSError:
        return "none"


def _explain(failed: str) -> tuple[str, str]:
    """Return why bubblewrap does not hold, and what may help, by what it said."""
    said = failed.removeprefix("bwrap: ")
    for words, why, fix in _REFUSALS:
        if words in said and not said.startswith(_INSIDE):
            return why, fix
    return f"bubblewrap does not hold here: {said}", ""
