"""The confinement door: what a command that an agent wrote can reach of this machine.

    confined = sandbox.Confinement.find(os.environ, passed, sandbox.DEFAULT, place.git_dir)   # once
    process.run(confined.argv(["sh", "-c", words], worktree), cwd=worktree, env=confined.env, ...)

A level shown is a level measured, and none is lowered silently: an attempt's record and the trailers of the commit that
lands it say which one it was, `chosen.sentence` tells a person why it is no stronger one.
"""

from orchestrator.sandbox.confine import BOUNDS, Bounds, confine
from orchestrator.sandbox.confinement import Confinement
from orchestrator.sandbox.environ import environment
from orchestrator.sandbox.ground import Ground, guarded, survey
from orchestrator.sandbox.levels import DEFAULT, Chosen, Found, Level, Policy, choose
from orchestrator.sandbox.probe import probe

__all__ = [
    "BOUNDS",
    "DEFAULT",
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
