"""A line of JSON from a program that nobody here controls: an object or nothing, and what stands at a path in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LARGEST = 1 << 40  # more is no count of anything


def parse(line: str) -> Mapping[str, Any]:
    """Return the object that the line is; an empty one where it is none, which holds nothing anybody looks for."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def pick(found: object, path: str) -> object:
    """Return what stands at a dotted path, such as `part.tokens.input`; None where nothing does."""
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def text(found: object, path: str) -> str:
    """Return the text at a path; an empty one where there is none."""
    held = pick(found, path)
    return held if isinstance(held, str) else ""


def count(found: object, path: str) -> int:
    """Return the count at a path; 0 where there is none, or something that is no count."""
    held = pick(found, path)
    return held if isinstance(held, int) and not isinstance(held, bool) and 0 <= held < _LARGEST else 0


def objects(found: object, path: str) -> Iterator[Mapping[str, Any]]:
    """Return the objects in the list at a path."""
    held = pick(found, path)
    yield from (item for item in held if isinstance(item, Mapping)) if isinstance(held, list) else ()
