"""The tools a request offers, and which of them it wants used."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from orchestrator.testing.checks.kinds import a_list, a_string, an_object, only, tag
from orchestrator.testing.checks.schema import check_closed
from orchestrator.testing.refusal import RefusalError

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OWN = {
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "description",
    "eager_input_streaming",
    "input_examples",
    "input_schema",
    "name",
    "strict",
    "type",
}
_GIVEN = (
    "bash_",
    "browser_toolset_",
    "code_execution_",
    "computer_toolset_",
    "memory_",
    "text_editor_",
    "tool_search_tool_",
    "web_fetch_",
    "web_search_",
)
_CHOICES = {"auto": set[str](), "any": set[str](), "none": set[str](), "tool": {"name"}}


def check(body: Mapping[str, Any]) -> None:
    """Refuse tools that are not in order, two of one name, and a choice that cannot be made."""
    tools = a_list(body.get("tools") or [], "tools")
    for number, tool in enumerate(tools):
        _check_tool(an_object(tool, f"tools.{number}"), f"tools.{number}")
    names = [tool["name"] for tool in tools if "name" in tool]
    if any(count > 1 for count in Counter(names).values()):
        raise RefusalError("tools: Tool names must be unique.")
    if body.get("tool_choice") is not None:
        _check_choice(body["tool_choice"], names, offered=bool(tools))


def _check_tool(tool: dict[str, Any], where: str) -> None:
    kind = a_string(tool.get("type") or "custom", f"{where}.type")
    if kind != "custom":
        if not kind.startswith(_GIVEN):
            tag(tool, where, ())
        if "_toolset_" not in kind:
            _check_name(tool, where)
        return
    only(tool, _OWN, where)
    _check_name(tool, where)
    schema = an_object(_needed(tool, "input_schema", where), f"{where}.custom.input_schema")
    if schema.get("type") != "object":
        raise RefusalError(f"{where}.custom.input_schema.type: Input should be 'object'")
    if tool.get("strict"):
        check_closed(schema, f"{where}.custom.input_schema")


def _check_name(tool: dict[str, Any], where: str) -> None:
    name = a_string(_needed(tool, "name", where), f"{where}.name")
    if not _NAME.fullmatch(name):
        raise RefusalError(f"{where}.name: String should match pattern '^{_NAME.pattern}$'")


def _check_choice(choice: dict[str, Any], names: list[str], *, offered: bool) -> None:
    kind = tag(choice, "tool_choice", _CHOICES)
    only(choice, {"type", "disable_parallel_tool_use", *_CHOICES[kind]}, "tool_choice")
    if not offered:
        raise RefusalError("tool_choice: may only be specified while providing tools")
    if kind == "tool" and _needed(choice, "name", "tool_choice") not in names:
        raise RefusalError(f"tool_choice: tool {choice['name']!r} not found in provided tools")


def _needed(held: dict[str, Any], name: str, where: str) -> Any:
    if name not in held:
        raise RefusalError(f"{where}.{name}: Field required")
    return held[name]
