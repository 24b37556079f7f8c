"""Documents that each parser takes, to break something in: the examples of the documents' own tests, and fuller ones."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "documents" / "seeds"


def example(name: str) -> bytes:
    """Return one of the examples that the documents' own tests read."""
    return (_FOLDER / f"{name}.md").read_bytes()


def examples() -> list[bytes]:
    """Return all of them."""
    return [path.read_bytes() for path in sorted(_FOLDER.glob("*.md"))]


RESULT = b"""## Result: a

**Status**: Complete
**Files changed**: `src/a.py` (+1 -0), `b c.py` (+2 -1)
**Decisions**: None
- one
- two

### Attempts

| Attempt | Status | Failure | Agent | Commit | Seconds | Why |
|---|---|---|---|---|---|---|
| 1 | rejected | scope | w | 0123456789 | 1.5 | outside \\| inside |
"""

TODO = b"""# TODO

## Planning

- [x] plan: make a plan (committed: 0123abc)

## Implementing

- [ ] a: do a
  a note
- [ ] b: do b (after: a)  <-- CURRENT
- [-] c: not this one

## Testing

1. [ ] test everything (after: a, b)
"""

STATE = b"""---
workflow: demo
started: 2026-02-22 09:00
---
# State

**Current phase**: PLANNING

## Phase Status

| Phase        | Status      | Entered | Completed |
|--------------|-------------|---------|-----------|
| Planning     | IN_PROGRESS | 09:00   | --        |

## Progress

- [ ] one

## Blocking Issues

- `a`: an issue
"""

YAML = b"""title: A title
started: 2026-02-22 09:00
allow: [symlinks, other]
limits:
  attempts: 3
  notes:
    - one
    - "two"
"""

TOML = b"""[agents.worker]
kind = "command"
command = ["agent", "{files}"]
timeout = 600

[agents."my agent"]
kind = "scripted"
script = "script.toml"

[roles]
worker = "worker"

[verify]
command = "true"
env = ["A", "B_*"]

[limits]
jobs = 4
timeout = 1.5

[checkpoint]
every = "task"
"""

PYPROJECT = b"""[project]
name = "x"
dependencies = [
  "a",  # note
]

[tool.orchestrator.limits]
jobs = 4

[tool.orchestrator]
verify = {command = "true"}

[[tool.other]]
a = 1
"""

SCRIPT = b"""[[attempt]]
task = "greet"
attempt = 1
sleep = 0.2
write = {"src/a.py" = "text"}
delete = ["old.py"]
exit = "transient"

[[attempt]]
append = {"README.md" = "a line"}
echo = "notes/spec.md"
result = '''
## Result: x
**Status**: Complete
'''
say = "done"
hang = false
"""

FRONTED_TODO = b"""---
owner: Ada
phases: [planning, testing]
---
# TODO

- [ ] a: do a
- [ ] b: do b (after: a)
"""

FRONTED_SPEC = b"""---
agent: person
attempts: 2
timeout: 1.5
risky: yes (it deletes)
allow: [symlinks]
---
# Spec: a

## Goal

Do it.

## Files to Modify

- src/**/*.py (all of them)
- lib/[!a-c]?/**/x_*.[ch] (some)
- `a b.txt` (shared, the top half)
- docs/
"""

DOTTED = b"""limits.jobs = 2
limits.attempts = 3
agents.a.command = ["x"]
agents.b = {kind = "scripted", script = "s.toml"}
"""

INLINE = b"""verify = {command = "x", env = []}
agents.a = {command = ["x"], timeout = 3}
roles = {worker = "a"}

[checkpoint]
every = 30
"""
