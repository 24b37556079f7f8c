"""One run of the program with `preload.c` in every process: what is hit, at which mutation, and what became of it."""

import errno
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aftermath import carrying
from harness import Repo, Said

SOURCE = Path(__file__).with_name("preload.c")
_STATE = struct.Struct("=QQQ6I4096s8192s")  # `struct state` up to its table of pids
_SIZE = _STATE.size + 4 * (1 << 16)
_COUNT, KILL_BEFORE, KILL_AFTER, _FAIL = range(4)
_PATIENCE = 120.0  # seconds a run may take before it counts as one that hangs


@dataclass(frozen=True)
class Hit:
    """What happens at mutation `at`: a kill before or after it, or its failure, once or (`sticky`) from then on.

    ENOSPC and EDQUOT spare what gives space back (unlink, chmod, truncate): the first mutation from `at` on that needs
    space is the one that fails. `short` is a write of half its bytes; sticky: and then ENOSPC.
    """

    at: int
    mode: int = KILL_BEFORE
    error: int = 0
    short: bool = False
    sticky: bool = False

    def __str__(self) -> str:
        if self.mode != _FAIL:
            return f"kill {'after' if self.mode == KILL_AFTER else 'before'} {self.at}"
        kind = "SHORT" if self.short else errno.errorcode[self.error]
        return f"{kind} at {self.at}{' and from then on' if self.sticky else ''}"


NOTHING = Hit(0, _COUNT)
KINDS = ("ENOSPC", "EIO", "EDQUOT", "SHORT")


def failure(kind: str, at: int, *, sticky: bool) -> Hit:
    """Return the failure that `kind` (one of KINDS) names."""
    short = kind == "SHORT"
    return Hit(at, _FAIL, errno.ENOSPC if short else getattr(errno, kind), short=short, sticky=sticky)


@dataclass(frozen=True)
class Struck:
    """A run under a hit: what it said, how many mutations it made, which one was hit (empty: none), how many failed."""

    said: Said
    count: int
    fired: str
    failed: int


def compiled(folder: Path) -> Path:
    """Compile the library into `folder`.

    Raises:
        subprocess.CalledProcessError: the compiler refuses it; its words are in `stderr`.
    """
    library = folder / "preload.so"
    argv = ["cc", "-shared", "-fPIC", "-O2", "-w", "-o", str(library), str(SOURCE), "-ldl", "-pthread"]
    subprocess.run(argv, check=True, capture_output=True, text=True)
    return library


def strike(
    library: Path,
    repo: Repo,
    hit: Hit,
    *argv: str,
    out: Path | None = None,
    program: Sequence[str] = ("-m", "orchestrator"),
) -> Struck:
    """Run `orchestrator` in `repo` with `hit`; when it returns, no process of that run is left, or an assertion fails.

    `out` is where its standard output goes, if not to a file beside the project; `program` is how Python starts it.
    """
    state = repo.root.parent / f"{repo.root.name}-faults"
    _arm(state, repo.root, hit)
    out, err = out or state.with_suffix(".out"), state.with_suffix(".err")
    env = {**repo.env, "LD_PRELOAD": str(library), "FAULTS_STATE": str(state)}
    if "FAULTS_TRACE" in os.environ:
        env["FAULTS_TRACE"] = os.environ["FAULTS_TRACE"]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        done = subprocess.Popen(
            [sys.executable, *program, *(argv or ("run",))],
            cwd=repo.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )
        code = _ended(done, f"FAULTS_STATE={state}", hit)
    count, _, failed, *_, fired = _STATE.unpack_from(state.read_bytes())
    said = Said(code, out.read_text(errors="replace"), err.read_text(errors="replace"))
    return Struck(said, count, fired.rstrip(b"\0").decode(errors="replace").strip(), failed)


def _arm(state: Path, root: Path, hit: Hit) -> None:
    facts = (0, hit.at, 0, hit.mode, hit.error, hit.short, hit.sticky, 0, 0, os.fsencode(root.resolve()), b"")
    state.write_bytes(_STATE.pack(*facts).ljust(_SIZE, b"\0"))


def _ended(done: subprocess.Popen[bytes], marker: str, hit: Hit) -> int:
    try:
        code = done.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in carrying(marker):
            os.kill(pid, signal.SIGKILL)
        done.wait()
        raise AssertionError(f"{hit}: the run hangs") from None
    deadline = time.monotonic() + 5
    while left := carrying(marker):
        assert time.monotonic() < deadline, f"{hit}: processes left: {left}"
        time.sleep(0.01)
    return code
