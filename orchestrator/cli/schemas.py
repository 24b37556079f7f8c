"""The JSON Schema of each verb's envelope, made from the dataclass the verb prints."""

import functools
import importlib
import operator
from typing import Any

from orchestrator.errors import Exit, OrchestratorError
from orchestrator.views.names import find

# verb -> `module:dataclass` of its `data`, imported only when its schema is asked for; a verb that answers in one of
# two shapes names both, with a space between
DATA = {
    "approve": "orchestrator.steps.gate:Decided",
    "brief": "orchestrator.brief:Brief",
    "checkpoint": "orchestrator.cli.checkpoint:Written",
    "completion": "orchestrator.cli.completion:Completion",
    "config.show": "orchestrator.views.settings:Settings",
    "demo": "orchestrator.cli.demo:Played",
    "diff": "orchestrator.views.diff:Diff",
    "dlq.drop": "orchestrator.steps.reopen:Decided",
    "dlq.list": "orchestrator.views.dlq:DeadLetters",
    "dlq.retry": "orchestrator.steps.reopen:Decided",
    "dlq.show": "orchestrator.views.dlq:Letter",
    "doctor": "orchestrator.views.doctor:Diagnosis",
    "drop": "orchestrator.steps.reopen:Decided",
    "fork": "orchestrator.steps.fork:Branch",
    "help": "orchestrator.cli.help:Topic",
    "hook": "orchestrator.cli.hook:Said",
    "init": "orchestrator.cli.init:Installed",
    "inspect": "orchestrator.views.inspect:Inspection",
    "log": "orchestrator.views.log:Log",
    "plan": "orchestrator.views.planned:Planned",
    "reject": "orchestrator.steps.gate:Decided",
    "restore": "orchestrator.steps.restore:Return",
    "resume": "orchestrator.views.ending:Ending orchestrator.views.forecast:Forecast",
    "retry": "orchestrator.steps.reopen:Decided",
    "run": "orchestrator.views.ending:Ending orchestrator.views.forecast:Forecast",
    "spec.lint": "orchestrator.views.specs:LintReport",
    "spec.new": "orchestrator.steps.authoring:NewSpec",
    "spec.show": "orchestrator.views.specs:SpecLetter",
    "status": "orchestrator.views.status:Status",
    "task.add": "orchestrator.steps.authoring:Added",
    "task.done": "orchestrator.steps.adopt:Adopted",
    "task.list": "orchestrator.views.tasks:TaskList",
    "task.next": "orchestrator.views.tasks:NextTask",
    "task.release": "orchestrator.cli.task:Released",
}

_STEP = {
    "type": "object",
    "properties": {"cmd": {"type": "string"}, "why": {"type": "string"}},
    "required": ["cmd", "why"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "where": {"type": "string"},
                "hint": {"type": "string"},
                "code": {"type": "integer"},
            },
            "required": ["message", "where", "hint", "code"],
        }
    },
    "required": ["error"],
}


def envelope(verb: str) -> dict[str, Any]:
    """Return the JSON Schema of what `orchestrator VERB --json` prints.

    Raises:
        OrchestratorError: the verb has no schema (`Exit.USAGE`).
    """
    try:
        name = find(verb, DATA, "schema of a verb", f"one of: {', '.join(DATA)}")
    except OrchestratorError as error:
        raise OrchestratorError(error.message, hint=error.hint, code=Exit.USAGE) from error
    data = _data(name)
    shared = data.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"orchestrator {name} --json",
        "type": "object",
        "properties": {
            "schema": {"const": f"orchestrator.{name}/1"},
            "ok": {"type": "boolean"},
            "data": {"type": "object"},
            "truncated": {"type": "boolean"},
            "warnings": {"type": "array", "items": {"type": "string"}},
            "next": {"type": "array", "items": _STEP},
        },
        "required": ["schema", "ok", "data", "truncated", "warnings", "next"],
        "if": {"properties": {"ok": {"const": True}}},
        "then": {"properties": {"data": data}},
        "else": {"properties": {"data": _ERROR}},
        "$defs": shared,
    }


def _data(verb: str) -> dict[str, Any]:
    """Return the schema of the dataclass; every field is printed, so every field is required."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 100 ms, and only schemas need it

    kinds = [_found(path) for path in DATA[verb].split()]
    schema = TypeAdapter(functools.reduce(operator.or_, kinds)).json_schema(mode="serialization")
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["required"] = list(part["properties"])
    return schema


def _found(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
