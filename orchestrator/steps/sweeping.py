"""Sweeping: what agents' code changed in the shared git directory is put back, and a person is told."""

from orchestrator.steps.project import Project

_TOLD = 20  # notes at once


def sweep(project: Project, since: float, *, before_landing: bool = False) -> dict[str, str]:
    """Have the guard look, and say what a person should hear; return what was tampered with since then, and how."""
    tampered = project.guard.sweep(since, before_landing=before_landing)
    told = project.guard.told()
    for note in [*told[:_TOLD], *([f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else [])]:
        project.say("healed", note=note)
    return tampered
