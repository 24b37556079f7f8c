"""What a brief is made of: the documents, as parts of lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator import plan as planning
from orchestrator.brief.fitting import MOST_LINES, Part, clipped
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.plaintext import one_line
from orchestrator.plan import Standing
from orchestrator.steps.chapter import label, owner
from orchestrator.steps.issues import is_worded_here
from orchestrator.steps.standing import STATE, TODO, Situation, spec_path

BEGIN, END = "<!-- orchestrator:begin -->", "<!-- orchestrator:end -->"

_FIRST = 8  # tasks among the next actions


@dataclass(frozen=True)
class Documents:
    """What a brief is made from.

    Attributes:
        now: the plan, the state and the ledger.
        workflow: the workflow's name.
        phase: the phase it is in.
        checkpoint: the newest one, None where there is none that can be read.
        checkpoint_path: where it stands.
        conventions: CLAUDE.md (or AGENTS.md) as it stands, `conventions_path` its name; both may be empty.
        notes: what else a session must know at once, such as who is at work.
    """

    now: Situation
    workflow: str
    phase: str
    checkpoint: Checkpoint | None = None
    checkpoint_path: str = ""
    conventions: str = ""
    conventions_path: str = ""
    notes: Sequence[str] = ()


def parts(documents: Documents) -> list[Part]:
    """Return the parts in the order they are read."""
    now, standing = documents.now, documents.now.standing()
    ahead = now.unsettled
    stuck = planning.stuck(now.plan, standing)
    first = ([task for task in ahead if task not in stuck] + [task for task in ahead if task in stuck])[:_FIRST]
    later = [task for task in ahead if task not in first]
    point = documents.checkpoint
    source = documents.conventions_path
    todo = Part("todo", "Open TODO after that", list(_open(now, later)), TODO, len(later))
    return [
        Part("state", "State", list(_state(documents, standing)), STATE),
        Part("blocking", "Blocking issues", list(_blocking(now)), STATE),
        Part("next", "Next actions (in order)", list(_next(documents, first, stuck)), TODO, onward=todo),
        todo,
        Part("summary", _titled(documents), list(_summary(point)), documents.checkpoint_path),
        Part(
            "decisions",
            "Decisions, newest first (do not re-evaluate)",
            [f"- {line}" for line in reversed(_decisions(documents))],
            documents.checkpoint_path or STATE,
        ),
        Part(
            "files",
            "Files at that checkpoint",
            [f"- {line}" for line in (point.files if point else ())],
            documents.checkpoint_path,
        ),
        Part("conventions", f"Conventions ({source})", list(essentials(documents.conventions)), source),
        Part("pointers", "Where the rest is", list(_pointers(documents, first)), "`orchestrator --help`"),
    ]


def _titled(documents: Documents) -> str:
    title = documents.checkpoint.title if documents.checkpoint else ""
    return f"Latest checkpoint: {clipped(title, 120)} (`{clipped(documents.checkpoint_path, 120)}`)"


def _state(documents: Documents, standing: Standing) -> Iterator[str]:
    plan = documents.now.plan
    facts = f"{len(standing.done)} of {len(plan.tasks) - len(standing.dropped)} tasks landed"
    more = [f"{len(standing.dead)} dead letters"] if standing.dead else []
    more += [f"checkpoint {documents.now.ledger.checkpoint:04d}"] if documents.now.ledger.checkpoint else []
    yield f"- Phase {documents.phase}; {', '.join([facts, *more])}"
    for note in documents.notes:
        yield f"- {note}"
    counts = [f"{name} {done}/{total}" for name, (done, total) in planning.counts(plan, standing).items()]
    yield f"- Phases: {', '.join(counts)}"


def _blocking(now: Situation) -> Iterator[str]:
    for issue in now.state.blocking if now.state else ():
        if issue.key in now.landed and is_worded_here(issue):
            continue  # written before another clone landed it
        yield f"- {issue.key}: {issue.text}" if issue.key else f"- {issue.text}"


def _next(documents: Documents, first: Sequence[str], stuck: Mapping[str, str]) -> Iterator[str]:
    """What a person or an agent wrote as next, then the plan's own order with what holds a task up."""
    now = documents.now
    lines = [line for line in _said(documents) if owner(now.plan, line, now.ledger.landed) is None]
    held = {task: f" (held up: {stuck[task]})" if task in stuck else "" for task in first}
    lines += [f"{label(now.plan.tasks[task])}{why}" for task, why in held.items()]
    if now.plan.tasks and not lines:
        yield "Nothing: the workflow is complete."
    yield from (f"{number}. {line}" for number, line in enumerate(lines, 1))


def _said(documents: Documents) -> tuple[str, ...]:
    lines = documents.checkpoint.next_actions if documents.checkpoint else ()
    return tuple(line.partition(" (blocked: ")[0] for line in lines)


def _open(now: Situation, later: Sequence[str]) -> Iterator[str]:
    for name in later[:MOST_LINES]:
        task = now.plan.tasks[name]
        after = f" (after: {', '.join(task.after)})" if task.after else ""
        yield f"- [ ] {label(task)}{after}"


def _summary(point: Checkpoint | None) -> Iterator[str]:
    for line in point.summary if point else ():
        yield f"- {line}"


def _decisions(documents: Documents) -> tuple[str, ...]:
    if documents.checkpoint:
        return documents.checkpoint.decisions
    return documents.now.state.decisions if documents.now.state else ()


def essentials(text: str) -> Iterator[str]:
    """Yield a conventions file's own lines: no block of ours, no runs of blank lines, headings below ours."""
    before, found, rest = text.partition(BEGIN)
    own = (before + rest.partition(END)[2] if found else text).replace("\r\n", "\n").strip().split("\n")
    fenced, blank = False, True
    for line in own:
        fenced ^= line.lstrip().startswith("```")
        if line.strip() or not blank:
            yield f"##{line}" if line.startswith("#") and not fenced else line
        blank = not line.strip()


def _pointers(documents: Documents, ahead: Sequence[str]) -> Iterator[str]:
    if ahead:
        first = ahead[0]
        has = first in documents.now.plan.specs
        yield f"- `{spec_path(first)}`: the contract of `{first}`" + ("" if has else " (not written yet)")
    yield "- `orchestrator status`: where things stand now; `orchestrator run` carries the plan on"
    if documents.checkpoint_path:
        yield f"- `{documents.checkpoint_path}`: the whole checkpoint"
    yield f"- `{TODO}`, `{STATE}`: all tasks; phases, progress and decisions"
    yield "- `orchestrator log`, `orchestrator inspect TASK`, `orchestrator diff A..B`: what was done"


def short(documents: Documents) -> str:
    """Return what a session must not lose when its conversation is compacted, in a few lines."""
    ahead = documents.now.unsettled
    current = label(documents.now.plan.tasks[ahead[0]]) if ahead else "nothing: the workflow is complete"
    return (
        f"Keep: this project is run by orchestrator; phase {one_line(documents.phase, 60)}, current task: "
        f"{clipped(current, 200)}.\n"
        "Keep what was decided and is not committed yet. The rest is in git: see `orchestrator brief`.\n"
    )
