"""The diagnosis: all that is not right here, each with why it matters and the command that mends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Config, load
from orchestrator.errors import OrchestratorError
from orchestrator.lock import is_locked
from orchestrator.plaintext import listed
from orchestrator.plan import PERSON
from orchestrator.repo import heal, intent
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import checked_out, head, resolve, unfinished
from orchestrator.repo.remotes import unpushed
from orchestrator.steps import desk as desks
from orchestrator.steps.claim import at_work
from orchestrator.steps.desk import Desk
from orchestrator.steps.standing import spec_path
from orchestrator.steps.stopped import stopped
from orchestrator.views import machine, papers
from orchestrator.views.checklist import Item, checklist, checklist_text
from orchestrator.views.findings import Finding, Severity, of_error, shown
from orchestrator.views.tasks import history
from orchestrator.views.work import waiting_to_land
from orchestrator.workspace import Folders

FIX = "orchestrator doctor --fix"
_NAMED = 8  # tasks in a finding


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        healthy: whether there is no error.
        total: how many findings there are.
        findings: the worst twenty of them, or all: each with severity, what, why, fix and where.
        checklist: the orchestration checklist, before a first run; empty later.
        done: what `--fix` or `--rebuild` did, one sentence each.
        changed: whether they did anything.
    """

    healthy: bool
    total: int
    findings: tuple[Finding, ...]
    checklist: tuple[Item, ...]
    done: tuple[str, ...] = ()
    changed: bool = False


def diagnose(place: Place, git: Git, env: Mapping[str, str], lock: Path, done: tuple[str, ...] = ()) -> Diagnosis:
    """Look at everything. Reads only.

    Args:
        place: the repository.
        git: git, at its top.
        env: the environment, for the configuration and for looking commands up.
        lock: the instance lock's file.
        done: what was mended just before.
    """
    known = history(git)
    config, found = _configuration(place.root, env)
    desk = desks.read(git, config.phases if config else ())
    found += [*_branch(git, place), *machine.packages(), *machine.disk(place.root)]
    if config:
        found += machine.commands(config, place, env, _wanted(desk, known))
    found += papers.documents(desk, known, place.root, git)
    if not is_locked(lock):
        found += [*_left_behind(place, git), *_paid(place, git, desk, known)]
    if known.checkpoint:
        found += _elsewhere(place)
    items = checklist(desk, config, place.root) if config and known.checkpoint == 0 else ()
    healthy = all(finding.severity is not Severity.ERROR for finding in found)
    return Diagnosis(healthy, len(found), tuple(found), items, done, bool(done))


def _configuration(root: Path, env: Mapping[str, str]) -> tuple[Config | None, list[Finding]]:
    try:
        return load(root, env)[0], []
    except OrchestratorError as error:
        return None, [of_error(error)]


def _elsewhere(place: Place) -> list[Finding]:
    """Return what to know about the history's other copies."""
    ahead = unpushed(place)
    if not ahead:
        return []
    return [Finding(Severity.NOTE, f"{ahead} commits are not pushed", "they are on this disk alone", "git push")]


def _branch(git: Git, place: Place) -> list[Finding]:
    try:
        head(git)
    except OrchestratorError as error:
        unborn = resolve(git, "HEAD") is None
        return [of_error(error, Severity.NOTE if unborn else Severity.ERROR)]
    begun = unfinished(git, place.git_dir)
    return [Finding(Severity.WARNING, begun[0], "a run waits for it", begun[1])] if begun else []


def _wanted(desk: Desk, known: Ledger) -> dict[str, str]:
    """Return the agents that open tasks ask for, each with a spec that does."""
    settled = {*known.landed, *desk.standing(known).dropped}
    tasks = desk.plan.tasks if desk.plan else {}
    open_specs = {name: spec for name, spec in desk.specs.items() if name in tasks and name not in settled}
    return {spec.agent: spec_path(name) for name, spec in open_specs.items() if spec.agent != PERSON}


def _left_behind(place: Place, git: Git) -> list[Finding]:
    """Return what a killed leader or git left, when no leader is at work."""
    found = []
    folders = Folders(place.root)
    for lock in heal.abandoned(place):
        name = str(lock.relative_to(place.root)) if lock.is_relative_to(place.root) else str(lock)
        found.append(Finding(Severity.ERROR, f"a stale git lock: {name}", "git refuses to commit", FIX))
    tasks = ", ".join(sorted(at_work(folders.worktrees)))
    if tasks:
        why = "the work is kept; the next run records it and goes on"
        found.append(Finding(Severity.WARNING, f"an abandoned run: {tasks} were at work", why, "orchestrator run"))
    branch = checked_out(git)
    if branch and intent.unsettled(git, branch):
        why = "the checkout may be half-way between two commits"
        found.append(Finding(Severity.ERROR, "a landing was cut short", why, FIX))
    if folders.home.is_dir() and not (folders.home / ".gitignore").exists():
        why = "git would show what is in it"
        found.append(Finding(Severity.WARNING, ".orchestrator/ has no .gitignore", why, FIX))
    return found


def _paid(place: Place, git: Git, desk: Desk, known: Ledger) -> list[Finding]:
    """Return which attempts are finished and wait to land, while nobody is there to land them."""
    if desk.plan is None:
        return []
    late = waiting_to_land(git, known, desk.standing(known).unsettled(desk.plan))
    if not late:
        return []
    last = stopped(Folders(place.root))
    why = f"the last run stopped: {last.why}" if last else "no run has gone on since"
    tasks = listed([*late], _NAMED, between=", ")
    return [Finding(Severity.WARNING, f"finished and not landed: {tasks}", why, "orchestrator run")]


def text(seen: Diagnosis) -> str:
    """Return the findings, then the checklist."""
    lines = [*(f"fixed: {line}" for line in seen.done), *shown(seen.findings)]
    bad = [finding for finding in seen.findings if finding.severity is not Severity.NOTE]
    if not bad:
        lines.insert(len(seen.done), "nothing is wrong")
    if seen.total > len(seen.findings):
        lines.append(f"and {seen.total - len(seen.findings)} more")
    if seen.checklist:
        lines += ["before the first run:", *checklist_text(seen.checklist)]
    return "\n".join(lines)
