"""The built-in agent passes the public conformance suite, with a model that does what the suite wants done."""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from asked import Straight

from orchestrator.agents.builtin.agent import BuiltinAgent
from orchestrator.agents.conformance import AgentConformance, Behaviour
from orchestrator.documents.result import Result, Status
from orchestrator.errors import DocumentError
from orchestrator.testing import FakeAPI, Fault, Reply, Request, Rule, Script, ToolUse


def always(_request: Request) -> bool:
    return True


def turns(behaviour: Behaviour) -> list[Reply]:
    """What the model says: the behaviour, a call of a tool at a time."""
    uses = [ToolUse("write", {"path": path, "content": text}) for path, text in behaviour.write.items()]
    said = [Reply(use) for use in uses]
    if behaviour.hang:
        said.append(Reply(ToolUse("bash", {"command": "sleep 1000 & sleep 1000"})))
    elif behaviour.exit != "complete":
        said += [Reply(behaviour.say)] * 2
    else:
        said += [Reply(ToolUse("result", result(behaviour.result)))] * 2
    return said


def result(document: str) -> dict[str, object]:
    """The structured result that becomes this document."""
    lists: dict[str, object] = {"files": [], "decisions": [], "tests_needed": [], "issues": []}
    try:
        told = Result.parse(document.encode(), "x") if document else None
    except DocumentError:
        return {"status": "perhaps", "summary": "greet", **lists}
    issues = list(told.issues) if told else []
    status = told.status if told else Status.COMPLETE
    return {"status": status.value.casefold(), "summary": "greet", **lists, "issues": issues}


class TestBuiltinAgent(AgentConformance):
    always_reports = True

    @pytest.fixture(autouse=True)
    def _model(self) -> Iterator[None]:
        import_module("anthropic")  # it takes seconds, which a first call must not spend of its own
        with FakeAPI() as self.fake:
            yield

    def make_agent(self, behaviour: Behaviour, folder: Path) -> BuiltinAgent:
        said = turns(behaviour)

        def echo(request: Request) -> Reply:
            spec = request.turns[0].of("text")[0]["text"]
            return Reply(ToolUse("write", {"path": behaviour.echo, "content": spec}))

        self.fake.script = Script([Rule(always, [echo, *said] if behaviour.echo else said)])
        if behaviour.exit == "transient":
            self.fake.fail(Fault.OVERLOADED, times=None)
        return self._agent("claude-opus-5-5", folder)

    def make_missing(self, folder: Path) -> BuiltinAgent:
        return self._agent("", folder)

    def _agent(self, model: str, folder: Path) -> BuiltinAgent:
        (folder / ".git").mkdir(exist_ok=True)
        return BuiltinAgent("builtin", model, Straight(self.fake), folder / ".git", base_env=os.environ)
