"""The machine under the project: packages, disk, file system, and whether the commands it names exist."""

import re
import shlex
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from orchestrator import process
from orchestrator.agents.roster import pick, roster
from orchestrator.config import Config
from orchestrator.errors import OrchestratorError
from orchestrator.repo.locate import Place
from orchestrator.views.findings import Finding, Severity, of_error

DISTRIBUTION = "checkpoint-orchestrator"
_NAMESAKE = "orchestrator"
_LITTLE = 200 * 1024 * 1024  # bytes
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "ceph", "glusterfs"}
_WORDS = {
    "cd",
    "test",
    "[",
    "true",
    "false",
    "set",
    "export",
    "exec",
    "if",
    "for",
    "while",
    ".",
    ":",
    "!",
    "{",
    "(",
}


def packages() -> list[Finding]:
    """Return what is missing of this program's own dependencies, and the namesake that would overwrite it."""
    found = [_missing(name) for name in _required() if not _is_installed(name)]
    if _is_installed(_NAMESAKE):
        found.append(
            Finding(
                Severity.WARNING,
                f"the distribution {_NAMESAKE!r} is installed beside {DISTRIBUTION!r}",
                "both install the same folder",
                f"pip uninstall {_NAMESAKE} && pip install --force-reinstall {DISTRIBUTION}",
            )
        )
    return found


def _required() -> list[str]:
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in lines if "extra ==" not in line]


def _is_installed(name: str) -> bool:
    try:
        return metadata.distribution(name).metadata["Name"].casefold() == name.casefold()
    except metadata.PackageNotFoundError:
        return False


def _missing(name: str) -> Finding:
    return Finding(Severity.ERROR, f"the package {name} is missing", "", f"pip install {name}")


def disk(root: Path) -> list[Finding]:
    """Return what is wrong with the place the repository is on."""
    found = []
    free = shutil.disk_usage(root).free
    if free < _LITTLE:
        why = "each attempt needs a worktree of its own"
        found.append(Finding(Severity.WARNING, f"only {free // 1024**2} MB are free", why, "free some space"))
    kind = _file_system(root)
    if kind in _NETWORK:
        why = "locks and durable writes are not reliable there"
        fix = "git clone . /a/local/disk && cd /a/local/disk"
        found.append(Finding(Severity.WARNING, f"the repository is on a network file system ({kind})", why, fix))
    return found


def _file_system(root: Path) -> str:
    """Return the kind of file system that holds `root`, empty where the system does not say."""
    table = Path("/proc/mounts")
    rows = (
        [line.split() for line in table.read_text(encoding="utf-8", errors="replace").splitlines()]
        if table.exists()
        else []
    )
    holding = [(row[1], row[2]) for row in rows if len(row) > 2 and root.is_relative_to(row[1])]  # noqa: PLR2004
    return max(holding, key=lambda row: len(row[0]))[1] if holding else ""


def commands(config: Config, place: Place, env: Mapping[str, str], wanted: Mapping[str, str]) -> list[Finding]:
    """Return the agents that cannot start and the verify command that does not exist.

    `wanted` maps an agent that a spec asks for to that spec's path; the empty name is the worker.
    """
    root = place.root
    agents = roster(config, root, env, place.git_dir)
    found = []
    for agent in agents.values():
        try:
            agent.check()
        except OrchestratorError as error:
            found.append(of_error(error))
    for name, where in wanted.items():
        try:
            pick(agents, config, name, where)
        except OrchestratorError as error:
            found.append(of_error(error, Severity.ERROR if agents else Severity.NOTE))
    if not agents and not wanted:
        fix = 'in orchestrator.toml, under [agents.worker]: command = ["your-agent", "{files}"]'
        why = "`run` needs one; without, lead by hand: orchestrator task next --claim"
        found.append(Finding(Severity.NOTE, "no agent is configured", why, fix))
    return found + _verify(config, root, env)


def _verify(config: Config, root: Path, env: Mapping[str, str]) -> list[Finding]:
    if not config.verify:
        why = "whatever stays inside its files lands"
        fix = 'in orchestrator.toml, under [verify]: command = "..."'
        return [Finding(Severity.NOTE, "no verify command is configured", why, fix)]
    word = _first_word(config.verify)
    known = process.environment(env, ("VIRTUAL_ENV", *config.verify_env), {})
    if not word or word in _WORDS or config.setup or not process.missing(word, cwd=root, env=known):
        return []
    why = "a run ends before it starts"
    fix = "install it, or correct verify.command in orchestrator.toml"
    return [Finding(Severity.WARNING, f"verify.command: there is no command {word!r}", why, fix)]


def _first_word(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return next((word for word in words if "=" not in word), "")
