"""What the disk says about where a command is confined: what is hidden, readable again, and guarded. Reads only."""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.policy import protected_names
from orchestrator.sandbox.toolchain import key_files, mode, real, toolchain

_SCRATCH = (Path("/tmp"), Path("/var/tmp"), Path("/run"), Path("/var/run"))  # noqa: S108  # private ones, inside
_HIDDEN = ("/home", "/root", "/mnt", "/media", "/srv", "/boot")
# What only root may read is hidden where the leader is root: without capabilities, root still owns it.
_ROOTS_OWN = (
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/kubernetes",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/wireguard",
    "/var/backups",
    "/var/lib/docker",
    "/var/log",
    "/var/snap",
    "/var/spool",
)
# A home or a repository in one of these hides nothing: the system itself would be gone.
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
_TOO_HIGH = {Path("/"), Path("/opt"), Path("/var"), Path("/nix")}


@dataclass(frozen=True)
class Ground:
    """What is the same for all commands of one leader; all paths by their real names.

    Attributes:
        bwrap: the program; None where the level needs none.
        home: the home inside, which is empty.
        scratch: folders that are empty and writable.
        hidden: folders that are empty.
        blank: files that cannot be read.
        readable: what is bound again, read-only.
        git: the git directory all worktrees share.
    """

    bwrap: Path | None
    home: Path
    scratch: tuple[Path, ...]
    hidden: tuple[Path, ...]
    blank: tuple[Path, ...]
    readable: tuple[Path, ...]
    git: Path


def survey(bwrap: Path | None, env: Mapping[str, str], git_dir: Path, readable: Iterable[Path] = ()) -> Ground:
    """Look at the disk once, before the first command.

    Args:
        bwrap: the program, from `Found`.
        env: the confined commands' environment.
        git_dir: the git directory all worktrees share; the checkout around it is hidden.
        readable: what is to be readable besides, such as what the configuration links into worktrees; what `toolchain`
            never gives, it does not give for being asked.
    """
    git = real(git_dir)
    scratch = [path for path in _SCRATCH if _is_folder(path)]
    home = _home(env)
    hidden = [path for path in map(Path, _HIDDEN) if _is_folder(path)]
    hidden += [path for path in map(Path, _ROOTS_OWN) if _is_folder(path) and os.access(path, os.R_OK)]
    if git.name == ".git" and not _is_systems(git.parent):
        hidden.append(git.parent)
    blank = [path for path in map(Path, _ROOTS_OWN) if _is_file(path) and os.access(path, os.R_OK)]
    resolver = real(Path("/etc/resolv.conf"))  # often a link into /run
    tools = toolchain(env, home, [*scratch, *hidden, home], [*readable, resolver])
    return Ground(
        bwrap=bwrap,
        home=home,
        scratch=tuple(dict.fromkeys([*scratch, home])),
        hidden=tuple(path for path in hidden if path not in {*scratch, home}),
        blank=(*blank, *key_files(tools)),
        readable=tuple(tools),
        git=git,
    )


def guarded(worktree: Path) -> tuple[Path, ...]:
    """Return what at the top of `worktree` is read-only inside, as it is now: look just before each command.

    A symlink is not among them: bound, it would bring in what it leads to. So no other command may run in the worktree
    while this looks; at the strongest level none is left when `process.run` returns.
    """
    candidates = (worktree / name for name in protected_names())
    return tuple(path for path in candidates if _is_folder(path) or _is_file(path))


def _home(env: Mapping[str, str]) -> Path:
    """Return the home by its real name, or /tmp where it is not a place that can be hidden."""
    named = Path(env.get("HOME", ""))
    home = real(named) if named.is_absolute() else Path("/")
    return _SCRATCH[0] if _is_systems(home) or not _is_folder(home) else home


def _is_systems(path: Path) -> bool:
    return path in _TOO_HIGH or any(path.is_relative_to(place) for place in _SYSTEM)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(mode(path))


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(mode(path))
