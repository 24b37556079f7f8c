"""The schema of structured output, which has to be closed.

The fake wants every property in `required`. The API lets a few be left out; a schema that passes here passes there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.testing.checks.kinds import a_list, a_string, an_object, only
from orchestrator.testing.refusal import RefusalError

_WHERE = "output_config.format"
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_ONES = ("items", "not", "additionalProperties")


def check(body: Mapping[str, Any]) -> None:
    """Refuse an output format that is no JSON schema, or an open one."""
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is None:
        return
    only(an_object(wanted, _WHERE), {"type", "schema"}, _WHERE)
    if wanted.get("type") != "json_schema":
        raise RefusalError(f"{_WHERE}.type: Input should be 'json_schema'")
    if "schema" not in wanted:
        raise RefusalError(f"{_WHERE}.schema: Field required")
    check_closed(an_object(wanted["schema"], f"{_WHERE}.schema"), f"{_WHERE}.schema")


def check_closed(schema: Mapping[str, Any], where: str) -> None:
    """Refuse a schema with an object that takes more, or may lack, properties than it names."""
    for place, inner in _objects(schema, where):
        if inner.get("additionalProperties") is not False:
            raise RefusalError(f"{place}: For 'object' type, 'additionalProperties' must be explicitly set to false")
        needed = [
            a_string(name, f"{place}.required") for name in a_list(inner.get("required", []), f"{place}.required")
        ]
        if differing := {*inner.get("properties", {})} ^ {*needed}:
            names = ", ".join(sorted(differing))
            raise RefusalError(f"{place}: 'required' must name each of 'properties', and nothing else: {names}")


def _objects(schema: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object's schema with its place, from inside out."""
    if not isinstance(schema, dict):
        return
    for place, inner in _below(schema, where):
        yield from _objects(inner, place)
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds) or "properties" in schema:
        yield where, schema


def _below(schema: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for name, inner in schema.items():
        place = f"{where}.{name}"
        if name in _MAPS:
            yield from ((f"{place}.{key}", each) for key, each in an_object(inner, place).items())
        elif name in _LISTS:
            yield from ((f"{place}.{number}", each) for number, each in enumerate(a_list(inner, place)))
        elif name in _ONES:
            yield place, inner
