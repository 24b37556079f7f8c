"""A person's edits: taken onto the branch byte for byte under their own name, or refused with the line."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator import plan as planning
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError, Exit
from orchestrator.plaintext import one_line
from orchestrator.repo.checkout import BranchMovedError
from orchestrator.repo.commits import CANDIDATE, Draft, build, identity
from orchestrator.repo.git import Git, joined
from orchestrator.repo.hashing import blob_ids
from orchestrator.repo.history import Ledger, ledger
from orchestrator.repo.index_lock import NotNowError
from orchestrator.repo.obstacles import mode_of
from orchestrator.repo.snapshot import keeps_modes, kept_mode
from orchestrator.repo.trees import GONE, REGULAR, Change, blobs, checked_out, entries
from orchestrator.steps.contradictions import (
    refuse_contradictions,
    refuse_early_completion,
    refuse_waiting,
    ticked_by_hand,
)
from orchestrator.steps.looking import look
from orchestrator.steps.message import Facts, message
from orchestrator.steps.project import Project
from orchestrator.steps.standing import (
    SPECS,
    STATE,
    TODO,
    Situation,
    no_plan,
    phases_in,
    recalled,
    result_path,
    spec_path,
    waiting,
)
from orchestrator.workspace import read_own, write_durably

_TRIES = 5


@dataclass(frozen=True)
class Edits:
    """What a person changed of the documents since the last commit.

    Attributes:
        written: path to bytes.
        ids: the blob id of each of those.
        deleted: the paths they deleted.
    """

    written: dict[str, bytes]
    ids: dict[str, str]
    deleted: tuple[str, ...]


def edits(project: Project, paths: Sequence[str] | None = None) -> Edits:
    """Return the documents whose files differ from HEAD, as git itself would store them.

    `paths` are those that may differ, where git has said so already.

    Raises:
        NotNowError: one is being saved at this very moment.
    """
    git = project.git
    paths = look(git).documents if paths is None else paths
    there = {path: data for path in paths if (data := read_own(project.place.root, path)) is not None}
    committed = entries(git, "HEAD", paths) if paths else {}
    ids = dict(zip(there, blob_ids(git, list(there), committed), strict=True))
    changed = {path: blob for path, blob in ids.items() if path not in committed or committed[path].blob != blob}
    for path in changed:
        if read_own(project.place.root, path) != there[path]:
            raise NotNowError(f"{path} is being saved", hint="orchestrator run", code=Exit.PRECONDITION)
    gone = [path for path in paths if path not in there and path in committed]
    return Edits({path: there[path] for path in changed}, changed, tuple(gone))


def restore_deleted(project: Project, found: Edits) -> list[str]:
    """Bring back documents whose files are gone: what the leader keeps is not un-decided by a missing file.

    A deleted spec is a person's decision, unless the whole plan went with it.

    Raises:
        NotNowError: the branch is not checked out any more: a `git switch` takes documents away, too.
    """
    wholesale = TODO in found.deleted
    back = [path for path in found.deleted if wholesale or not _is_spec(path)]
    if not back:
        return []
    with project.checkout.locked(patience=0.5, living=0.0):
        there = entries(project.git, project.checkout.tip(), back)
        for path, entry in there.items():
            if not os.path.lexists(project.place.root / path):
                write_durably(project.place.root / path, checked_out(project.git, path, entry))
                project.say("restored", path=path)
    unstage(project.git, back)
    return back


def _is_spec(path: str) -> bool:
    return path.startswith(SPECS) and not path.endswith(".result.md")


def take_in(project: Project, paths: Sequence[str] | None = None) -> str | None:
    """Commit a person's edits of TODO, state, specs, results and checkpoints; return the commit, None without any.

    Again on the new tip, where the person commits something at that very moment. `paths` are the documents that may
    differ from the last commit, where git has said so already.

    Raises:
        DocumentError: an edit cannot be taken, or contradicts what is landed; with `file:line`. Nothing changed.
    """
    for more in reversed(range(_TRIES)):
        try:
            return _taken(project, paths)
        except BranchMovedError:
            if not more:
                raise
            paths = None
    return None


def _taken(project: Project, paths: Sequence[str] | None) -> str | None:
    found = edits(project, paths)
    if not found.written and not found.deleted:
        return None
    old = project.checkout.tip()
    back = restore_deleted(project, found)
    gone = [path for path in found.deleted if path not in back]
    if not found.written and not gone:
        return None
    by_hand, workflow, phase = _check(project, old, found)
    paths = [*found.written, *gone]
    modes = _modes(project, list(found.ids))
    changes = [Change(path, GONE, "") for path in gone]
    changes += [Change(path, mode, found.ids[path]) for path, mode in modes.items()]
    who = person(project)
    named = [one_line(path) for path in paths]  # a name need not be text
    pairs = [("Edited", path) for path in named[:20]]
    pairs += [("Task", task) for task in by_hand] + ([("Approved-by", who)] if by_hand else [])
    subject = f"edit: {', '.join(named[:3])}" + (f" and {len(named) - 3} more" if len(named) > 3 else "")  # noqa: PLR2004
    text = message(subject, _body(by_hand), pairs, Facts(workflow, phase, None, project.lock.epoch))
    draft = Draft(text, tuple(changes), project.clock.now(), parent=old, author=who)
    commit = build(project.git, project.checkout.objects, CANDIDATE, [draft])[0]
    project.lock.check()
    project.checkout.advance(old, commit, subject, taken=paths)
    project.say("edits.taken", commit=commit, paths=paths, by_hand=by_hand)
    return commit


def adopt_ticks(project: Project, now: Situation) -> str | None:
    """Commit that tasks a person ticked and committed are done by hand: their keys, and who says so; None without any.

    Raises:
        DocumentError: what is committed contradicts what is landed.
    """
    refuse_contradictions(now.todo, now.state, now.plan, now.landed)
    by_hand = ticked_by_hand(now.todo, now.landed)
    if not by_hand:
        return None
    pairs = [("Task", task) for task in by_hand] + [("Approved-by", person(project))]
    facts = Facts(now.ledger.workflow or project.place.name, now.phase, None, project.lock.epoch)
    text = message(f"done by hand: {', '.join(by_hand[:3])}", _body(by_hand), pairs, facts)
    draft = Draft(text, (), project.clock.now(), parent=now.commit, author=person(project))
    commit = build(project.git, project.checkout.objects, CANDIDATE, [draft])[0]
    project.checkout.advance(now.commit, commit, "done by hand")
    project.say("edits.taken", commit=commit, paths=[], by_hand=by_hand)
    return commit


def _body(by_hand: Sequence[str]) -> list[str]:
    return [f"Ticked by hand: {', '.join(by_hand)}"] if by_hand else []


def person(project: Project) -> str:
    """Return who the caller is, as git knows them: `Name <email>`."""
    known = project.git.attempt("var", "GIT_AUTHOR_IDENT").stdout.decode("utf-8", "replace")
    name, _, rest = known.partition(" <")
    return identity(name or project.env.get("USER", ""), rest.partition(">")[0])


def _check(project: Project, old: str, found: Edits) -> tuple[tuple[str, ...], str, str]:
    """Refuse what cannot be taken; return the tasks ticked by hand, the workflow's name and the stated phase."""
    documents = _after(project, old, found)
    if TODO not in documents:
        raise no_plan(project.git)
    todo = Todo.parse(documents[TODO], TODO)
    state = State.parse(documents[STATE], STATE) if STATE in documents else None
    specs = {}
    for task in todo.tasks:
        if spec_path(task.id) in documents:
            specs[task.id] = Spec.parse(documents[spec_path(task.id)], spec_path(task.id))
        if result_path(task.id) in documents:
            Result.parse(documents[result_path(task.id)], result_path(task.id))
    plan = planning.build(todo, specs, project.config.phases or phases_in(state), TODO)
    known = _known(project.git, old)
    refuse_contradictions(todo, state, plan, known.landed)
    if state is not None and STATE in found.written:
        before = blobs(project.git, [f"{old}:{STATE}"]).get(f"{old}:{STATE}")
        refuse_early_completion(state, State.parse(before, STATE) if before else None, plan, known.landed)
    by_hand = ticked_by_hand(todo, known.landed)
    refuse_waiting(todo, waiting(project.register.of, known, _not_in(project.git, old, by_hand)))
    phase = state.phase if state else plan.phases[0]
    return by_hand, known.workflow or project.place.name, phase


def _not_in(git: Git, commit: str, ticks: Sequence[str]) -> list[str]:
    """Return those of `ticks` that `commit` does not have: what is committed, a person has answered for."""
    read = blobs(git, [f"{commit}:{TODO}"] if ticks else [])
    try:
        before = Todo.parse(read[f"{commit}:{TODO}"], TODO).ticked
    except (KeyError, DocumentError):
        before = frozenset()
    return [task for task in ticks if task not in before]


def _modes(project: Project, paths: Sequence[str]) -> dict[str, str]:
    """Return the mode of each file as git sees it: where it may not go by the disk, as it was."""
    if keeps_modes(project.git):
        return {path: mode_of(project.place.root / path) for path in paths}
    before = entries(project.git, "HEAD", paths)
    return {path: kept_mode(REGULAR, before.get(path)) for path in paths}


def unstage(git: Git, paths: Sequence[str]) -> None:
    """Take back what is staged of `paths`, a deletion above all, unless somebody's git is at it."""
    listing = ("--pathspec-from-file=-", "--pathspec-file-nul")
    git.attempt("--literal-pathspecs", "reset", "--quiet", *listing, stdin=joined(paths))


def _known(git: Git, commit: str) -> Ledger:
    """Return the ledger at `commit`: for an edit, the whole history is read only where nothing right is remembered."""
    read = blobs(git, [f"{commit}:{TODO}"])
    try:
        return recalled(git, commit, Todo.parse(read[f"{commit}:{TODO}"], TODO))[0]
    except (KeyError, DocumentError):  # there is none, or one that this very edit mends
        return ledger(git, commit)


def _after(project: Project, old: str, found: Edits) -> dict[str, bytes]:
    """Return TODO and state as they would be, and of the rest what the person changed."""
    committed = entries(project.git, old, [TODO, STATE])
    contents = blobs(project.git, [entry.blob for entry in committed.values()])
    documents = {path: contents[entry.blob] for path, entry in committed.items() if path not in found.deleted}
    return documents | found.written
