"""The blocking issues of workflow-state.md: the program's ``- `key`: text`` lines among a person's."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from orchestrator.documents import edits
from orchestrator.documents.blocks import fold
from orchestrator.documents.codec import Text
from orchestrator.documents.source import one_line

_NAME: Final = "Blocking Issues"
_NONE: Final = "(none)"
_OURS: Final = re.compile(r"`([^`]+)`:[ \t]*")


class Blocking(NamedTuple):
    """One issue; `key` is "" where the line has none: then it is a person's own."""

    key: str
    text: str
    line: int


def read(text: Text) -> tuple[Blocking, ...]:
    """All issues, in order."""
    return tuple(
        _blocking(text.words(item), item.line)
        for item in text.items(text.section(_NAME))
        if fold(text.content(item)) != _NONE
    )


def write(text: Text, entries: Mapping[str, str], ours: Callable[[Blocking], bool]) -> Text:
    """These entries instead of the program's own (`ours` says which); `(none)` stands when the list is empty, only."""
    lines = {one_line(key): f"- `{one_line(key)}`: {one_line(words)}" for key, words in entries.items()}
    if text.section(_NAME) is None:
        return edits.append_section(text, f"## {_NAME}", list(lines.values()) or [_NONE])
    own = [issue for issue in read(text) if issue.key and ours(issue)]
    known = {issue.key: issue for issue in own}
    kept = {known[key].line: line for key, line in lines.items() if key in known}
    changed = {number: line for number, line in kept.items() if text.line(number).strip() != line}
    text = edits.replace(text, changed)
    text = edits.remove(text, [issue.line for issue in own if issue.line not in kept])
    return _with_none(_appended(text, [line for key, line in lines.items() if key not in known]))


def _appended(text: Text, lines: list[str]) -> Text:
    """New lines behind the list, or in the place of `(none)`."""
    section, placeholder = text.section(_NAME), _placeholders(text)
    if section is None or not lines:
        return text
    if placeholder:
        return edits.splice(text, placeholder[0], placeholder[0] + 1, lines)
    return edits.append_lines(text, section, lines)


def _with_none(text: Text) -> Text:
    section, placeholders, issues = text.section(_NAME), _placeholders(text), read(text)
    if issues and placeholders:
        return edits.remove(text, placeholders)
    if section and not issues and not placeholders:
        return edits.append_lines(text, section, [_NONE])
    return text


def _placeholders(text: Text) -> list[int]:
    section = text.section(_NAME)
    inside = range(section.start, section.stop) if section else range(0)
    return [number for number in inside if fold(text.line(number).lstrip("-*+ \t")) == _NONE]


def _blocking(words: str, line: int) -> Blocking:
    found = _OURS.match(words)
    return Blocking(found.group(1), words[found.end() :], line) if found else Blocking("", words, line)
