"""What a request costs: an estimate of its tokens, and how many of them the prompt cache has.

Three bytes are a token. A breakpoint of the cache makes everything before it a prefix; a prefix that this server has
seen is read, another is written. Neither age nor the least size of a prefix counts.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.testing.request import Json, Request, blocks, breakpoints, canonical, digest

_REMEMBERED = 100_000  # prefixes


@dataclass(frozen=True)
class Piece:
    """A part of a prompt: its tokens, the hash of all up to here, and how long the breakpoint here keeps it, if any."""

    tokens: int
    prefix: str
    ttl: str


@dataclass(frozen=True)
class Input:
    """The input side of usage."""

    plain: int
    read: int
    written: Mapping[str, int]
    prefixes: tuple[str, ...]

    @property
    def total(self) -> int:
        """All input tokens."""
        return self.plain + self.read + sum(self.written.values())

    def usage(self, output: int, thinking: int) -> Json:
        """Usage as the API shows it."""
        return {
            "input_tokens": self.plain,
            "cache_creation_input_tokens": sum(self.written.values()),
            "cache_read_input_tokens": self.read,
            "cache_creation": {f"ephemeral_{ttl}_input_tokens": self.written.get(ttl, 0) for ttl in ("5m", "1h")},
            "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": thinking},
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": "not_available",
        }


@dataclass
class Cache:
    """The prefixes that were seen; safe to use from many threads."""

    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, request: Request) -> Input:
        """What a request's input costs now."""
        pieces = _pieces(request)
        last = max((number for number, piece in enumerate(pieces, 1) if piece.ttl), default=0)
        with self._lock:
            known = max((number for number in range(1, last + 1) if pieces[number - 1].prefix in self._seen), default=0)
        return Input(
            plain=sum(piece.tokens for piece in pieces[last:]),
            read=sum(piece.tokens for piece in pieces[:known]),
            written=_written(pieces[known:last]),
            prefixes=tuple(piece.prefix for piece in pieces if piece.ttl),
        )

    def keep(self, counted: Input) -> None:
        """Remember the prefixes of a request that was served."""
        with self._lock:
            for prefix in counted.prefixes:
                self._seen[prefix] = None
                self._seen.move_to_end(prefix)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def tokens(text: str) -> int:
    """The tokens of a text, by estimate."""
    return -(-len(text.encode()) // 3)


def _pieces(request: Request) -> tuple[Piece, ...]:
    """The prompt as the cache sees it: tools, then the system prompt, then the messages."""
    parts: list[Any] = [*(request.body.get("tools") or ()), *blocks(request.body.get("system") or ())]
    roles = [""] * len(parts)
    for message in request.body["messages"]:
        said = blocks(message["content"])
        parts += said
        roles += [message["role"]] * len(said)
    top = request.body.get("cache_control")
    prefix, found = request.model, list[Piece]()
    for number, (part, role) in enumerate(zip(parts, roles, strict=True), 1):
        points = [*breakpoints(part), *([top] if top and number == len(parts) else [])]
        prefix = digest([prefix, role, part])
        found.append(Piece(_size(part), prefix, points[-1].get("ttl", "5m") if points else ""))
    return tuple(found)


def _size(part: Json) -> int:
    return tokens(part["text"] if part.get("type") == "text" else canonical(part))


def _written(pieces: Sequence[Piece]) -> dict[str, int]:
    """The tokens written, by how long the breakpoint that ends them keeps them."""
    found: dict[str, int] = {}
    waiting = 0
    for piece in pieces:
        waiting += piece.tokens
        if piece.ttl:
            found[piece.ttl] = found.get(piece.ttl, 0) + waiting
            waiting = 0
    return found
