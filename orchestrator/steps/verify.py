"""Verify: the project's own check, run by the leader on a candidate in a worktree no agent ever had."""

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator import policy, process
from orchestrator.config import Config
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.lock import boot_id
from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git, GitError
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import resolve
from orchestrator.repo.trees import differences
from orchestrator.sandbox import Confinement, Policy
from orchestrator.steps.project import Project
from orchestrator.steps.standing import CHECKPOINTS, SPECS, STATE, TODO
from orchestrator.steps.sweeping import sweep
from orchestrator.workspace import naming, write_durably

NAME = "verify"
_PASSED_THROUGH = ("VIRTUAL_ENV", "SSL_CERT_FILE", "PIP_*", "UV_*")
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "PYTHONDONTWRITEBYTECODE": "1"}
_LAST_LINES = 60


@dataclass(frozen=True)
class Verdict:
    """What verify said. `output` holds its last lines; `seconds` is how long it took."""

    green: bool
    output: str
    seconds: float


def verify(project: Project, commit: str, cancel: threading.Event, accepted: Sequence[str] = ()) -> Verdict:
    """Check out `commit` in the verify worktree and run the checks there. Green at once where there are none.

    Args:
        project: names the verify command.
        commit: what is checked.
        cancel: ends it early.
        accepted: the acceptance commands of the specs that `commit` is to land, run after the project's own check.

    Raises:
        GitError: the worktree cannot be made or filled, for example because the disk is full.
        OrchestratorError: the sandbox that is required is not there (`Exit.MISSING`).
    """
    own = Policy(project.config.verify_sandbox)
    checks = [(project.config.verify, own)] if project.config.verify else []
    # A model may have written it: it is confined as well as can be, also where the project's own check is not.
    checks += [(command, Policy.BEST if own is Policy.OFF else own) for command in dict.fromkeys(accepted)]
    if not checks:
        return Verdict(green=True, output="", seconds=0.0)
    path = _worktree(project, commit, cancel)
    project.say("verify.started", commit=commit)
    began = project.guard.clock()
    verdict = _run(project, path, checks, cancel)
    sweep(project, began)  # what agents wrote has run here
    project.say("verify.ended", commit=commit, green=verdict.green, seconds=verdict.seconds)
    return verdict


def _run(project: Project, path: Path, checks: Sequence[tuple[str, Policy]], cancel: threading.Event) -> Verdict:
    """Run the checks one after another, until one is red."""
    seconds, said = 0.0, ""
    for command, way in checks:
        ended = shell(project, command, path, cancel, way)
        seconds += ended.seconds
        said = _account(ended)
        if ended.cause is not process.Cause.EXIT or ended.code != 0:
            which = f"$ {one_line(command)}\n" if len(checks) > 1 else ""
            return Verdict(green=False, output=which + said, seconds=seconds)
    return Verdict(green=True, output=said, seconds=seconds)


def _account(ended: process.Ended) -> str:
    words = (ended.stdout.rstrip() + "\n" + ended.stderr.rstrip()).strip().split("\n")[-_LAST_LINES:]
    if ended.cause is not process.Cause.EXIT:
        words.append(f"(stopped: {ended.cause} after {ended.seconds:.0f} s)")
    elif not any(words):
        words.append(f"(exit status {ended.code})")
    return "\n".join(words)


def confinement(config: Config, place: Place, env: Mapping[str, str], policy: Policy) -> Confinement:
    """Return how the project's checks are confined on this machine where `policy` asks for it.

    Raises:
        OrchestratorError: the sandbox that is required is not there (`Exit.MISSING`).
    """
    linked = [(place.root / name).resolve() for name in config.link]
    passed = (*_PASSED_THROUGH, *config.verify_env)
    return Confinement.find(env, passed, policy, place.git_dir, linked, _QUIET)


def shell(
    project: Project, command: str, cwd: Path, cancel: threading.Event, policy: Policy = Policy.OFF
) -> process.Ended:
    """Run a command with `sh -c`, in the clean environment, confined as `policy` says."""
    argv = ["sh", "-c", command]
    env: Mapping[str, str] = process.environment(project.env, (*_PASSED_THROUGH, *project.config.verify_env), _QUIET)
    if policy is not Policy.OFF:
        confined = project.confined(policy)
        argv, env = confined.argv(argv, cwd.resolve()), confined.env
    return process.run(
        argv,
        cwd=cwd,
        env=env,
        limits=process.Limits(project.config.verify_timeout, None),
        token=f"{project.token}{cwd.name}/check",
        cancel=cancel,
    )


def _worktree(project: Project, commit: str, cancel: threading.Event) -> Path:
    path = project.folders.worktrees / NAME
    there = project.worktrees.admin(NAME) is not None and path.is_dir() and _is_set_up(project)
    if not there or not _brought_back(project, commit):
        _setup_mark(project).unlink(missing_ok=True)
        made(project, NAME, commit, cancel)
        if not cancel.is_set():
            write_durably(_setup_mark(project), _setup(project))
        if project.config.setup:  # else no code ran in it yet
            _bring_back(project, commit)
    furnish(project, path)
    return path


def _brought_back(project: Project, commit: str) -> bool:
    """Bring the worktree to `commit`; False where code that ran there left what git cannot delete or write over."""
    try:
        _bring_back(project, commit)
    except (GitError, OSError) as error:
        project.say("healed", note=f"the worktree of verify is made anew: {one_line(str(error))}")
        return False
    return True


def made(project: Project, name: str, commit: str, cancel: threading.Event) -> Path:
    """Make the worktree `name` for code that is not believed, set up as the configuration says.

    Raises:
        GitError: git could not, for example because the disk is full.
        OrchestratorError: the setup command failed; with its last lines.
    """
    path = project.worktrees.add(name, commit)
    prepare(project, path, cancel)
    project.worktrees.believe(name)
    return path


def _bring_back(project: Project, commit: str) -> None:
    config = project.config
    project.worktrees.checkout(NAME, commit, keep_ignored=bool(config.setup or config.copy or config.link))


def drop_unfit(project: Project) -> None:
    """Remove the verify worktree where it may not be used again: after a power cut git itself may stumble over it."""
    if not _is_set_up(project):
        project.worktrees.remove(NAME)


def _setup_mark(project: Project) -> Path:
    """Return the file that says which setup the verify worktree has had to the end: a kill may cut one short."""
    return project.folders.home / "set-up"


def _is_set_up(project: Project) -> bool:
    mark = _setup_mark(project)
    return mark.is_file() and mark.read_bytes() == _setup(project)


def _setup(project: Project) -> bytes:
    """Return which setup it is, and of which start of the machine: a power cut may leave files there that are empty."""
    return f"{boot_id()} {project.config.setup}".encode()


def prepare(project: Project, path: Path, cancel: threading.Event) -> None:
    """Do what a new worktree needs once: copies, links, and the setup command, which `cancel` ends early.

    Raises:
        OrchestratorError: the setup command failed; with its last lines.
    """
    furnish(project, path)
    if not project.config.setup:
        return
    ended = shell(project, project.config.setup, path, cancel)
    if cancel.is_set():
        return
    if ended.cause is not process.Cause.EXIT or ended.code != 0:
        raise OrchestratorError(
            f"verify.setup failed ({project.config.setup}):\n{_account(ended)}",
            hint="run it by hand in a clean clone, mend orchestrator.toml, then: orchestrator run",
            code=Exit.PRECONDITION,
        )


def furnish(project: Project, path: Path) -> None:
    """Put the ignored files that the configuration names into a worktree; those that are there stay."""
    for name in (*project.config.copy, *project.config.link):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise OrchestratorError(
                f"verify.copy or verify.link names {name}, which is outside the repository",
                hint="name a path relative to the checkout's top",
                code=Exit.PRECONDITION,
            )
        source, target = project.place.root / name, path / name
        if target.exists() or target.is_symlink():
            continue
        if not source.exists():
            raise OrchestratorError(
                f"verify.copy or verify.link names {name}, which is not here",
                hint="make it, or take it out of orchestrator.toml",
                code=Exit.PRECONDITION,
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in project.config.link:
            target.symlink_to(source)
        elif source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            with naming(target):
                shutil.copy2(source, target)


def check_base(project: Project, commit: str, cancel: threading.Event) -> Verdict:
    """Verify the untouched base before anything is spent; at once where this very code was found green before."""
    memory = project.folders.home / "green"
    mark = memory.read_text(encoding="utf-8", errors="replace") if memory.is_file() else ""
    proved, _, command = mark.partition(" ")
    if command == project.config.verify and same_code(project.git, proved, commit):
        return Verdict(green=True, output="", seconds=0.0)
    verdict = verify(project, commit, cancel)
    if verdict.green:
        remember(project, commit)
    return verdict


def remember(project: Project, commit: str) -> None:
    """Keep in mind that `commit` was green with this command; a memory that may be lost."""
    write_durably(project.folders.home / "green", f"{commit} {project.config.verify}".encode())


def same_code(git: Git, proved: str, commit: str) -> bool:
    """Whether `commit` differs from the green commit `proved` in nothing but the leader's own documents."""
    if not proved or resolve(git, proved) is None:
        return False
    own = (TODO, STATE, f"{SPECS}*.md", f"{CHECKPOINTS}*.md")
    return all(policy.covers(own, change.path) for change in differences(git, proved, commit))


def level(project: Project, together: int, acceptance: str) -> str:
    """Return the `Verified` trailer of a commit whose candidate was green: the level and the commands."""
    commands = [f"`{command}`" for command in (project.config.verify, one_line(acceptance)) if command]
    if not commands:
        return "none (no verify.command is configured)"
    others = f", together with {together - 1} more" if together > 1 else ""
    policy = Policy(project.config.verify_sandbox)
    where = f", confined by {project.confined(policy).chosen.level}" if policy is not Policy.OFF else ""
    return f"proved by {' and '.join(commands)}{others}{where}"
