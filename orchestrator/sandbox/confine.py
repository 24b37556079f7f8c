"""The argv that confines a command; given to `process.run`, its limits, token and end of trees go on working. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from orchestrator.process.table import TOKEN
from orchestrator.sandbox.ground import Ground
from orchestrator.sandbox.levels import Level

_BLOCK = 512  # bytes; what `ulimit -f` counts in
# bubblewrap's own process stays as pid 1 inside, and its environment can be read there. Whatever the caller's is, the
# confined command's ancestors start with nothing but the token by which `process` knows them.
_CLEAN = ("/bin/sh", "-c", f'exec /usr/bin/env -i "{TOKEN}=${TOKEN}" "$@"', "sh")
_NAMESPACES = ("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent")


@dataclass(frozen=True)
class Bounds:
    """What one command may use.

    Attributes:
        processes: how many it may have at once, threads included; not enforced by the system for root.
        shared_processes: the same without a namespace, where all processes of the user count.
        file_size: bytes of one file.
        scratch: bytes of each private folder in memory.
    """

    processes: int = 512
    shared_processes: int = 4096
    file_size: int = 1 << 30
    scratch: int = 1 << 28


BOUNDS = Bounds()


class _Kind(Enum):
    EMPTY = auto()
    SCRATCH = auto()
    READ = auto()
    WRITE = auto()
    BLANK = auto()


def confine(  # noqa: PLR0913  # one argument is one thing the caller must decide
    argv: Sequence[str],
    worktree: Path,
    level: Level,
    *,
    env: Mapping[str, str],
    ground: Ground,
    guarded: Sequence[Path],
    writable: Sequence[Path] = (),
    network: bool = False,
    bounds: Bounds = BOUNDS,
) -> list[str]:
    """Return the argv that runs `argv` in `worktree` at `level`.

    At the strongest level a command that signal N ended has the exit status 128 + N, and what a limit or a cancel ends
    has no time for last words: with its namespace all of it goes at once.

    Args:
        argv: the command and its arguments.
        worktree: where it runs, by its real name; writable.
        level: how it is confined.
        env: its whole environment, from `environment`; every user of the machine can read it while the command runs.
        ground: from `survey`.
        guarded: from `sandbox.guarded(worktree)`, read just before.
        writable: folders it may write besides, by their real names; they exist, and no agent can put a symlink there.
        network: whether it may reach the network.
        bounds: what it may use.

    Raises:
        ValueError: the strongest level is asked for on ground that was surveyed without its program.
    """
    if level is Level.NONE:
        return list(argv)
    if level is Level.RLIMITS:
        pairs = [f"{name}={value}" for name, value in env.items()]
        return [*_CLEAN, *pairs, *_bounded(bounds, bounds.shared_processes), *argv]
    if ground.bwrap is None:
        raise ValueError("no bubblewrap on this ground")
    return [
        *_CLEAN,
        str(ground.bwrap),
        *_NAMESPACES,
        *(["--share-net"] if network else []),
        "--new-session",
        *_file_system(worktree, ground, guarded, writable, bounds),
        "--clearenv",
        *_variables({**env, "HOME": str(ground.home)}),
        "--chdir",
        str(worktree),
        "--",
        *_bounded(bounds, bounds.processes),
        *argv,
    ]


def _bounded(bounds: Bounds, processes: int) -> tuple[str, ...]:
    """Return the wrapper that sets limits; one that is tighter already stays. Shells differ in -u and -p."""
    limits = f"ulimit -c 0; ulimit -f {bounds.file_size // _BLOCK}; ulimit -u {processes} || ulimit -p {processes}"
    return ("/bin/sh", "-c", f'{{ {limits}; }} 2>/dev/null; exec "$@"', "sh")


def _variables(env: Mapping[str, str]) -> Iterator[str]:
    for name, value in env.items():
        yield from ("--setenv", name, value)


def _file_system(
    worktree: Path, ground: Ground, guarded: Sequence[Path], writable: Sequence[Path], bounds: Bounds
) -> Iterator[str]:
    size = str(bounds.scratch)
    # Without a capability, root may still write in /proc/sys: core_pattern would run a program outside.
    yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc")
    yield from ("--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
    mounts = _mounts(worktree, ground, guarded, writable)
    for path, kind in mounts:
        match kind:
            case _Kind.EMPTY:
                yield from ("--tmpfs", str(path))
            case _Kind.SCRATCH:
                yield from ("--perms", "0700" if path == ground.home else "1777", "--size", size, "--tmpfs", str(path))
            case _Kind.READ:
                yield from ("--ro-bind", str(path), str(path))
            case _Kind.WRITE:
                yield from ("--bind", str(path), str(path))
            case _Kind.BLANK:
                yield from ("--ro-bind", "/dev/null", str(path))
    for path, kind in mounts:
        if kind is _Kind.EMPTY:
            yield from ("--remount-ro", str(path))


def _mounts(
    worktree: Path, ground: Ground, guarded: Sequence[Path], writable: Sequence[Path]
) -> list[tuple[Path, _Kind]]:
    """Return what is mounted over the read-only root, what is above before what is below it."""
    chosen = dict.fromkeys(ground.hidden, _Kind.EMPTY)
    chosen |= dict.fromkeys(ground.scratch, _Kind.SCRATCH)
    chosen |= dict.fromkeys([*ground.readable, ground.git], _Kind.READ)
    chosen |= dict.fromkeys([worktree, *writable], _Kind.WRITE)
    chosen |= dict.fromkeys(guarded, _Kind.READ)
    chosen |= dict.fromkeys(ground.blank, _Kind.BLANK)
    return sorted(chosen.items(), key=lambda item: len(item[0].parts))
