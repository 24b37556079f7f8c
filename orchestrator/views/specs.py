"""Specs looked at: what is wrong with them, what a reader would ask, what an attempt is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import policy, render
from orchestrator.documents import edits
from orchestrator.documents import spec as contract
from orchestrator.documents.spec import Spec
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.leader.orders import handoffs
from orchestrator.plan import Plan, overlap
from orchestrator.repo.attempts import load
from orchestrator.repo.git import Git
from orchestrator.repo.history import Ledger
from orchestrator.repo.refs import resolve
from orchestrator.steps.desk import Desk
from orchestrator.steps.standing import SPECS, counted, spec_path
from orchestrator.views.findings import Finding, Severity, of_error, shown
from orchestrator.views.tasks import history

_MOST_PAIRS = 20
_EARLIER = 2


@dataclass(frozen=True)
class LintReport:
    """How many specs were read, and what was found; `errors` counts those that keep a spec from landing."""

    specs: int
    errors: int
    total: int
    findings: tuple[Finding, ...]


def task_of(fault: OrchestratorError) -> str:
    """Return the task whose spec `fault` is about, or an empty string."""
    path = fault.where.split(":")[0]
    is_spec = path.startswith(SPECS) and path.endswith(".md") and not path.endswith(".result.md")
    return path.removeprefix(SPECS).removesuffix(".md") if is_spec else ""


def lint(desk: Desk, known: Ledger, root: Path, only: str = "") -> LintReport:
    """Check the spec of the task `only`, or every one whose task has not landed."""
    open_specs = {name: spec for name, spec in desk.specs.items() if name not in known.landed}
    chosen = {name: spec for name, spec in desk.specs.items() if name == only} if only else open_specs
    broken = [fault for fault in desk.faults if task_of(fault)]
    found = [of_error(fault) for fault in broken if not only or task_of(fault) == only]
    for name, spec in chosen.items():
        found += [*forbidden(name, spec), *softer(name, spec), *_absent(name, spec, root)]
    if desk.plan:
        found += _meetings(desk.plan, open_specs, only)
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    return LintReport(len(chosen), errors, len(found), tuple(found))


def forbidden(name: str, spec: Spec) -> list[Finding]:
    """Return the spec's paths that no attempt may ever change."""
    guarded = [(file, policy.protected(file.path)) for file in spec.files]
    return [
        Finding(
            Severity.ERROR,
            f"{file.path} is protected",
            f"{why}: a change of it is always refused",
            "take the line out; change that file yourself",
            f"{spec_path(name)}:{file.line}",
        )
        for file, why in guarded
        if why
    ]


def softer(name: str, spec: Spec) -> list[Finding]:
    """Return what the codec's own reader finds worth a second look."""
    return [
        Finding(Severity.NOTE, found.message, "", found.hint, f"{spec_path(name)}:{found.line}")
        for found in contract.lint(spec)
    ]


def _absent(name: str, spec: Spec, root: Path) -> Iterator[Finding]:
    for kind, files in (("to read", spec.reads), ("to modify", spec.files)):
        for file in files:
            if policy.is_glob(file.path) or (root / file.path).exists():
                continue
            why = "the agent will not find it" if kind == "to read" else "the agent will have to make it"
            hint = "correct the path, unless it is meant to be new" if kind == "to modify" else "correct the path"
            where = f"{spec_path(name)}:{file.line}"
            yield Finding(Severity.NOTE, f"{file.path} ({kind}) does not exist", why, hint, where)


def _meetings(plan: Plan, specs: dict[str, Spec], only: str) -> list[Finding]:
    """Return pairs of open tasks that could run at once but for a file they share."""
    names = [name for name in plan.tasks if name in specs]
    found = [
        _meeting(one, other)
        for one, other in _near(names, specs)
        if only in {"", one, other} and overlap(specs[one], specs[other]) and _together(plan, one, other)
    ]
    return found[:_MOST_PAIRS]


def _near(names: list[str], specs: dict[str, Spec]) -> Iterator[tuple[str, str]]:
    """Yield the pairs worth comparing, in plan order: those that name one path, or where one has a glob."""
    order = {name: number for number, name in enumerate(names)}
    wide = {name for name in names if any(policy.is_glob(file.path) for file in specs[name].files)}
    holders: dict[str, set[str]] = {}
    for name in names:
        for file in specs[name].files:
            holders.setdefault(file.path.casefold(), set()).add(name)
    for one in names:
        others = set(names) if one in wide else wide.union(*(holders[f.path.casefold()] for f in specs[one].files))
        later = (other for other in others if order[other] > order[one])
        yield from ((one, other) for other in sorted(later, key=order.__getitem__))


def _together(plan: Plan, one: str, other: str) -> bool:
    return plan.phase_of[one] == plan.phase_of[other] and not (
        _leads_to(plan, one, other) or _leads_to(plan, other, one)
    )


def _leads_to(plan: Plan, late: str, early: str) -> bool:
    pending, seen = [late], {late}
    while pending:
        for name in plan.tasks[pending.pop()].after:
            if name == early:
                return True
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return False


def _meeting(one: str, other: str) -> Finding:
    return Finding(
        Severity.NOTE,
        f"{one} and {other} may change the same file",
        "they never run at once",
        f"let one come `(after: {one})`, or narrow the files; `(shared)` behind both paths allows it",
        spec_path(one),
    )


@dataclass(frozen=True)
class SpecLetter:
    """The text that the next attempt at a task would be given."""

    task: str
    attempt: int
    text: str


def letter(git: Git, desk: Desk, task: str) -> SpecLetter:
    """Return the spec of `task` with what its earlier attempts ran into.

    Raises:
        OrchestratorError: there is no spec, or it cannot be taken.
    """
    fault = next((fault for fault in desk.faults if task_of(fault) == task), None)
    if fault:
        raise fault
    if task not in desk.specs:
        hint = f"orchestrator spec new {task}"
        raise OrchestratorError(f"{task} has no spec", where=spec_path(task), hint=hint, code=Exit.PRECONDITION)
    attempts, known = load(git, task), history(git)
    mine = counted(attempts, known, task)
    number = max([known.reopened.get(task, 0), *(attempt.number for attempt in attempts)]) + 1
    after = desk.plan.tasks[task].after if desk.plan else ()
    earlier = [attempt for attempt in mine if attempt.failure and attempt.failure.spends][-_EARLIER:]
    text = render.text(
        "attempt.md.j2",
        {
            "spec": edits.closed(desk.specs[task].text),
            "task": task,
            "number": number,
            "base": resolve(git, "HEAD") or "",
            "earlier": earlier,
            "handoffs": handoffs(after, desk.results),
        },
    )
    return SpecLetter(task, number, text)


def lint_text(report: LintReport) -> str:
    """Return the findings, worst first, and a last line that sums them up."""
    return "\n".join(
        [
            *shown(report.findings),
            f"{report.specs} specs, {report.errors} errors, {report.total} findings",
        ]
    )
