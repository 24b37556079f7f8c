"""The subprocess door: agents and verify commands start, talk and end here, with their whole process tree."""

from orchestrator.process.child import Cause, Ended, Limits, StartError, run
from orchestrator.process.environ import enclosed, environment, find, missing
from orchestrator.process.live import become_subreaper, give_memory_back
from orchestrator.process.tree import reap

__all__ = [
    "Cause",
    "Ended",
    "Limits",
    "StartError",
    "become_subreaper",
    "enclosed",
    "environment",
    "find",
    "give_memory_back",
    "missing",
    "reap",
    "run",
]
