"""The laws: what every call of the program keeps, whatever happened before it. Each returns what was broken."""

import json
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import aftermath
from harness import Said
from sight import Sight, blob, is_document
from story import Chapter, Story, story
from terminal import Terminal
from warm import CRASHED

_BUDGET = 8_000  # characters of any answer
_MARK = re.compile(r"^- \[(.)\] (\w+):", re.MULTILINE)
_SCOPE = re.compile(r"^- (\S+)", re.MULTILINE)


class Kind(Enum):
    """What a call may change."""

    READS = "nothing"
    AUTHORS = "documents in the working tree"
    CLAIMS = "claims"
    FORKS = "one new branch"
    LEADS = "the branch, as its leader"


@dataclass(frozen=True)
class Step:
    """One call of the program.

    Attributes:
        mine: what the person had not committed before it: path to bytes, None for a deleted file.
        murky: a kill had left something half-way before.
        killed: this call was killed.
        meanwhile: what the person changed while it ran, in `mine` too; None where they did nothing.
    """

    repo: Terminal
    kind: Kind
    argv: tuple[str, ...]
    said: Said
    before: Sight
    after: Sight
    mine: Mapping[str, bytes | None]
    murky: bool
    killed: bool
    meanwhile: Collection[str] | None = None

    @property
    def finished(self) -> bool:
        """Whether a leader came to the end of its work, well or not."""
        refused = '"ok": false' in self.said.out or self.said.err.startswith("error: ")
        return self.kind is Kind.LEADS and not self.killed and self.said.code in {0, 1, 3} and not refused

    @property
    def took_in(self) -> bool:
        """Whether a leader finished that takes a person's edits in; `doctor` only mends."""
        return self.finished and self.argv[0] != "doctor"

    @cached_property
    def then(self) -> Story:
        """The branch's story before."""
        return story(self.repo, self.before.tip)

    @cached_property
    def now(self) -> Story:
        """The branch's story after."""
        return self.then if self.after.tip == self.before.tip else story(self.repo, self.after.tip)

    def fresh(self) -> list[Chapter]:
        """Return the commits this call made."""
        known = {chapter.commit for chapter in self.then.chapters}
        return [chapter for chapter in self.now.chapters if chapter.commit not in known]


def broken(step: Step) -> list[str]:
    """Return every law this step broke, in words."""
    return [f"{law.__name__}: {what}" for law in LAWS for what in law(step)]


def says_what_is_wrong(step: Step) -> Iterator[str]:
    """No traceback, a documented exit code, and an error that names a way out, with a line where it is a document's."""
    said = step.said.out + step.said.err
    if "Traceback" in said or "a bug in orchestrator" in said or step.said.code in {70, CRASHED}:
        yield said
    if step.killed:
        return
    if step.said.code not in {0, 1, 3, 5, 130, 143, -signal.SIGTERM}:
        yield f"exit {step.said.code}: {said}"
    error = re.search(r'"error": (\{.*?\})', step.said.out)
    if error and '"hint": ""' in error[0]:
        yield f"no way out is named: {error[0]}"
    if len(step.said.out) > _BUDGET and step.argv[0] not in {"run", "resume"}:
        yield f"{len(step.said.out)} characters"


def touches_only_its_own(step: Step) -> Iterator[str]:
    """What only reads changes nothing; what only writes documents, claims or a new branch changes nothing else."""
    before, after = step.before, step.after
    if step.kind is Kind.LEADS:
        return
    if step.kind is not Kind.AUTHORS and before.files != after.files:
        yield f"files changed: {_differing(before.files, after.files)}"
    if any(not is_document(path) for path in _differing(before.files, after.files)):
        yield f"more than documents: {_differing(before.files, after.files)}"
    refs = [ref for ref in _differing(before.refs, after.refs) if not _allowed(step, ref)]
    if refs or before.branch != after.branch or before.index != after.index:
        yield f"git changed: {refs}"
    for path, data in before.files.items():
        lines = iter(after.files.get(path, b"").split(b"\n"))
        if not all(line in lines for line in data.rstrip(b"\n").split(b"\n")):
            yield f"lines of {path} are gone"


def _allowed(step: Step, ref: str) -> bool:
    claims = step.kind is Kind.CLAIMS and ref.startswith("refs/orchestrator/claims/")
    return claims or (step.kind is Kind.FORKS and ref == f"refs/heads/{step.argv[2]}" and ref not in step.before.refs)


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def history_only_grows(step: Step) -> Iterator[str]:
    """Every branch and every recorded attempt still holds all it held; other branches and stashes stay as they are."""
    for ref, old in step.before.refs.items():
        new = step.after.refs.get(ref, "")
        if new == old or ref.startswith(("refs/orchestrator/claims/", "refs/orchestrator/advance/")):
            continue
        if ref == "refs/orchestrator/candidate":
            continue
        growing = ref == step.before.branch or ref.startswith("refs/orchestrator/attempts/")
        if not growing or not new or not _holds(step.repo, new, old):
            yield f"{ref} went from {old[:10]} to {new[:10] or 'nothing'}"


def _holds(repo: Terminal, new: str, old: str) -> bool:
    return old in repo.git("rev-list", new).split("\n")


def keeps_what_a_person_has_not_committed(step: Step) -> Iterator[str]:
    """Code stays on disk byte for byte, and staged as it is; a document's bytes are on disk or kept by a ref."""
    for path, data in step.mine.items():
        here = step.after.files.get(path)
        if data is None and step.murky:
            continue  # whether a kill or the person took the file away, nobody can know: it comes back
        if here != data and not is_document(path):
            yield f"{path} was {data!r} and is {here!r}"
        taken = step.kind is not Kind.AUTHORS and here != data and is_document(path)
        if taken and data is not None and not _kept(step.repo, data):
            yield f"what stood in {path} is nowhere: {data.decode(errors='replace')}"
    if step.kind is Kind.LEADS and step.argv[:2] != ("task", "done") and not step.murky and not step.killed:
        for path, staged in step.before.staged.items():
            now = step.after.index.get(path, "")
            if now != staged and not is_document(path) and step.meanwhile is None:
                yield f"{path} is no longer staged as it was"


def _kept(repo: Terminal, data: bytes) -> bool:
    replaced = (repo.root / ".orchestrator" / "replaced").rglob("*.md")
    return blob(data) in repo.git("rev-list", "--objects", "--all") or any(data == p.read_bytes() for p in replaced)


def leaves_the_checkout_clean(step: Step) -> Iterator[str]:
    """After a leader's work nothing is uncommitted but what a person left so, and no document at all."""
    if step.kind is not Kind.LEADS or step.killed or (step.murky and not step.finished):
        return
    for path, data in step.after.uncommitted.items():
        if is_document(path) and step.argv == ("doctor", "--rebuild"):
            continue  # what was committed as deleted is back
        if path not in step.mine or step.mine[path] != data:
            yield f"{path} is uncommitted, and no person did that"
        elif is_document(path) and step.took_in and path not in (step.meanwhile or ()):
            yield f"{path} was not taken in"


def leaves_nothing_behind(step: Step) -> Iterator[str]:
    """No lock, temporary file, worktree or process."""
    if step.finished or (step.kind is not Kind.READS and not step.murky and not step.killed):
        yield from aftermath.left(step.repo)


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


LAWS: tuple[Callable[[Step], Iterator[str]], ...] = (
    says_what_is_wrong,
    touches_only_its_own,
    history_only_grows,
    keeps_what_a_person_has_not_committed,
    leaves_the_checkout_clean,
    leaves_nothing_behind,
    runs_nothing_again,
    lands_once_and_in_order,
    lands_only_what_may,
    ticks_what_has_landed,
)
