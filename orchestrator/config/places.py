"""Where each key stands in a TOML text: tomllib reads values, and keeps no lines."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.config.keys import KeyPath

# A text that is never closed ends with its line, or with the document: no part of it is looked at twice.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)'  # texts over several lines; up to two quotes may stand before the closing three
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|[\[\]{}=,.\n]",
    re.DOTALL,
)
_DEEPEST = 6  # tool.orchestrator.agents.NAME.KEY, and what a table given for KEY holds


def places(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each key or table of a valid TOML text is first named."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in statements(text):
        parsed = _parsed(statement) or {}
        if statement.lstrip().startswith("["):
            table = _header(parsed)
            named = [table[: end + 1] for end in range(min(len(table), _DEEPEST))]
        else:
            named = list(_named(parsed, table))
        for path in named:
            found.setdefault(path, line)
    return found


def broken(text: str) -> int:
    """Return the line of the first statement that cannot be read by itself; 1 when all can."""
    return next((line for line, statement in statements(text) if _parsed(statement) is None), 1)


def tokens(text: str) -> Iterator[re.Match[str]]:
    """Return the quoted texts, comments, brackets, signs and line ends of a TOML text, in order."""
    return _TOKEN.finditer(text)


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Cut into headers and assignments, each with its line: a line end outside strings and brackets ends one."""
    line, start, depth = 1, 0, 0
    for token in tokens(f"{text}\n"):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if token[0] == "\n" and depth <= 0:
            statement = text[start : token.end()]
            if statement.strip():
                yield line, statement
            line, start = line + statement.count("\n"), token.end()
    yield line, text[start:]


def _parsed(statement: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(statement)
    except (ValueError, RecursionError):
        return None


def _header(parsed: Any) -> KeyPath:
    """Return the path of `[a.b]` or `[[a.b]]`, from what it is read as."""
    path: KeyPath = ()
    while parsed:
        (name,) = parsed
        path, parsed = (*path, name), parsed[name]
        parsed = parsed[0] if isinstance(parsed, list) else parsed
    return path


def _named(parsed: Mapping[str, Any], table: KeyPath) -> Iterator[KeyPath]:
    """Return the paths an assignment below `table` names: `a.b = {c = 1}` names three."""
    for name, value in parsed.items():
        path = (*table, name)
        yield path
        if isinstance(value, Mapping) and len(path) < _DEEPEST:
            yield from _named(value, path)
