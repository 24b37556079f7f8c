"""The laws: what every call of the program keeps, whatever happened before it. Each returns what was broken."""

import re
import signal
from collections.abc import Callable, Iterator, Mapping

import aftermath
import landings
from sight import blob, is_document
from step import Kind, Step
from terminal import Terminal
from warm import CRASHED

_BUDGET = 8_000  # characters of any answer


def broken(step: Step) -> list[str]:
    """Return every law this step broke, in words."""
    return [f"{law.__name__}: {what}" for law in LAWS for what in law(step)]


def says_what_is_wrong(step: Step) -> Iterator[str]:
    """No traceback, a documented exit code, an answer of bounded length, and an error that names a way out."""
    said = step.said.out + step.said.err
    if "Traceback" in said or "a bug in orchestrator" in said or step.said.code in {70, CRASHED}:
        yield said
    if step.killed:
        return
    if step.said.code not in {0, 1, 3, 5, 130, 143, -signal.SIGTERM}:
        yield f"exit {step.said.code}: {said}"
    error = re.search(r'"error": (\{.*?\})', step.said.out)
    if (error and '"hint": ""' in error[0]) or (step.said.code == 5 and not error and "hint: " not in step.said.err):
        yield f"no way out is named: {said}"
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
        yield from aftermath.processes(step.repo)


LAWS: tuple[Callable[[Step], Iterator[str]], ...] = (
    says_what_is_wrong,
    touches_only_its_own,
    history_only_grows,
    keeps_what_a_person_has_not_committed,
    leaves_the_checkout_clean,
    leaves_nothing_behind,
    landings.runs_nothing_again,
    landings.lands_once_and_in_order,
    landings.lands_only_what_may,
    landings.ticks_what_has_landed,
)
