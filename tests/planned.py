"""A small library and a plan for it, as the fake model answers: what the planner's tests start from."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness import Repo

from orchestrator.testing import Reply, Request, Rule, Script, Structured

Json = dict[str, Any]
MODEL = "claude-opus-5-5"
CONFIG = f"""
[agents.scripted]
kind = "scripted"
script = ".agent.toml"

[agents.claude]
kind = "anthropic"
model = "{MODEL}"
effort = "medium"

[roles]
worker = "scripted"

[verify]
command = "true"
"""
OUTLINE_MARK = "## What to answer: the outline"
SPECS_MARK = "## What to answer: the specs"


def task(name: str, *files: str, after: Sequence[str] = (), phase: str = "IMPLEMENTING", new: bool = False) -> Json:
    """A task of an outline."""
    listed = [{"path": path, "new": new} for path in files]
    return {"id": name, "title": f"Do {name}", "phase": phase, "after": [*after], "files": listed}


def outline(*tasks: Json, phases: Sequence[str] = ("IMPLEMENTING",), drop: Sequence[str] = ()) -> Json:
    """An outline."""
    return {
        "summary": "The shop learns to add.",
        "phases": [*phases],
        "drop": [*drop],
        "tasks": [*tasks],
        "decisions": ["No new dependency"],
    }


def spec(name: str, *files: str, check: str = "test -d .", **more: Any) -> Json:
    """A spec."""
    return {
        "task": name,
        "goal": f"What {name} promises holds.",
        "reads": [],
        "files": [{"path": path, "what": "the change"} for path in files],
        "requirements": ["It holds for every input"],
        "constraints": ["The public names stay"],
        "check": check,
        **more,
    }


def specs_of(plan: Json, **changed: Json) -> dict[str, Json]:
    """A spec for each task of an outline."""
    made = {each["id"]: spec(each["id"], *(file["path"] for file in each["files"])) for each in plan["tasks"]}
    return {**made, **changed}


def wanted(request: Request) -> list[str]:
    """The tasks whose specs a request asks for."""
    return [line.removeprefix("### Task ") for line in request.newest.split("\n") if line.startswith("### Task ")]


def script(plan: Json, contracts: Mapping[str, Json] | None = None) -> Script:
    """A model that answers with this plan at once."""
    known = specs_of(plan) if contracts is None else contracts
    return Script([Rule(OUTLINE_MARK, [Reply(Structured(plan))]), Rule(SPECS_MARK, [answering(known)])])


def answering(contracts: Mapping[str, Json]) -> Callable[[Request], Reply]:
    """A turn that writes the specs that are asked for."""
    return lambda request: Reply(Structured({"specs": [contracts[name] for name in wanted(request)]}))


def shop(repo: Repo) -> Repo:
    """The repository that is planned for."""
    repo.write("shop/add.py", "def add(a, b):\n    return a - b\n")
    repo.write("shop/tax.py", "def tax(price):\n    return price\n")
    repo.write("README.md", "# Shop\n\nIt adds, and it taxes.\n")
    repo.write("orchestrator.toml", CONFIG)
    repo.write(".agent.toml", "")
    repo.commit("a shop")
    return repo


def said(answer: Json) -> str:
    """An answer as the model's text."""
    return json.dumps(answer)
