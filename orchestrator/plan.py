"""The plan: tasks, their order, their phases, and what may start now. Pure: it never runs anything."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import filterfalse, groupby, repeat
from operator import attrgetter

from orchestrator.documents.source import shown
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Mark, Task, Todo
from orchestrator.errors import DocumentError
from orchestrator.policy import is_glob, may_meet

DEFAULT_PHASES = ("PLANNING", "IMPLEMENTING", "TESTING", "DEPLOYING")
COMPLETE = "COMPLETE"
BLOCKED = "BLOCKED"
PERSON = "person"  # the agent a spec names when no agent is to do it
_COMPARED = 1_000  # tasks that a mistyped name is compared with: each comparison costs as much as reading ten lines
_LONGEST = 1_000  # characters of a heading that say which phase it means
_CIRCLE = 5  # of its tasks, those an error names
_ID, _HEADINGS = attrgetter("id"), attrgetter("headings")
_NUMBERS = re.compile(r"(?:phase\s+\d+\s*[:.-]\s*)*", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """Every task with its phase and spec, in the order of `TODO.md`; `phases` leaves out COMPLETE, which ends each.

    `by_hand` are the tasks whose specs give them to a person, `drafts` those whose specs are still being written.
    """

    phases: tuple[str, ...]
    tasks: Mapping[str, Task]
    phase_of: Mapping[str, str]
    specs: Mapping[str, Spec]
    by_hand: Collection[str] = frozenset()
    drafts: Collection[str] = frozenset()

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Each task's place in the plan."""
        return {task: place for place, task in enumerate(self.tasks)}

    def of_phase(self, phase: str) -> tuple[str, ...]:
        """Return the ids of the tasks of `phase`, in order."""
        return tuple(task for task, own in self.phase_of.items() if own == phase)


@dataclass(frozen=True)
class Standing:
    """Where each task stands, as sets of ids.

    Attributes:
        done: landed on the branch.
        dropped: a person took them out.
        dead: dead letters.
        running: an attempt is at work.
        waiting: an attempt finished and waits to be landed.
        held: not now: claimed by somebody else, or waiting out a transient failure.
    """

    done: Collection[str] = field(default_factory=frozenset)
    dropped: Collection[str] = field(default_factory=frozenset)
    dead: Collection[str] = field(default_factory=frozenset)
    running: Collection[str] = field(default_factory=frozenset)
    waiting: Collection[str] = field(default_factory=frozenset)
    held: Collection[str] = field(default_factory=frozenset)

    def settled(self, task: str) -> bool:
        """Whether nothing more will happen to `task`."""
        return task in self.done or task in self.dropped

    def unsettled(self, plan: Plan) -> Sequence[str]:
        """Return the tasks of `plan` that are not settled, in order; for the same plan again it is no work."""
        known: tuple[Plan, Sequence[str]] | None = vars(self).get("_unsettled")
        if known is None or known[0] is not plan:
            left = filterfalse(self.done.__contains__, plan.tasks)
            known = plan, tuple([task for task in left if task not in self.dropped])
            vars(self)["_unsettled"] = known
        return known[1]


def build(
    todo: Todo,
    specs: Mapping[str, Spec],
    phases: Sequence[str],
    path: str = "TODO.md",
    *,
    marked: Mapping[str, Spec] | None = None,
) -> Plan:
    """Put tasks, specs and phases together.

    `marked` are the specs that may give their task to a person or be drafts, where that is known without reading all.

    Raises:
        DocumentError: a heading that is no phase, an unknown or later dependency, or a cycle; with the line.
    """
    names = tuple(phases) or phases_of(todo)
    tasks = todo.by_id
    meant = {stem(phase): phase for phase in reversed(names)}
    phase_of: dict[str, str] = {}
    for _headings, group in groupby(todo.tasks, _HEADINGS):
        below = list(group)
        phase_of.update(zip(map(_ID, below), repeat(_phase(below[0], names, meant, path)), strict=False))
    marked = specs if marked is None else marked
    by_hand = frozenset(task for task, spec in marked.items() if spec.agent == PERSON)
    drafts = frozenset(task for task, spec in marked.items() if spec.draft)
    plan = Plan(names, tasks, phase_of, specs, by_hand, drafts)
    waiting = [task for task in todo.tasks if task.after]
    _refuse_bad_dependencies(plan, waiting, path)
    _refuse_cycles(tasks, waiting, path)
    return plan


def phases_of(todo: Todo) -> tuple[str, ...]:
    """Return the phases that the headings above tasks name: the default ones where any matches, else their own."""
    above = dict.fromkeys(task.headings for task in todo.tasks)
    headings = list(dict.fromkeys(names[0] for names in above if names))
    usual = {stem(phase) for phase in DEFAULT_PHASES}
    if not headings or any(stem(heading) in usual for names in above for heading in names):
        return DEFAULT_PHASES
    own = dict.fromkeys(map(_label, headings))
    return tuple(label for label in own if label not in {"", COMPLETE, BLOCKED}) or DEFAULT_PHASES


def _label(heading: str) -> str:
    """Return a phase's heading without its numbers before and its notes in brackets behind."""
    heading = heading[:_LONGEST]
    numbers = _NUMBERS.match(heading)
    start, stop = numbers.end() if numbers else 0, len(heading)
    while heading[stop - 1 : stop].isspace() or heading.endswith(")", start, stop):
        note = stop - 1 if heading[stop - 1].isspace() else heading.rfind("(", start, stop)
        if note < 0 or heading.count(")", note, stop) > 1:
            break
        stop = note
    return heading[start:stop].upper()


@lru_cache(maxsize=4096)
def stem(name: str) -> str:
    """Return what two spellings of a phase share: `Phase 2: Implementation` and `IMPLEMENTING` are one."""
    word = _label(name).casefold()
    shorter = re.sub(r"(ation|ment|ing|s)$", "", word)
    return shorter[:-1] if shorter != word and len(shorter) > 3 and shorter[-1] == shorter[-2] else shorter  # noqa: PLR2004


def match_phase(name: str, phases: Iterable[str]) -> str | None:
    """Return the phase that `name` means, or None."""
    wanted = stem(name)
    return next((phase for phase in phases if stem(phase) == wanted), None)


def is_past(plan: Plan, phase: str, until: str) -> bool:
    """Whether a workflow in `phase` is beyond the phase that `until` names; with no name it never is."""
    wanted = match_phase(until, plan.phases) if until else None
    if wanted is None or phase == BLOCKED:
        return False
    return phase == COMPLETE or plan.phases.index(phase) > plan.phases.index(wanted)


def _phase(task: Task, phases: Sequence[str], meant: Mapping[str, str], path: str) -> str:
    for heading in reversed(task.headings):
        found = meant.get(stem(heading))
        if found:
            return found
    if not task.headings:
        return meant.get(stem("IMPLEMENTING"), phases[0])
    listed = shown(", ".join(phases))
    raise DocumentError(
        path,
        task.line,
        f"{task.id} stands under {shown(task.headings[-1])!r}, which is no phase",
        hint=f"move it under one of: {listed}; or name your own in workflow-state.md's phase table",
    )


def _refuse_bad_dependencies(plan: Plan, waiting: Iterable[Task], path: str) -> None:
    order = {phase: number for number, phase in enumerate(plan.phases)}
    for task in waiting:
        for wanted in task.after:
            if wanted not in plan.tasks:
                import difflib  # noqa: PLC0415 - 4 ms that only a mistyped name pays

                near = difflib.get_close_matches(wanted, [*plan.tasks][:_COMPARED], 1)
                hint = f"did you mean {near[0]}?" if near else "name a task of this file, or take it out"
                message = f"{task.id} comes after {shown(wanted)}, which is no task"
                raise DocumentError(path, task.line, message, hint=hint)
            if order[plan.phase_of[wanted]] > order[plan.phase_of[task.id]]:
                raise DocumentError(
                    path,
                    task.line,
                    f"{task.id} comes after {wanted}, which belongs to the later phase {plan.phase_of[wanted]}",
                    hint="move one of them: a phase starts when the one before it is complete",
                )


def _refuse_cycles(tasks: Mapping[str, Task], waiting: Iterable[Task], path: str) -> None:
    state: dict[str, int] = {}
    for start in (task.id for task in waiting):
        trail: list[tuple[str, Iterator[str]]] = []
        if start not in state:
            state[start] = 1
            trail.append((start, iter(tasks[start].after)))
        while trail:
            here, rest = trail[-1]
            following = next(rest, None)
            if following is None:
                state[here] = 2
                trail.pop()
            elif state.get(following) == 1:
                names = [name for name, _ in trail]
                circle = [*names[names.index(following) :], following]
                said = " after ".join(circle if len(circle) <= _CIRCLE else [*circle[:_CIRCLE], "...", circle[-1]])
                raise DocumentError(path, tasks[here].line, f"a circle: {said}", hint="take one `after` out")
            elif following not in state:
                state[following] = 1
                trail.append((following, iter(tasks[following].after)))


def dropped(todo: Todo) -> frozenset[str]:
    """Return the tasks a person took out of the plan."""
    gone = Mark.DROPPED
    return frozenset([task.id for task in todo.tasks if task.mark is gone])


class Territory:
    """The files of specs that run now, so that each candidate is held against all of them at once."""

    def __init__(self, specs: Iterable[Spec]) -> None:
        self._plain: set[str] = set()  # single files, in small letters
        self._above: set[str] = set()  # the folders they are in
        self._others: list[Spec] = []  # specs with patterns, or with files they share
        for spec in specs:
            self.add(spec)

    def add(self, spec: Spec) -> None:
        """Take the files of `spec`."""
        names = _single_files(spec)
        if names is None:
            self._others.append(spec)
        else:
            self._plain |= names
            self._above |= {folder for name in names for folder in _folders(name)}

    def meets(self, spec: Spec) -> bool:
        """Whether `spec` and one that is in may touch the same file without both saying that they share it."""
        names = _single_files(spec)
        if names is None:
            return any(may_meet(file.path, name) for file in spec.files for name in self._plain) or self._overlaps(spec)
        if not names.isdisjoint(self._plain) or not names.isdisjoint(self._above):
            return True
        return any(folder in self._plain for name in names for folder in _folders(name)) or self._overlaps(spec)

    def _overlaps(self, spec: Spec) -> bool:
        return any(overlap(spec, other) for other in self._others)


def _single_files(spec: Spec) -> frozenset[str] | None:
    """Return the files of a spec in small letters, or None where it has a pattern or a file that it shares."""
    if any(file.shared or is_glob(file.path) for file in spec.files):
        return None
    return frozenset(file.path.casefold() for file in spec.files)


def _folders(path: str) -> Iterator[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def ready(
    plan: Plan,
    standing: Standing,
    phase: str,
    slots: int,
    *,
    by_hand: bool = False,
    among: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Return at most `slots` tasks that may start now, in plan order; none that could meet another's files.

    Tasks that a spec gives to a person are among them only where it is a person who asks: `by_hand`. `among` are the
    tasks that are not settled, in plan order, where that is known: then those that are need not be passed over.
    """
    if phase in {BLOCKED, COMPLETE}:
        return ()
    open_phases = set(plan.phases[: plan.phases.index(phase) + 1])
    taken: Territory | None = None
    chosen: list[str] = []
    for task in plan.tasks if among is None else among:
        if len(chosen) >= slots:
            break
        if not by_hand and task in plan.by_hand:
            continue
        if not _startable(plan, standing, plan.tasks[task], open_phases):
            continue
        if taken is None:  # not before: where thousands wait for their landing, none may start
            busy = (*standing.running, *standing.waiting)
            taken = Territory(plan.specs[other] for other in busy if other in plan.specs)
        if not taken.meets(plan.specs[task]):
            chosen.append(task)
            taken.add(plan.specs[task])
    return tuple(chosen)


def _startable(plan: Plan, standing: Standing, task: Task, open_phases: Collection[str]) -> bool:
    return (
        plan.phase_of[task.id] in open_phases
        and task.id in plan.specs
        and task.id not in plan.drafts
        and not standing.settled(task.id)
        and not any(task.id in group for group in (standing.dead, standing.running, standing.waiting, standing.held))
        and all(wanted in standing.done for wanted in task.after)
    )


def overlap(one: Spec, other: Spec) -> bool:
    """Whether the two specs may touch the same file without both saying that they share it."""
    return any(
        may_meet(mine.path, theirs.path) and not (mine.shared and theirs.shared)
        for mine in one.files
        for theirs in other.files
    )


def counts(plan: Plan, standing: Standing) -> dict[str, tuple[int, int]]:
    """Return how many tasks of each phase are done, and how many there are; what is dropped counts for neither."""
    total = Counter(plan.phase_of.values())
    total.subtract(plan.phase_of[task] for task in standing.dropped)
    left = Counter(plan.phase_of[task] for task in standing.unsettled(plan))
    return {phase: (total[phase] - left[phase], total[phase]) for phase in plan.phases}


def current_phase(plan: Plan, standing: Standing, stated: str) -> str:
    """Return the phase the workflow is in, when the state file says `stated`.

    A phase ends when its tasks and all those before them are settled.
    """
    unsettled = {plan.phase_of[task] for task in standing.unsettled(plan)}
    return phase_from(plan.phases, unsettled, stated)


def phase_from(phases: Sequence[str], unsettled: Collection[str], stated: str) -> str:
    """Return the phase the workflow is in, when the state file says `stated` and `unsettled` phases have open tasks."""
    if stated == BLOCKED:
        return BLOCKED
    number = phases.index(stated) if stated in phases else 0
    while number < len(phases) and not any(phase in unsettled for phase in phases[: number + 1]):
        number += 1
    return phases[number] if number < len(phases) else COMPLETE


def stuck(plan: Plan, standing: Standing) -> dict[str, str]:
    """Return the open tasks that cannot start until a person acts, each with the reason."""
    found: dict[str, str] = {}
    for task in map(plan.tasks.__getitem__, standing.unsettled(plan)):
        if task.id in standing.running or task.id in standing.waiting:
            continue
        if task.id in standing.dead:
            found[task.id] = "a dead letter"
        elif task.id not in plan.specs:
            found[task.id] = "no spec"
        elif task.id in plan.drafts:
            found[task.id] = "its spec is a draft"
        elif task.id in plan.by_hand and all(wanted in standing.done for wanted in task.after):
            found[task.id] = "for a person"
    return found | _blocked_behind(plan, standing, found)


def _blocked_behind(plan: Plan, standing: Standing, roots: Mapping[str, str]) -> dict[str, str]:
    if not roots and not standing.dropped:
        return {}
    dependents: dict[str, list[str]] = {}
    for task in plan.tasks.values():
        for wanted in task.after:
            dependents.setdefault(wanted, []).append(task.id)
    blocked: dict[str, str] = {}
    pending = [*roots, *standing.dropped]
    while pending:
        cause = pending.pop()
        for name in dependents.get(cause, ()):
            if name not in blocked and name not in roots and not standing.settled(name):
                blocked[name] = f"waits for {cause}"
                pending.append(name)
    return blocked
