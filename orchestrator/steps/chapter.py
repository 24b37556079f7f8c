"""What the next commit says: TODO, state, result and checkpoint as they are after one more thing happened. Pure."""

import re
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from orchestrator import plan as planning
from orchestrator import policy, render
from orchestrator.clock import stamp
from orchestrator.documents import task_id
from orchestrator.documents.state import Blocking, PhaseRow, PhaseStatus, Progress, State
from orchestrator.documents.todo import Mark, Task, Todo
from orchestrator.plaintext import one_line
from orchestrator.plan import BLOCKED, COMPLETE, Plan, Standing
from orchestrator.steps.issues import is_worded_here
from orchestrator.steps.standing import CHECKPOINTS, STATE, TODO, stated_phase
from orchestrator.steps.tally import Tally

_AHEAD = 8  # tasks that progress, checkpoints and timelines name: as many as landed last
_DECISIONS = 40  # lines of the decisions log that are the program's; older ones live in the results
_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d: .* \(`[^`]+`\)")
_SHORT = 10


@dataclass(frozen=True)
class Happened:
    """One thing to write down.

    Attributes:
        slug: names the checkpoint file: the task, or the reason.
        title: the checkpoint's title.
        landed: the task that landed, if one did.
        why: why a checkpoint is due; empty for none beyond what the policy says.
        files: what changed, one line per file.
        decisions: decisions the agent reports.
    """

    slug: str
    title: str
    landed: str = ""
    why: str = ""
    files: Sequence[str] = ()
    decisions: Sequence[str] = ()


@dataclass(frozen=True)
class Chapter:
    """The documents after the last thing that happened, and all that the next page is computed from.

    Attributes:
        landed: tasks that had landed before to their commit, oldest first; not those of commits still being built.
        ever: every task that has landed, those that have left the plan included.
        blocked: task to reason, for the state file's blocking issues.
        running: tasks at work, marked as current.
        shelf: the checkpoint files in the tree, oldest first.
        number: the last checkpoint's number.
        others: what a person keeps among the checkpoints.
        every, keep: the checkpoint policy.
        counted: how far the plan is, as long as `standing` is what it was counted from.
    """

    plan: Plan
    todo: Todo
    state: State
    standing: Standing
    landed: Mapping[str, str]
    now: datetime
    workflow: str
    blocked: Mapping[str, str] = field(default_factory=dict)
    running: Collection[str] = ()
    shelf: tuple[str, ...] = ()
    number: int = 0
    others: frozenset[str] = frozenset()
    every: str | int = "task"
    keep: int = 20
    counted: Tally | None = None
    ever: Container[str] = ()

    @property
    def tally(self) -> Tally:
        """How far the plan is. It goes along with the newest chapter: an older one is not written on."""
        if self.counted is not None and self.counted.standing is self.standing:
            return self.counted
        return Tally(self.plan, self.standing, self.landed.keys())

    @property
    def phase(self) -> str:
        """The phase the state file names."""
        return stated_phase(self.state, self.plan)


@dataclass(frozen=True)
class Page:
    """The files one commit writes (None deletes), and the checkpoint's number where it carries one."""

    files: Mapping[str, bytes | None]
    phase: str
    checkpoint: int | None


def write(chapter: Chapter, happened: Happened) -> tuple[Chapter, Page]:
    """Return the documents after `happened`, and the files that changed by it."""
    before = chapter
    chapter = replace(chapter, counted=chapter.tally)
    if happened.landed:
        chapter = _with_landed(chapter, happened.landed)
    phase = planning.phase_from(chapter.plan.phases, chapter.tally.open_phases, chapter.phase)
    why = happened.why or policy.checkpoint_due(chapter.every, _moment(chapter, happened, phase))
    state = _state(chapter, happened, phase, checkpoint=bool(why))
    chapter = replace(chapter, state=state, number=chapter.number + bool(why))
    files: dict[str, bytes | None] = {}
    if why:
        chapter, files = _shelved(chapter, happened, phase, why)
    if chapter.todo is not before.todo:
        files[TODO] = chapter.todo.render()
    files[STATE] = chapter.state.render()
    return chapter, Page(files, phase, chapter.number if why else None)


def _with_landed(chapter: Chapter, task: str) -> Chapter:
    chapter.tally.land(task)
    return replace(
        chapter,
        todo=chapter.todo.mark([task], Mark.DONE),
        running=[other for other in chapter.running if other != task],
    )


def _moment(chapter: Chapter, happened: Happened, phase: str) -> policy.Moment:
    started = read_stamp(chapter.state.started) or chapter.now
    last = read_stamp(chapter.state.last_checkpoint) or started
    elapsed = (chapter.now - started).total_seconds() / 60
    done = chapter.tally.done
    open_tasks = chapter.tally.total - done - len(chapter.standing.dropped)
    return policy.Moment(
        landed=bool(happened.landed),
        phase_ended=phase != chapter.phase,
        since_last=(chapter.now - last).total_seconds() / 60,
        elapsed=elapsed,
        remaining=elapsed / done * open_tasks if done else 0.0,
    )


def read_stamp(text: str) -> datetime | None:
    """Return the moment a document shows, or None where it shows none that can be read."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _state(chapter: Chapter, happened: Happened, phase: str, *, checkpoint: bool) -> State:
    state = chapter.state
    if planning.match_phase(state.phase, [phase]) is None and state.phase.strip().upper() != phase:
        state = state.with_field("Current phase", phase)
    if checkpoint:
        state = state.with_field("Last checkpoint", stamp(chapter.now))
    state = state.with_phase_rows(_rows(chapter, phase))
    state = state.with_blocking(chapter.blocked, lambda issue: _is_issue_of_ours(chapter, issue))
    state = state.with_progress(_progress(chapter, phase), lambda item: _is_ours(chapter, item))
    decided = [
        f"{stamp(chapter.now)}: {one_line(line)} (`{happened.landed or happened.slug}`)" for line in happened.decisions
    ]
    return state.with_decisions(decided, is_logged_here, _DECISIONS) if decided else state


def is_logged_here(decision: str) -> bool:
    """Whether the program wrote a line of the decisions log: it begins with a moment and ends with a task's name."""
    return _LOGGED.fullmatch(decision) is not None


def _rows(chapter: Chapter, phase: str) -> list[PhaseRow]:
    known = {planning.stem(row.name): row for row in chapter.state.phases}
    return [row for row in (_row(chapter, name, phase, known) for name in chapter.plan.phases) if row]


def _row(chapter: Chapter, name: str, phase: str, known: Mapping[str, PhaseRow]) -> PhaseRow | None:
    row = known.get(planning.stem(name), PhaseRow(name, PhaseStatus.PENDING))
    status = _status(chapter.plan, name, phase)
    if status is None or (status is row.status and row.line):
        return None
    moment = stamp(chapter.now)
    entered = moment if row.entered == "--" and status is not PhaseStatus.PENDING else row.entered
    completed = moment if status is PhaseStatus.COMPLETE else "--"
    return PhaseRow(row.name, status, entered, completed)


def _status(plan: Plan, name: str, phase: str) -> PhaseStatus | None:
    if phase == BLOCKED:
        return None
    if phase == COMPLETE or plan.phases.index(name) < plan.phases.index(phase):
        return PhaseStatus.COMPLETE
    return PhaseStatus.IN_PROGRESS if name == phase else PhaseStatus.PENDING


def label(task: Task) -> str:
    """Return how a task is called in a list: its title, behind its id where that says more."""
    return task.title if task_id.slug(task.title) == task.id else f"{task.id}: {task.title}"


def _is_ours(chapter: Chapter, item: Progress) -> bool:
    """Whether the program wrote a line: also one of what landed and left the plan, or the file would always grow."""
    return owner(chapter.plan, item.title, chapter.ever if item.done else ()) is not None


def _is_issue_of_ours(chapter: Chapter, issue: Blocking) -> bool:
    """Whether the program wrote a blocking issue: of a task that is or was one, or in words that only it uses."""
    return issue.key in chapter.plan.tasks or issue.key in chapter.ever or is_worded_here(issue)


def owner(plan: Plan, words: str, ever: Container[str]) -> str | None:
    """Return the task, of `plan` or `ever` landed, that a line speaks of, or None where it is a person's own line."""
    for name in (words.partition(":")[0].strip().strip("`"), task_id.slug(words)):
        if name in plan.tasks or name in ever:
            return name
    return None


def _progress(chapter: Chapter, phase: str) -> list[Progress]:
    tally = chapter.tally
    own = phase if tally.has(phase) else ""
    ahead = tally.ahead(_AHEAD, own)
    current = [task for task in ahead if task in chapter.running] or ahead[:1]
    return [
        Progress(
            label(chapter.plan.tasks[task]),
            done=tally.is_done(task),
            commit=chapter.landed.get(task, "")[:_SHORT],
            current=task in current,
        )
        for task in [*tally.behind(own), *ahead]
    ]


def _shelved(chapter: Chapter, happened: Happened, phase: str, why: str) -> tuple[Chapter, dict[str, bytes | None]]:
    name = f"{CHECKPOINTS}{chapter.number:04d}-{task_id.slug(happened.slug) or 'checkpoint'}"
    while f"{name}.md" in chapter.others:
        name += "-checkpoint"
    path = f"{name}.md"
    shelf = (*chapter.shelf, path)
    old = shelf[: max(0, len(shelf) - chapter.keep)]
    files: dict[str, bytes | None] = dict.fromkeys(old)
    files[path] = render.document("checkpoint.md.j2", _facts(chapter, happened, phase, why))
    return replace(chapter, shelf=shelf[len(old) :]), files


def _facts(chapter: Chapter, happened: Happened, phase: str, why: str) -> dict[str, object]:
    ahead = next_actions(chapter)
    return {
        "title": one_line(happened.title),
        "number": f"{chapter.number:04d}",
        "date": stamp(chapter.now),
        "why": why,
        "context": [f"Read `specs/{task}.md` when you take up `{task}`" for task in list(ahead)[:1]],
        "summary": _summary(chapter, phase),
        "decisions": list(chapter.state.decisions[-_AHEAD:]),
        "files": [one_line(line) for line in happened.files[:20]],
        "next": [one_line(line) for line in ahead.values()],
        "phases": [*chapter.plan.phases, COMPLETE],
        "phase": phase,
        "timeline": _timeline(chapter),
    }


def next_actions(chapter: Chapter) -> dict[str, str]:
    """Return what comes next, in order: open tasks, the blocked ones with their reason."""
    ahead: dict[str, str] = {}
    for task in chapter.tally.ahead(_AHEAD):
        reason = chapter.blocked.get(task)
        ahead[task] = label(chapter.plan.tasks[task]) + (f" (blocked: {reason})" if reason else "")
    return ahead


def _summary(chapter: Chapter, phase: str) -> list[str]:
    lines = [f"Phase {phase}; {chapter.tally.done} of {chapter.tally.total} tasks landed"]
    if chapter.standing.dropped:
        lines.append(f"{len(chapter.standing.dropped)} dropped")
    lines += [f"`{task}` is blocked: {reason}" for task, reason in list(chapter.blocked.items())[:_AHEAD]]
    return lines


def _timeline(chapter: Chapter) -> list[dict[str, str]]:
    last = [(task, chapter.landed.get(task, "")) for task in chapter.tally.behind()]
    return [{"when": commit[:_SHORT] or "this commit", "what": _mermaid(chapter, task)} for task, commit in last]


def _mermaid(chapter: Chapter, task: str) -> str:
    return task.replace(":", " ") if task in chapter.plan.tasks else task
