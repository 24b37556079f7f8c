"""Resolve: an attempt that no longer fits the branch is merged with it by a model, or kept for a person to decide.

The merged work is recorded as the attempt, on the commit it was merged with, before anything follows from it: it lands,
or does not, as any other does, and a kill pays for no answer twice. What it was made from stays reachable.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.agents import resolver
from orchestrator.agents.resolver import Conflict, Merge, Region
from orchestrator.agents.roster import judge
from orchestrator.config import AgentConfig
from orchestrator.documents.spec import Spec
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.models.ask import Purpose
from orchestrator.models.structured import Answered
from orchestrator.plaintext import listed
from orchestrator.repo.attempts import Attempt, Resolution
from orchestrator.repo.history import walk
from orchestrator.repo.patch import patch
from orchestrator.repo.trees import Change, blobs, differences, entries
from orchestrator.steps.asking import NoAnswer, answered
from orchestrator.steps.overlay import Overlay, manner, overlay
from orchestrator.steps.project import Project
from orchestrator.steps.regions import Sides, Torn, numbered, torn
from orchestrator.steps.standing import Situation, spec_path

_TRIES = 2  # answers of the resolver's to one attempt
_COMMITS = 8  # of the branch's, whose purpose is told
_SHOWN = 6_000  # characters of the regions that a person is shown


@dataclass(frozen=True)
class Refused:
    """Why an attempt's conflict stays."""

    failure: Failure
    why: str


def resolving(project: Project, attempt: Attempt) -> AgentConfig | None:
    """Return who merges what `attempt` and the branch both changed; None for nobody, or where it is a person's work."""
    agent = judge(project.config, "resolver", project.config.resolver)
    return agent if attempt.agent in project.config.agents else None


def resolve(
    project: Project, now: Situation, attempt: Attempt, failed: str, cancel: threading.Event
) -> Attempt | Refused | NoAnswer:
    """Merge `attempt` with the branch; `failed` is what verify said of the answer before, empty for the first.

    Raises:
        OrchestratorError: the resolver cannot be asked at all.
    """
    agent, before = resolving(project, attempt), attempt.resolution
    number = 1 + (before.number if before else 0)
    if agent is None or number > _TRIES:
        return _spent(failed, asked=agent is not None)
    came = (before.commit, before.base) if before and failed else (attempt.commit, attempt.base)
    scene = _scene(project, now, *came)
    if scene is None:
        return Refused(Failure.CONFLICT, "the branch changed the same files, in a way that cannot be merged as text")
    conflict = _conflict(project, now, attempt, scene, failed)
    if sum(len(each.base + each.ours + each.theirs) for each in conflict.regions) > resolver.LARGEST:
        return Refused(Failure.CONFLICT, "the branch changed the same lines, more of them than one answer can merge")
    found = _asked(project, agent, attempt, conflict, cancel)
    if isinstance(found, NoAnswer):
        return found if found.later else _undecided(scene, f"the resolver gave no answer: {found.why}")
    if found.value.regions is None:
        return _undecided(scene, f"the resolver is unsure: {found.value.why}")
    resolution = Resolution(found.model, number, *came)
    merged = replace(attempt, base=now.commit, resolution=resolution, review="", reviewed="")
    merged = merged.with_cost(found.usage, found.micros)
    changes = [*scene.laid.changes, *_merged(scene, found.value)]
    return project.register.record(merged, changes, now.commit, (came[0],))


def _spent(failed: str, *, asked: bool) -> Refused:
    if failed and not asked:
        return Refused(Failure.DETERMINISTIC, failed)
    if failed:
        return Refused(
            Failure.UNDECIDED, f"what the resolver merged fails verify, {_TRIES} times; the last time:\n{failed}"
        )
    return Refused(Failure.CONFLICT, "the branch changed the same lines again")


@dataclass(frozen=True)
class _Scene:
    """An attempt and the branch: where both came from, what fits, and the files that do not."""

    base: str
    commit: str
    tip: str
    laid: Overlay
    files: Sequence[Torn]


def _scene(project: Project, now: Situation, commit: str, base: str) -> _Scene | None:
    """Return how the attempt `commit` meets the branch; None where a conflict is about more than lines of text."""
    git, scratch = project.git, project.folders.scratch
    changes = differences(git, base, commit)
    tip = entries(git, now.commit, [change.path for change in changes])
    laid = overlay(git, changes, tip, scratch)
    both = [change for change in changes if change.path in laid.conflicts]
    by_lines = [change.path in tip and manner(git, change.path) is not None for change in both]
    tried = [torn(git, c, tip[c.path], scratch) if plain else None for c, plain in zip(both, by_lines, strict=True)]
    files = [file for file in tried if file is not None and file.regions]
    return _Scene(base, commit, now.commit, laid, files) if files and len(files) == len(tried) else None


def _conflict(project: Project, now: Situation, attempt: Attempt, scene: _Scene, failed: str) -> Conflict:
    git, paths = project.git, [file.change.path for file in scene.files]
    ours = [change for change in differences(git, scene.base, scene.tip) if change.path in paths]
    regions = [
        Region(number, path, sides.base, sides.ours, sides.theirs)
        for number, (path, sides) in numbered(scene.files).items()
    ]
    return Conflict(
        spec=now.plan.specs[attempt.task].render().decode("utf-8").removeprefix("\ufeff"),
        intents="\n\n".join(_intents(project, scene, paths)),
        theirs=patch(git, scene.base, scene.commit, [file.change for file in scene.files]).text,
        ours=patch(git, scene.base, scene.tip, ours).text,
        regions=regions,
        failed=failed,
    )


def _intents(project: Project, scene: _Scene, paths: Sequence[str]) -> Iterator[str]:
    """Yield what the branch's commits that changed `paths` were made for: their subjects, and their specs' goals."""
    git = project.git.within(GIT_LITERAL_PATHSPECS="1")
    logged = git.records("log", "-z", f"-{_COMMITS}", "--format=%H%x00%B", f"{scene.base}..{scene.tip}", "--", *paths)
    tasks = {entry.commit: entry.get("Task") for entry in walk(git, scene.tip, f"^{scene.base}")}
    for commit, body in zip(logged[::2], logged[1::2], strict=True):
        task = tasks.get(commit, "")
        said = body.strip().rpartition("\n\n")[0] if task else body.strip()  # without our trailers
        goal = _goal(project, scene.tip, task) if task else ""
        yield f"{said[:2_000]}\n{goal}".rstrip()


def _goal(project: Project, tip: str, task: str) -> str:
    name = f"{tip}:{spec_path(task)}"
    data = blobs(project.git, [name]).get(name)
    try:
        return f"Its spec's goal: {Spec.parse(data, spec_path(task)).goal}" if data else ""
    except DocumentError:
        return ""


def _asked(
    project: Project, agent: AgentConfig, attempt: Attempt, conflict: Conflict, cancel: threading.Event
) -> Answered[Merge] | NoAnswer:
    purpose = Purpose("resolver", attempt.task, attempt.number, "again" if conflict.failed else "merge")
    project.say("resolve.started", attempt.task, attempt.number, agent=agent.name)
    found = answered(agent, "resolver", lambda: resolver.resolve(project.models, agent, conflict, purpose, cancel))
    facts: dict[str, object] = {"decision": "", "why": found.why} if isinstance(found, NoAnswer) else _facts(found)
    project.say("resolve.ended", attempt.task, attempt.number, agent=agent.name, **facts)
    return found


def _facts(found: Answered[Merge]) -> dict[str, object]:
    decision = "unsure" if found.value.regions is None else "merged"
    return {"decision": decision, "why": found.value.why, "model": found.model, "micros": found.micros}


def _merged(scene: _Scene, merge: Merge) -> Iterator[Change]:
    texts = iter([merge.regions[number] for number in sorted(merge.regions)] if merge.regions else [])
    for file in scene.files:
        yield file.whole([next(texts) for _ in file.regions])


def _undecided(scene: _Scene, why: str) -> Refused:
    """Return what a person is told: the question, and both sides of each region."""
    files = listed([file.change.path for file in scene.files], between=", ")
    shown = "\n".join(_side_by_side(number, *torn_) for number, torn_ in numbered(scene.files).items())[:_SHOWN]
    return Refused(Failure.UNDECIDED, f"{why}\nBoth changed the same lines of: {files}\n\n{shown}")


def _side_by_side(number: int, path: str, sides: Sides) -> str:
    ours, theirs = f"ours (the branch):\n{sides.ours}", f"theirs (this attempt):\n{sides.theirs}"
    return f"{path}, region {number}\nbase:\n{sides.base}{ours}{theirs}"
