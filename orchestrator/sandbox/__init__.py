"""The confinement door: what a command that an agent wrote can reach of this machine.

    confined = sandbox.Confinement.find(os.environ, passed, sandbox.DEFAULT, place.git_dir)   # once
    process.run(confined.argv(["sh", "-c", words], worktree), cwd=worktree, env=confined.env, ...)

A level shown is a level measured, and none is lowered silently: `chosen.trailer` goes into the checkpoint,
`chosen.facts` into an event, `chosen.sentence` to a person.
"""

from orchestrator.sandbox.confine import BOUNDS, Bounds, confine
from orchestrator.sandbox.confinement import Confinement
from orchestrator.sandbox.environ import environment
from orchestrator.sandbox.ground import Ground, guarded, survey
from orchestrator.sandbox.levels import DEFAULT, TRAILER, Chosen, Found, Level, Policy, choose
from orchestrator.sandbox.probe import probe

__all__ = [
    "BOUNDS",
    "DEFAULT",
    "TRAILER",
    "Bounds",
    "Chosen",
    "Confinement",
    "Found",
    "Ground",
    "Level",
    "Policy",
    "choose",
    "confine",
    "environment",
    "guarded",
    "probe",
    "survey",
]
