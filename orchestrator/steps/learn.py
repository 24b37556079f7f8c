"""Learn: what an attempt ran into goes into its spec, on the branch: the next attempt reads it there, as anybody can.

The section is the program's own and holds the last attempts alone; every other line of a spec is left as it is.
"""

import re
from collections.abc import Sequence

from orchestrator import render
from orchestrator.documents import edits
from orchestrator.documents.codec import Section, Text
from orchestrator.documents.spec import Spec
from orchestrator.errors import DocumentError
from orchestrator.failure import Failure
from orchestrator.plaintext import listed, safe_text
from orchestrator.repo.attempts import Attempt
from orchestrator.repo.git import Git
from orchestrator.repo.trees import blobs
from orchestrator.steps.chapter import Chapter, Happened
from orchestrator.steps.land import read_result
from orchestrator.steps.project import Project
from orchestrator.steps.publish import Proposal, publish
from orchestrator.steps.results import LISTED, summary
from orchestrator.steps.standing import Library, Situation, spec_path

_NAME = "What earlier attempts ran into"
_OURS = "The program writes this section."
_HEADING = re.compile(r"attempt ([0-9]{1,9}) did not land", re.IGNORECASE)
_KEPT = 2  # attempts
_DETAIL = 3_000  # characters: an account ends with what matters


def learn(project: Project, library: Library, running: Sequence[str], mine: Sequence[Attempt]) -> str | None:
    """Write what the last of a task's attempts ran into into its spec; return the commit, None for nothing to write."""
    last = mine[-1]

    def propose(now: Situation, chapter: Chapter) -> tuple[Chapter, Proposal] | None:
        if not is_news(now, last):
            return None
        text = now.plan.specs[last.task].text
        try:
            better = _with_section(text, _section(project.git, mine)).render()
            Spec.parse(better, spec_path(last.task))
        except DocumentError:  # a fence that is never closed, for example: then the attempt alone is told
            return None
        what = f"what attempt {last.number} ran into"
        pairs = [("Learnt", f"{last.task}/{last.number}")]
        body = [last.detail[-1_000:]]
        happened = Happened(last.task, f"{last.task}: {what}")
        return chapter, Proposal(happened, f"spec: {last.task}: {what}", pairs, {spec_path(last.task): better}, body)

    return publish(project, library, running, propose)


def is_news(now: Situation, last: Attempt) -> bool:
    """Whether a task's spec, which is still the one its `last` attempt was given, could say more by what that met."""
    spec = now.plan.specs.get(last.task)
    if spec is None or last.failure is not Failure.DETERMINISTIC or now.spec_ids.get(last.task) != last.spec:
        return False
    return last.number not in learnt(spec) and _is_free(spec.text)


def learnt(spec: Spec) -> frozenset[int]:
    """Return the numbers of the attempts whose account the spec holds."""
    section = _own(spec.text)
    if section is None:
        return frozenset()
    headings = (heading for heading in spec.text.scan.headings if section.start <= heading.line < section.stop)
    return frozenset(int(found[1]) for heading in headings if (found := _HEADING.match(heading.text)))


def same_contract(git: Git, one: str, other: str) -> bool:
    """Whether two specs, by their blob ids, ask for the same, whatever attempts at them ran into."""
    if one == other:
        return True
    found = blobs(git, [one, other])
    return len(found) == 2 and _asked(found[one]) == _asked(found[other])  # noqa: PLR2004 - both are there


def _asked(data: bytes) -> str:
    try:
        text = Text.parse(data, "specs/")
        section = _own(text)
    except DocumentError:
        return data.decode("utf-8", "replace")
    lines = list(text.lines)
    if section is not None:
        del lines[section.heading.line - 1 : section.stop - 1]
    return "\n".join(lines).rstrip()


def _own(text: Text) -> Section | None:
    """Return our section of a spec; None where there is none, or a person's of that name."""
    section = text.section(_NAME)
    return section if section is not None and text.prose(section).startswith(_OURS) else None


def _is_free(text: Text) -> bool:
    return text.section(_NAME) is None or _own(text) is not None


def _with_section(text: Text, lines: Sequence[str]) -> Text:
    section = _own(text)
    if section is None:
        return edits.append_section(text, lines[0], lines[1:])
    return edits.splice(text, section.heading.line, section.stop, lines)


def _section(git: Git, mine: Sequence[Attempt]) -> list[str]:
    told = [attempt for attempt in mine if attempt.failure is Failure.DETERMINISTIC][-_KEPT:]
    rows = [_row(git, attempt) for attempt in told]
    return render.text("learnt.md.j2", {"attempts": rows}).rstrip("\n").split("\n")


def _row(git: Git, attempt: Attempt) -> dict[str, object]:
    said = read_result(attempt)
    return {
        "number": attempt.number,
        "failure": attempt.failure.value if attempt.failure else "",
        "files": listed(summary(git, attempt), LISTED, ", "),
        "base": attempt.base[:12],
        "ref": attempt.ref,
        "decisions": listed(said.decisions) if said else "",
        "detail": safe_text(attempt.detail).strip()[-_DETAIL:] or "(it said nothing)",
    }
