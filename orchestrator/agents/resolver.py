"""The resolver: a model puts together what two changes made of the same lines, or says that a person must."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator import render
from orchestrator.config import AgentConfig
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Call
from orchestrator.models.structured import Answered, UnfitError, ask, items, only, whole, words
from orchestrator.plaintext import one_line, safe_text

LARGEST = 100_000  # characters that all regions together may have
_MOST = 32_000  # tokens
_REGIONS = 200
_NAMES = ("decision", "why", "regions")
_PARTS = ("number", "text")
_MARKER = re.compile(r"^(<{7}|\|{7}|>{7})", re.MULTILINE)
SCHEMA = {
    "type": "object",
    "properties": {
        "decision": {"type": "string", "enum": ["merged", "unsure"]},
        "why": {"type": "string"},
        "regions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"number": {"type": "integer"}, "text": {"type": "string"}},
                "required": [*_PARTS],
                "additionalProperties": False,
            },
        },
    },
    "required": [*_NAMES],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Region:
    """Lines that both sides changed; `number` counts from 1 over all files."""

    number: int
    path: str
    base: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Conflict:
    """What a resolver sees.

    Attributes:
        spec: what the change that is to land was made for.
        intents: what the branch's own changes were made for.
        theirs: how the change that is to land differs from where both came from.
        ours: how the branch does.
        regions: what cannot be put together by rule.
        failed: what verify said of the last answer; empty for the first.
    """

    spec: str
    intents: str
    theirs: str
    ours: str
    regions: Sequence[Region]
    failed: str = ""


@dataclass(frozen=True)
class Merge:
    """What a resolver says: the text for each region; None where it is unsure."""

    regions: Mapping[int, str] | None
    why: str


def resolve(
    asking: Asking, agent: AgentConfig, conflict: Conflict, purpose: Purpose, cancel: threading.Event
) -> Answered[Merge]:
    """Ask how the two sides go together.

    Raises:
        CallError: there is no answer.
    """
    return ask(asking, call(agent, conflict), purpose, cancel, lambda found: read(found, conflict.regions))


def call(agent: AgentConfig, conflict: Conflict) -> Call:
    """Return the question."""
    values = {
        "spec": conflict.spec,
        "intents": conflict.intents,
        "theirs": conflict.theirs,
        "ours": conflict.ours,
        "failed": conflict.failed,
        "regions": conflict.regions,
        "limit": LARGEST,
    }
    asked = {"role": "user", "content": render.text("prompts/resolver-conflict.md.j2", values)}
    system = render.text("prompts/resolver-system.md.j2", {})
    return Call(agent.model, system, [asked], schema=SCHEMA, effort=agent.effort, most=_MOST)


def read(found: object, asked: Sequence[Region]) -> Merge:
    """Return the merge that an answer holds, of the regions that were `asked` about.

    Raises:
        UnfitError: it holds none.
    """
    said = only(found, _NAMES, "the answer")
    if said["decision"] not in {"merged", "unsure"}:
        raise UnfitError("decision must be merged or unsure")
    why = one_line(words(said["why"], "why", 2_000), 1_000)
    given = items(said["regions"], "regions", _REGIONS)
    if said["decision"] == "unsure":
        return Merge(None, why)
    regions = dict(_region(each) for each in given)
    wanted = [region.number for region in asked]
    if len(regions) < len(given) or sorted(regions) != sorted(wanted):
        raise UnfitError(f"regions must have each of these numbers once: {', '.join(map(str, wanted))}")
    return Merge(regions, why)


def _region(found: Any) -> tuple[int, str]:
    said = only(found, _PARTS, "a region")
    number, text = whole(said["number"], "number"), said["text"]
    if not isinstance(text, str) or len(text) > LARGEST:
        raise UnfitError("text must be a string")
    if safe_text(text) != text:
        raise UnfitError(f"the text of region {number} has characters that cannot be seen")
    if _MARKER.search(text):
        raise UnfitError(f"the text of region {number} has conflict markers")
    return number, text
