"""The reviewer: a model that did not write a change says whether it may land, in a form that is checked."""

import threading
from dataclasses import dataclass
from typing import Any

from orchestrator import render
from orchestrator.config import AgentConfig
from orchestrator.documents import paths
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Call
from orchestrator.models.structured import Answered, UnfitError, ask, items, only, whole, words
from orchestrator.plaintext import listed, one_line

LARGEST = 400_000  # characters of a change that one call can see whole
_MOST = 8_000  # tokens
_FINDINGS = 30
_NAMES = ("verdict", "summary", "findings")
_PARTS = ("file", "line", "problem")
SCHEMA = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["accept", "reject"]},
        "summary": {"type": "string"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "line": {"type": "integer"},
                    "problem": {"type": "string"},
                },
                "required": [*_PARTS],
                "additionalProperties": False,
            },
        },
    },
    "required": [*_NAMES],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Matter:
    """What a reviewer sees: the spec's text, a line per file, the change, and what the leader's own check said."""

    spec: str
    files: tuple[str, ...]
    patch: str
    verified: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `file` is empty for the change as a whole, `line` 0 where there is none."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        """Return it as one line: `file:line: problem`."""
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return f"{where}: {self.problem}" if where else self.problem


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says."""

    accepted: bool
    summary: str
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        """Return it as lines, for whoever mends the change."""
        return "\n".join([self.summary, *(f"- {finding}" for finding in self.findings)])


def review(
    asking: Asking, agent: AgentConfig, matter: Matter, purpose: Purpose, cancel: threading.Event
) -> Answered[Verdict]:
    """Ask for the verdict on `matter`.

    Raises:
        CallError: there is none.
    """
    return ask(asking, call(agent, matter), purpose, cancel, read)


def call(agent: AgentConfig, matter: Matter) -> Call:
    """Return the question."""
    values = {
        "spec": matter.spec,
        "files": listed(matter.files, 500),
        "verified": matter.verified,
        "patch": matter.patch,
        "limit": LARGEST,
    }
    asked = {"role": "user", "content": render.text("prompts/reviewer-change.md.j2", values)}
    system = render.text("prompts/reviewer-system.md.j2", {})
    return Call(agent.model, system, [asked], schema=SCHEMA, effort=agent.effort, most=_MOST)


def read(found: object) -> Verdict:
    """Return the verdict that an answer holds.

    Raises:
        UnfitError: it holds none.
    """
    said = only(found, _NAMES, "the answer")
    if said["verdict"] not in {"accept", "reject"}:
        raise UnfitError("verdict must be accept or reject")
    findings = tuple(_finding(each) for each in items(said["findings"], "findings", _FINDINGS))
    accepted = said["verdict"] == "accept"
    if not accepted and not findings:
        raise UnfitError("a rejection must have at least one finding")
    return Verdict(accepted, one_line(words(said["summary"], "summary", 2_000), 600), findings)


def _finding(found: Any) -> Finding:
    said = only(found, _PARTS, "a finding")
    file, problem = words(said["file"], "file", 1_000), one_line(words(said["problem"], "problem", 2_000), 1_000)
    if file and paths.fault(file):
        raise UnfitError("file must be a path from the list, or empty")
    if not problem:
        raise UnfitError("problem must say what is wrong")
    return Finding(file, whole(said["line"], "line"), problem)
