"""The confinement door: what a command that an agent wrote can reach of this machine.

    env = sandbox.environment(os.environ)
    found = sandbox.probe(os.environ)                            # once, at a start
    chosen = sandbox.choose(sandbox.DEFAULT, found)              # `required` raises where it is not there
    ground = sandbox.survey(found.bwrap, env, place.git_dir)     # once
    argv = sandbox.confine(["sh", "-c", words], worktree, chosen.level, env=env, ground=ground,
                           guarded=sandbox.guarded(worktree))    # for each command
    process.run(argv, cwd=worktree, env=env, ...)

A level shown is a level measured, and none is lowered silently: `chosen.trailer` goes into the checkpoint,
`chosen.facts` into an event, `chosen.sentence` to a person.
"""

from orchestrator.sandbox.confine import BOUNDS, Bounds, confine
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
