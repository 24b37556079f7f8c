"""The orchestration checklist: nine things worth having before a first run, each ticked or not, with how."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import OrchestratorError
from orchestrator.plan import COMPLETE
from orchestrator.steps.conventions import without_block
from orchestrator.steps.desk import Desk, specless
from orchestrator.steps.install import CONVENTIONS
from orchestrator.workspace import read_own

_ROOMY = 8_000  # tokens of one spec; beyond this the agent reads more than it works


@dataclass(frozen=True)
class Item:
    """One thing of the checklist: ticked or not, and how it stands or is brought about."""

    what: str
    ticked: bool
    how: str


def checklist(desk: Desk, config: Config, root: Path) -> tuple[Item, ...]:
    """Go through the list."""
    return tuple(_items(desk, config, root))


def _items(desk: Desk, config: Config, root: Path) -> Iterator[Item]:
    plan = desk.plan
    tasks = len(plan.tasks) if plan else 0
    lacking = len(specless(desk))
    phases = " -> ".join((*plan.phases, COMPLETE)) if plan else "a phase table in workflow-state.md names your own"
    yield Item("State machine defined", plan is not None, f"{phases}; a phase ends when its tasks are settled")
    yield Item("CLAUDE.md written", _has_conventions(root), "conventions every session needs, in your own words")
    yield Item("TODO.md created", tasks > 0, f"{tasks} tasks" if tasks else 'orchestrator task add ID "TITLE"')
    how = f'checkpoint.every = "{config.every}", {config.keep} stay in the tree'
    yield Item("Checkpoint strategy decided", ticked=True, how=how)
    how = f"{lacking} open tasks have none: orchestrator spec new ID" if lacking else "each open task has one"
    yield Item(
        "Sub-agent specs templated",
        bool(desk.specs) and not lacking,
        how if tasks else "orchestrator spec new ID",
    )
    how = f"{config.attempts} attempts, then a dead letter; {config.retries} retries; after a kill, `run`"
    yield Item("Failure recovery plan", ticked=True, how=how)
    risky = [name for name, spec in desk.specs.items() if spec.risky]
    how = (
        f"a checkpoint before {', '.join(risky[:5])}"
        if risky
        else "`risky: yes` in a spec; orchestrator run --until PHASE"
    )
    yield Item("Human checkpoints placed", bool(risky), how)
    how = (
        f"one commit per task, verified by `{config.verify}`"
        if config.verify
        else "set verify.command: it decides what lands"
    )
    yield Item("Commit strategy", bool(config.verify), how)
    yield _budget(desk)


def _budget(desk: Desk) -> Item:
    sizes = {name: -(-len(spec.render()) // 3) for name, spec in desk.specs.items()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    how = "orchestrator brief takes at most 2,400 tokens" + (
        f"; the largest spec, {largest}, about {sizes[largest]:,}" if largest else ""
    )
    return Item("Context budget estimated", bool(sizes) and sizes[largest] <= _ROOMY, how)


def _has_conventions(root: Path) -> bool:
    """Whether a person wrote conventions: our own block alone is none."""
    for name in CONVENTIONS:
        target = (root / name).resolve()
        try:
            data = read_own(root, str(target.relative_to(root))) if target.is_relative_to(root) else None
            if data and (without_block(data, name) or b"").strip():
                return True
        except OrchestratorError:
            continue
    return False


def checklist_text(items: tuple[Item, ...]) -> list[str]:
    """Return the list as checkboxes."""
    return [f"  [{'x' if item.ticked else ' '}] {item.what}: {item.how}" for item in items]
