"""What is wrong with an answer of the planner's, as a list of sentences that it can mend it by. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product

from orchestrator import plan as planning
from orchestrator import policy
from orchestrator.documents import paths, task_id
from orchestrator.errors import DocumentError
from orchestrator.leader.planner.answers import Outline, PlannedFile, PlannedSpec, PlannedTask
from orchestrator.leader.planner.papers import Known, contracts, misread, territory, todo_with, whole
from orchestrator.plan import BLOCKED, COMPLETE, PERSON
from orchestrator.steps.standing import result_path, spec_path

_LONGEST_ID = 40
_LONGEST_CHECK = 500


class Order:
    """What comes before what: the open tasks that stay and the new ones, with their phases.

    Args:
        known: what is there.
        outline: what was answered.
    """

    def __init__(self, known: Known, outline: Outline) -> None:
        self.phases = known.phases_with(outline.phases)
        self.new = [task.id for task in outline.tasks]
        old = [name for name in known.open if name not in outline.drop]
        self.after = {name: known.plan.tasks[name].after for name in old} if known.plan else {}
        self.after |= {task.id: task.after for task in outline.tasks}
        self._phase_of = {name: known.plan.phase_of[name] for name in (*old, *known.landed)} if known.plan else {}
        self._phase_of |= {task.id: planning.match_phase(task.phase, self.phases) or "" for task in outline.tasks}
        self._before: dict[str, frozenset[str]] = {}

    def place(self, task: str) -> int:
        """Return the place of the task's phase, 0 for one that is none."""
        phase = self._phase_of.get(task, "")
        return self.phases.index(phase) if phase in self.phases else 0

    def cycle(self) -> list[str]:
        """Return the tasks of a circle, none where there is none."""
        try:
            TopologicalSorter(self.after).prepare()
        except CycleError as error:
            return list(error.args[1])
        return []

    def precedes(self, one: str, other: str) -> bool:
        """Whether `one` has landed before `other` can start."""
        return self.place(one) < self.place(other) or one in self._all_before(other)

    def _all_before(self, task: str) -> frozenset[str]:
        if task not in self._before:
            found: set[str] = set()
            pending = [*self.after.get(task, ())]
            while pending:
                name = pending.pop()
                if name not in found:
                    found.add(name)
                    pending += self.after.get(name, ())
            self._before[task] = frozenset(found)
        return self._before[task]

    def together(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs that may run at the same time and have a new task in them."""
        fresh = {*self.new}
        for one, other in combinations(self.new, 2):
            if not self.precedes(one, other) and not self.precedes(other, one):
                yield one, other
        for old, new in product([name for name in self.after if name not in fresh], self.new):
            # What was there before never comes after what is new, but by its phase.
            if not self.precedes(old, new) and self.place(new) >= self.place(old):
                yield old, new


def of_outline(known: Known, outline: Outline) -> list[str]:
    """Return what is wrong with an outline; nothing where it can become a plan."""
    order = Order(known, outline)
    found = [*_phases(known, outline, order.phases), *_tasks(known, outline), *_after(known, order)]
    circle = order.cycle()
    if circle:
        return [*found, f"a circle: {' after '.join(reversed(circle))}"]
    for task in outline.tasks:
        found += _files(known.files, task, _made_before(outline, order, task.id))
    found += _meeting(known, outline, order)
    return found or _unwritable(known, outline, order.phases)


def fits(known: Known, outline: Outline, specs: Mapping[str, PlannedSpec]) -> bool:
    """Whether a plan that had nothing wrong has nothing wrong now that something else is `known`."""
    if of_outline(known, outline):
        return False
    if any(of_spec(known, outline, task, specs[task.id]) for task in outline.tasks):
        return False
    try:
        whole(known, outline, contracts(outline, specs))
    except DocumentError:
        return False
    return True


def _phases(known: Known, outline: Outline, phases: Sequence[str]) -> Iterator[str]:
    if not outline.tasks and not outline.drop:
        yield "it changes nothing: there is no new task"
    for name in outline.phases:
        if name.upper() in {COMPLETE, BLOCKED}:
            yield f"{name} is no phase of one's own: every workflow ends in {COMPLETE}, and any phase can be {BLOCKED}"
        elif not name.isascii() or not name.replace(" ", "").replace("-", "").isalpha():
            yield f"the phase {name!r} must be a word of ASCII letters"
    stems = [planning.stem(name) for name in outline.phases]
    if len(set(stems)) < len(stems):
        yield "two phases have one name"
    for task in outline.tasks:
        if planning.match_phase(task.phase, outline.phases) is None:
            yield f"{task.id}: its phase {task.phase!r} is not among `phases`"
        elif planning.match_phase(task.phase, phases) is None:
            yield f"{task.id}: {task.phase!r} is no phase of this workflow, which has: {', '.join(known.phases)}"


def _tasks(known: Known, outline: Outline) -> Iterator[str]:
    there = {name.casefold() for name in known.plan.tasks} if known.plan else set()
    seen: set[str] = set()
    for task in outline.tasks:
        name = task.id.casefold()
        if not task_id.valid(task.id) or task.id != name or len(name) > _LONGEST_ID or name in {PERSON, ""}:
            yield f"{task.id!r} cannot be an id: up to {_LONGEST_ID} of a-z 0-9 and -"
        elif name in seen:
            yield f"the id {task.id} is given twice"
        elif name in there:
            yield f"the id {task.id} is taken by a task of the plan so far: a new task needs an id of its own"
        elif name in known.ever:
            yield f"the id {task.id} is that of a task that landed before: a new task needs an id of its own"
        elif taken := known.specs.intersection((spec_path(name), result_path(name))):
            yield f"{min(taken)} is there already, and no task's: {task.id} needs another id"
        seen.add(name)
        if not task.title:
            yield f"{task.id}: it has no title"
    for name in outline.drop:
        if name not in known.open:
            yield f"drop names {name!r}, which is no open task of the plan so far"


def _after(known: Known, order: Order) -> Iterator[str]:
    there = {*order.after, *known.landed}
    for name, wanted in order.after.items():
        for other in wanted:
            if other not in there:
                gone = ", which this plan drops" if other in known.open else ""
                yield f"{name} comes after {other!r}{gone or ', which is no task'}"
            elif order.place(other) > order.place(name):
                yield f"{name} comes after {other}, which belongs to a later phase"


def _made_before(outline: Outline, order: Order, task: str) -> list[str]:
    """Return what exists once the tasks before `task` have landed and does not yet."""
    earlier = (other for other in outline.tasks if order.precedes(other.id, task))
    return [file.path for other in earlier for file in other.files if file.new]


def _files(files: Collection[str], task: PlannedTask, made: Sequence[str]) -> Iterator[str]:
    if not task.files:
        yield f"{task.id}: it names no file"
    named = task.paths
    if len(set(named)) < len(named):
        yield f"{task.id}: it names a file twice"
    for file in task.files:
        why = _path(file.path) or _presence(files, file, made)
        if why:
            yield f"{task.id}: {file.path!r}: {why}"


def _path(path: str) -> str:
    """Return why no task may have `path`, empty where one may."""
    fault = paths.fault(path)
    if fault:
        return f"{fault[0]}: {fault[1]}"
    if path in {"*", "**", "**/*"}:
        return "that is the whole repository: name what changes"
    guarded = policy.protected(path)
    return f"no task may change it: {guarded}" if guarded else ""


def _presence(files: Collection[str], file: PlannedFile, made: Sequence[str]) -> str:
    there = _exists(files, file.path)
    if file.new:
        parents = (file.path[:end] for end, sign in enumerate(file.path) if sign == "/")
        above = next((parent for parent in parents if parent in files), "")
        if above:
            return f"{above} is a file, so nothing can be below it"
        return "it is there already: `new` must be false" if there else ""
    if there or any(policy.may_meet(path, file.path) for path in made):
        return ""
    return "it is not in the repository, and no task before this one makes it: say `new`, or name what is there"


def _exists(files: Collection[str], path: str) -> bool:
    if not policy.is_glob(path):
        return path in files
    return any(policy.covers((path,), each) for each in files)


def _meeting(known: Known, outline: Outline, order: Order) -> Iterator[str]:
    of_task = {**territory(known, order.after), **{task.id: task.paths for task in outline.tasks}}
    for one, other in order.together():
        met = next((mine for mine in of_task.get(one, ()) if _meets(mine, of_task.get(other, ()))), "")
        if met:
            yield f"{one} and {other} may run together and both change {met!r}: let one come after the other"


def _meets(path: str, others: Sequence[str]) -> bool:
    return any(policy.may_meet(path, other) for other in others)


def _unwritable(known: Known, outline: Outline, phases: Sequence[str]) -> list[str]:
    try:
        todo_with(known, outline, phases)
    except DocumentError as error:
        return [f"{error.message} ({error.hint})"]
    return []


def of_spec(known: Known, outline: Outline, task: PlannedTask, spec: PlannedSpec) -> list[str]:
    """Return what is wrong with the spec of `task`, save whether its check runs."""
    made = _made_before(outline, Order(known, outline), task.id)
    found = [*_contract(task, spec), *_reads(known.files, task, spec, made)]
    why = "" if found else misread(task, spec)
    return [f"{task.id}: {said}" for said in ([*found, why] if why else found)]


def _contract(task: PlannedTask, spec: PlannedSpec) -> Iterator[str]:
    named = [path for path, _ in spec.files]
    if sorted(named) != sorted(task.paths):
        yield f"files must be exactly: {', '.join(task.paths)}"
    for name, held in (("goal", spec.goal), ("requirements", spec.requirements)):
        if not held:
            yield f"{name} must not be empty"
    if not spec.check.strip() or len(spec.check.strip().split("\n")) > 1 or len(spec.check) > _LONGEST_CHECK:
        yield f"check must be one shell command in one line of at most {_LONGEST_CHECK} characters"


def _reads(files: Collection[str], task: PlannedTask, spec: PlannedSpec, made: Sequence[str]) -> Iterator[str]:
    if len(set(spec.reads)) < len(spec.reads):
        yield "reads names a file twice"
    for path in spec.reads:
        fault = paths.fault(path)
        if fault:
            yield f"reads: {path!r}: {fault[0]}"
        elif not _exists(files, path) and not _meets(path, [*made, *task.paths]):
            yield f"reads: {path!r} is not in the repository"
