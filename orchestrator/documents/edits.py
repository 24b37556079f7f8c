"""Edits of a document: each gives a new one and leaves every byte it was not asked about alone."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from orchestrator.documents import fields
from orchestrator.documents.codec import Section, Text
from orchestrator.documents.scan import Kind
from orchestrator.documents.source import one_line
from orchestrator.errors import DocumentError

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_YAML_LINE: Final = re.compile(r"([^\s:#][^:]*:)[ \t]")


def replace(text: Text, changed: Mapping[int, str]) -> Text:
    """Other text in these lines; their ends stay."""
    return _of(text, _replaced(text, changed)) if changed else text


def overwrite(text: Text, changed: Mapping[int, str]) -> Text:
    """Other text in these lines that keeps the shape of each: what they are, and where their words start, stays."""
    return text.reworded(_replaced(text, changed)) if changed else text


def _of(text: Text, lines: Sequence[str]) -> Text:
    """The document with these lines instead, or a refusal."""
    return Text.of(text.bom, "\n".join(lines), text.path)


def _replaced(text: Text, changed: Mapping[int, str]) -> tuple[str, ...]:
    lines = list(text.lines)
    for number, line in changed.items():
        end = "\r" if lines[number - 1].endswith("\r") else ""
        lines[number - 1] = line + end
    return tuple(lines)


def splice(text: Text, start: int, stop: int, lines: Sequence[str]) -> Text:
    """These lines in place of the ones from `start` up to, not including, `stop`."""
    return splice_all(text, [(start, stop, lines)])


def splice_all(text: Text, pieces: Sequence[tuple[int, int, Sequence[str]]]) -> Text:
    """For each piece (start, stop, lines) its lines in place of those from `start` up to `stop`; from top to bottom.

    A last line without an end keeps having none: its neighbour takes over.
    """
    end = "\r" if _crlf(text) else ""
    merged = list(text.lines)
    for start, stop, lines in reversed(pieces):
        fresh = [line + end for line in lines]
        if fresh and stop > len(merged):
            fresh[-1] = lines[-1]
            if start > 1 and not merged[start - 2].endswith("\r"):
                merged[start - 2] += end
        merged[start - 1 : stop - 1] = fresh
    return text if tuple(merged) == text.lines else _of(text, merged)


def insert(text: Text, after: int, lines: Sequence[str]) -> Text:
    """These lines behind line `after` (0: before the first)."""
    return splice(text, after + 1, after + 1, lines)


def remove(text: Text, numbers: Sequence[int]) -> Text:
    """Without these lines."""
    if not numbers:
        return text
    gone = {number - 1 for number in numbers}
    return _of(text, [line for index, line in enumerate(text.lines) if index not in gone])


def append_section(text: Text, heading: str, lines: Sequence[str]) -> Text:
    """A new section at the end, a blank line before it."""
    refuse_unclosed(text)
    last = text.count
    blank = [""] if last and text.line(last).strip(" \t") else []
    return insert(text, last, [*blank, heading, *lines])


def append_lines(text: Text, section: Section, lines: Sequence[str]) -> Text:
    """Lines at the end of a section: right behind its last list item, else a blank line below its text."""
    if section.stop > text.count:
        refuse_unclosed(text)
    items = text.items(section)
    if items:
        return insert(text, end_of_item(text, items[-1].line), lines)
    last = last_line(text, section)
    blank = [""] if last >= section.start and text.kind(last) is not Kind.BLANK else []
    return insert(text, last, [*blank, *lines])


def fill(text: Text, section: Section, lines: Sequence[str]) -> Text:
    """Lines in a section that may be empty: then a blank line stays above them, and one comes below."""
    if last_line(text, section) >= section.start or section.start >= section.stop:
        return append_lines(text, section, lines)
    return insert(text, section.start, [*lines, ""] if section.stop - section.start == 1 else lines)


def last_line(text: Text, section: Section) -> int:
    """The last line of a section that is not blank; its heading when there is none."""
    number = section.stop - 1
    while number >= section.start and text.kind(number) is Kind.BLANK:
        number -= 1
    return number


def end_of_item(text: Text, line: int) -> int:
    """The last line of the top-level item that starts in `line`, notes and nested items included."""
    number = line
    while number < text.count and text.scan.owners[number] == line:
        number += 1
    while text.kind(number) is Kind.BLANK:
        number -= 1
    return number


def set_field(text: Text, key: str, value: str) -> Text:
    """The metadata of that name with another value, in place; a new bold field when there is none."""
    clean = one_line(value)
    if (text.field(key) or text.front.get(fields.name(key))) and text.word(key) == clean:
        return text
    bold, front = text.field(key), text.front.get(fields.name(key))
    if front:
        text = replace(text, {front.line: _yaml_line(text, front.line, clean)})
    if bold:
        text = replace(text, {bold.line: fields.replaced(text.line(bold.line), clean)})
    if not bold and not front:
        text = _add_field(text, f"**{key}**: {clean}")
    if text.word(key) != clean:
        line = (bold or front or fields.Field(key, "", text.count)).line
        raise text.error(line, f"`{key}` cannot be set to `{clean}` here", hint=f"write the line `**{key}**: {clean}`")
    return text


def refuse_unclosed(text: Text) -> None:
    """Refuse to add anything behind a fence or a comment that never ends: it would be inside."""
    if text.scan.unclosed:
        raise text.error(
            text.scan.unclosed,
            f"this {text.kind(text.scan.unclosed).value} is never closed, so nothing can be added below it",
            hint="close it",
        )


def closed(text: Text) -> str:
    """The document as something else can follow it: a fence or comment that it leaves open ends where it does."""
    said = text.render().decode("utf-8").removeprefix(text.bom).rstrip("\n")
    if not text.scan.unclosed:
        return f"{said}\n"
    fence = _FENCE.match(text.line(text.scan.unclosed))
    # Without one it is a comment, or stands in a list, which ends with the next heading.
    end = fence[1] if fence else "-->" if text.kind(text.scan.unclosed) is Kind.HTML else ""
    return f"{said}\n{end}\n"


def _add_field(text: Text, line: str) -> Text:
    if text.bold:
        return insert(text, text.bold[-1].line, [line])
    title = text.title
    if title:
        return insert(text, title.line, ["", line])
    return insert(text, text.scan.kinds.count(Kind.META), [line, ""])


def _yaml_line(text: Text, number: int, value: str) -> str:
    found = _YAML_LINE.match(text.line(number))
    if not found:
        raise DocumentError(
            text.path,
            number,
            "a value that cannot be changed in place",
            hint="write it as one line, `key: value`",
        )
    return f"{found.group(1)} {json.dumps(value, ensure_ascii=False)}"


def _crlf(text: Text) -> bool:
    """Whether most lines end in CRLF."""
    ends = sum(line.endswith("\r") for line in text.lines[:-1])
    return ends * 2 > len(text.lines) - 1
