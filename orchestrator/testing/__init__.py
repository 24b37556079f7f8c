"""For tests: a strict fake of the Messages API on loopback, with a script of what it says and faults on demand.

    script = Script([
        Rule("greet", [
            Reply([Thinking("A file first."), ToolUse("write", {"path": "a.txt"})]),
            Reply("Done."),
        ]),
    ])
    with FakeAPI(script) as fake:
        client = anthropic.Anthropic(base_url=fake.url, api_key=fake.key)
        fake.fail(Fault.OVERLOADED, times=2)

It refuses what the API refuses, so that a client that passes here is not surprised there.
"""

from orchestrator.testing.fake import FakeAPI
from orchestrator.testing.fault import Fault, Trouble
from orchestrator.testing.journal import Received
from orchestrator.testing.models import MODELS, Model
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Request, Turn
from orchestrator.testing.script import Reply, Rule, Script, Structured, Text, Thinking, ToolUse

__all__ = [
    "MODELS",
    "FakeAPI",
    "Fault",
    "Model",
    "Received",
    "RefusalError",
    "Reply",
    "Request",
    "Rule",
    "Script",
    "Structured",
    "Text",
    "Thinking",
    "ToolUse",
    "Trouble",
    "Turn",
]
