"""Sweeping: what agents' code changed in the shared git directory is put back, and a person is told."""

from orchestrator.steps.project import Project


def sweep(project: Project, since: float, *, before_landing: bool = False) -> dict[str, str]:
    """Have the guard look, and say what a person should hear; return what was tampered with since then, and how."""
    tampered = project.guard.sweep(since, before_landing=before_landing)
    for note in project.guard.told():
        project.say("healed", note=note)
    return tampered
