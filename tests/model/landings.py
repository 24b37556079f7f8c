"""The laws of what lands: once, in order, inside the spec, green, and ticked. Each returns what was broken."""

import json
import re
from collections.abc import Iterator

from sight import is_document
from step import Step
from terminal import Terminal

_MARK = re.compile(r"^- \[(.)\] (\w+):", re.MULTILINE)
_SCOPE = re.compile(r"^- (\S+)", re.MULTILINE)


def runs_nothing_again(step: Step) -> Iterator[str]:
    """No attempt starts that is recorded, and none twice."""
    known = {ref.removeprefix("refs/orchestrator/attempts/") for ref in step.before.attempts()}
    for line in step.said.out.split("\n"):
        if line.startswith('{"at"') and line.endswith("}") and '"attempt.started"' in line:
            facts = json.loads(line)
            key = f"{facts['task']}/{facts['attempt']}"
            if key in known:
                yield f"{key} ran again"
            known.add(key)


def lands_once_and_in_order(step: Step) -> Iterator[str]:
    """No task lands that had landed, checkpoints count on, and nobody forges a trailer."""
    fresh = step.fresh()
    commits = {chapter.commit[:10] for chapter in fresh}
    yield from (f"done twice: {entry}" for entry in step.now.again if entry.split()[0] in commits)
    number = max(step.then.numbers, default=0)
    for chapter in fresh:
        for value in chapter.all("Checkpoint"):
            if int(value) != number + 1:
                yield f"checkpoint {value} follows {number}"
            number = int(value)
        if chapter.all("Attempt") and not chapter.all("Dead-Letter"):
            tasks = chapter.all("Task")
            if len(tasks) != 1 or not chapter.subject.startswith(f"{tasks[0]}:"):
                yield f"{chapter.subject} is of {tasks}"


def lands_only_what_may(step: Step) -> Iterator[str]:
    """A landing changes the spec's files and the documents alone, and is green."""
    for chapter in step.fresh():
        if not chapter.all("Attempt") or not chapter.all("Task"):
            continue
        spec = step.repo.git("show", f"{chapter.parents[0]}:specs/{chapter.all('Task')[0]}.md")
        scope = _SCOPE.findall(spec.partition("## Files to Modify")[2].partition("## ")[0])
        changed = step.repo.git("diff-tree", "-r", "--name-only", chapter.parents[0], chapter.commit).split("\n")
        outside = [path for path in changed if path not in scope and not is_document(path)]
        if outside:
            yield f"{chapter.subject}: outside {scope}: {outside}"
        if _red(step.repo, chapter.commit):
            yield f"{chapter.subject}: a red tree"


def _red(repo: Terminal, commit: str) -> bool:
    return "wrong" in "".join(
        repo.git("show", f"{commit}:{path}")
        for path in repo.git("ls-tree", "-r", "--name-only", commit, "src/").split("\n")
    )


def ticks_what_has_landed(step: Step) -> Iterator[str]:
    """TODO.md, committed and on disk, ticks exactly what the trailers say is done."""
    if not step.took_in or "TODO.md" not in step.after.files:
        return
    marks = {name: mark for mark, name in _MARK.findall(step.after.files["TODO.md"].decode())}
    for name, mark in marks.items():
        if (mark in "xX") != (name in step.now.landed):
            yield f"{name} is [{mark}], landed by {step.now.landed.get(name, 'nothing')[:10]}"
