"""Findings: what is not right, why that matters, and the command or edit that mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import OrchestratorError


class Severity(StrEnum):
    """An error stops work, a warning will hurt later, a note is for information."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing found; `where` is `file:line` or empty."""

    severity: Severity
    what: str
    why: str
    fix: str
    where: str = ""


def of_error(error: OrchestratorError, severity: Severity = Severity.ERROR) -> Finding:
    """Return what an error says as a finding."""
    return Finding(severity, error.message, "", error.hint, error.where)


MOST = 20


def worst(findings: Iterable[Finding], *, everything: bool) -> tuple[Finding, ...]:
    """Return the findings, worst first: at most twenty, unless `everything`."""
    order = list(Severity)
    found = sorted(findings, key=lambda finding: order.index(finding.severity))
    return tuple(found if everything else found[:MOST])


def shown(findings: Iterable[Finding]) -> list[str]:
    """Return the findings as lines."""
    lines = []
    for found in findings:
        where = f"{found.where}: " if found.where else ""
        lines.append(f"{found.severity.value}: {where}{found.what}" + (f" ({found.why})" if found.why else ""))
        if found.fix:
            lines.append(f"  fix: {found.fix}")
    return lines
