"""Front matter: YAML taken as text. Loaded only for a document that has front matter.

The events of YAML's parser are read one by one, so nothing recurses, nothing is expanded and nothing is
retyped: `no`, `1:30`, `007` and a digits-only commit id stay the strings they were written as.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import yaml
from frontmatter.default_handlers import SafeLoader, YAMLHandler

from orchestrator.documents.fields import Field, Value, name
from orchestrator.documents.source import shown
from orchestrator.errors import DocumentError

MAX_CHARS: Final = 1 << 16
MAX_DEPTH: Final = 8
MAX_EVENTS: Final = 10_000

# What YAML cannot hold, and what it alone would take for the end of a line.
_UNPRINTABLE: Final = re.compile(
    "\r(?!\n)|[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # PyYAML's own parser makes one of "\\ud800", its C library refuses


class StrictHandler(YAMLHandler):
    """python-frontmatter's YAML handler with a loader that refuses what a person cannot have meant."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def load(self, fm: str, **_kwargs: object) -> dict[str, Field]:
        """The fields by folded key. `fm` starts with the line after the opening `---`."""
        return _Gate(self.path, fm).fields()


class _Gate:
    """One block of YAML on its way in."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self.breaks = [found.start() for found in re.finditer("\n", source)]
        self.found: dict[str, Field] = {}

    def fields(self) -> dict[str, Field]:
        self._refuse_characters()
        events = self._events()
        root = next(events, None)
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingStartEvent):
            self._refuse(_at(root), "front matter is not a list of `key: value` lines")
        self._read(events)
        return self.found

    def _read(self, events: Iterator[yaml.Event]) -> None:
        """The root's pairs; open collections wait on a stack."""
        stack: list[_Open] = [_Open({})]
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._put(stack, event, event.value)
            elif isinstance(event, yaml.CollectionStartEvent):
                inner: Value = {} if isinstance(event, yaml.MappingStartEvent) else []
                self._put(stack, event, inner)
                stack.append(_Open(inner))
                if len(stack) > MAX_DEPTH:
                    self._refuse(_at(event), f"front matter nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()

    def _put(self, stack: "list[_Open]", event: yaml.Event, value: Value) -> None:
        top = stack[-1]
        at = _at(event)
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            top.key = self._key(stack, at, value)
        elif isinstance(top.value, dict):
            top.value[top.key] = value
            if len(stack) == 1:
                self.found[name(top.key)] = Field(top.key, value, top.line)
            top.key = None

    def _key(self, stack: "list[_Open]", at: int, value: Value) -> str:
        top = stack[-1]
        if not isinstance(value, str):
            self._refuse(at, "a list or mapping as a key in front matter")
        twice = value in top.seen or (len(stack) == 1 and name(value) in self.found)
        if twice:
            self._refuse(at, f"the key `{shown(value)}` stands twice in front matter", "keep one of the two")
        top.seen.add(value)
        top.line = self._line(at)
        return value

    def _events(self) -> Iterator[yaml.Event]:
        """The events between the one document's start and its end, each one checked."""
        documents, at = 0, 0
        try:
            for count, event in enumerate(yaml.parse(self.source, Loader=SafeLoader)):
                at = _at(event)
                if count > MAX_EVENTS:
                    self._refuse(at, f"front matter with more than {MAX_EVENTS:,} parts")
                documents += isinstance(event, yaml.DocumentStartEvent)
                self._refuse_extras(event, documents)
                if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                    yield event
        except yaml.MarkedYAMLError as error:
            self._refuse(self._blamed(error), f"front matter is not valid YAML: {error.problem}")
        except (ValueError, OverflowError):  # PyYAML's own parser, where it was installed without its C library
            at = max(at, self.source.find("\\U", at))
            self._refuse(at, "a number in front matter that stands for nothing", "take `%` and `\\U` out")

    def _refuse_extras(self, event: Any, documents: int) -> None:
        at = _at(event)
        if getattr(event, "anchor", None) is not None:
            self._refuse(at, "a YAML anchor or alias in front matter", "write the value out")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            self._refuse(at, "a YAML tag in front matter", "delete the tag: every value is read as text")
        if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            self._refuse(at, "a YAML directive in front matter", "delete the line that starts with %")
        if documents > 1:
            self._refuse(at, "a second YAML document in front matter", "keep one block of keys")
        if isinstance(event, yaml.ScalarEvent) and _SURROGATE.search(event.value):
            self._refuse(at, "half of a character pair in front matter", "write the character itself")

    def _refuse_characters(self) -> None:
        if len(self.source) > MAX_CHARS:
            self._refuse(MAX_CHARS, "front matter larger than 64 KiB", "move the content below the front matter")
        found = _UNPRINTABLE.search(self.source)
        if found:
            self._refuse(
                found.start(),
                f"the character U+{ord(found.group()):04X} in front matter",
                "delete it: YAML would take it for the end of a line, or cannot hold it at all",
            )

    def _blamed(self, error: yaml.MarkedYAMLError) -> int:
        """Where the mistake is: what was opened and never closed is no fault of the last line."""
        last = max(len(self.source) - 1, 0)
        mark = error.problem_mark
        if error.context_mark and (mark is None or mark.index > last):
            mark = error.context_mark
        return min(mark.index, last) if mark else 0

    def _line(self, index: int) -> int:
        """The file's line; counted by index, for YAML's own count knows other line ends."""
        return bisect_right(self.breaks, index - 1) + 2

    def _refuse(self, index: int, what: str, hint: str = "write plain `key: value` lines") -> NoReturn:
        raise DocumentError(self.path, self._line(index), what, hint=hint)


def _at(event: yaml.Event) -> int:
    """Where an event starts; every parsed event has a mark."""
    return event.start_mark.index if event.start_mark else 0


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("key", "line", "seen", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self.key: str | None = None
        self.line = 0
        self.seen: set[str] = set()
