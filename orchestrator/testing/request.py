"""A request as scripts and checks see it: its turns and texts, and what identifies the conversation."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one side said, until the other side spoke; `at` is the index of its first message."""

    role: str
    at: int
    blocks: tuple[Json, ...]

    def of(self, kind: str) -> tuple[Json, ...]:
        """The blocks of one type."""
        return tuple(block for block in self.blocks if block["type"] == kind)

    @property
    def text(self) -> str:
        """What its text blocks say."""
        return "\n".join(block["text"] for block in self.of("text"))


@dataclass(frozen=True)
class Request:
    """A request for a message whose shape is in order."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model it names."""
        return str(self.body["model"])

    @property
    def stream(self) -> bool:
        """Whether it asks for a stream of events."""
        return bool(self.body.get("stream"))

    @cached_property
    def system(self) -> str:
        """The system prompt."""
        return "\n".join(block["text"] for block in blocks(self.body.get("system") or ()))

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools it offers."""
        return tuple(tool["name"] for tool in self.body.get("tools") or () if "name" in tool)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation; messages of one role that follow each other are one turn."""
        return turns(self.body["messages"])

    @cached_property
    def newest(self) -> str:
        """The newest text of the user."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user" and turn.of("text")), "")

    @cached_property
    def results(self) -> tuple[Json, ...]:
        """The tool results it ends with."""
        return self.turns[-1].of("tool_result")

    @cached_property
    def digest(self) -> str:
        """The same for a request that is sent again, different for any other."""
        return digest({name: value for name, value in self.body.items() if name != "stream"})

    def before(self, turn: int) -> str:
        """What identifies everything the model was given before a turn; its own thinking does not count."""
        return self._prefixes[turn]

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        found = [digest([blocks(self.body.get("system") or ()), self.body.get("tools") or ()])]
        for turn in self.turns:
            found.append(digest([found[-1], turn.role, [block for block in turn.blocks if not is_thinking(block)]]))
        return tuple(found)


def blocks(content: str | Sequence[Json]) -> tuple[Json, ...]:
    """Content as blocks: a string is short for one text."""
    return ({"type": "text", "text": content},) if isinstance(content, str) else tuple(content)


def is_thinking(block: Json) -> bool:
    """Whether a block holds thoughts."""
    return block["type"] in {"thinking", "redacted_thinking"}


def turns(messages: Sequence[Json]) -> tuple[Turn, ...]:
    """The turns that messages make."""
    found: list[Turn] = []
    for at, message in enumerate(messages):
        said = blocks(message["content"])
        if found and found[-1].role == message["role"]:
            last = found.pop()
            found.append(Turn(last.role, last.at, (*last.blocks, *said)))
        else:
            found.append(Turn(message["role"], at, said))
    return tuple(found)


def digest(value: object) -> str:
    """A hash of JSON; cache breakpoints and nulls do not count, as they change nothing the model sees."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON in one spelling, without cache breakpoints and nulls."""
    return json.dumps(_bare(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _bare(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _bare(inner) for name, inner in value.items() if name != "cache_control" and inner is not None}
    if isinstance(value, list | tuple):
        return [_bare(inner) for inner in value]
    return value


def breakpoints(value: object) -> Iterator[Any]:
    """Every `cache_control` in a piece of a request, in the order it stands."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "cache_control":
                yield from [] if inner is None else [inner]
            elif name not in {"input", "input_schema"}:
                yield from breakpoints(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from breakpoints(inner)
