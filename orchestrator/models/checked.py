"""Believing nothing: what a stream delivered becomes a reply only when every part of it is what the API promises."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from orchestrator.models.call import Block, Reply, Stop, Usage

_LARGEST = 1 << 40  # tokens: more is no count


class BrokenReplyError(Exception):
    """What came back is no reply: a cut stream, a page of a proxy, a schema of another service."""


class Order:
    """Watches the events of one stream: one start, blocks one after another, one stop, nothing after it.

    Attributes:
        garbled: places of the blocks whose input was no JSON object: the SDK makes of half a document what it can.
    """

    def __init__(self) -> None:
        self.garbled: set[int] = set()
        self._input = ""
        self._started = self._stopped = False
        self._open: int | None = None
        self._blocks = 0

    def take(self, kind: object, index: object) -> None:
        """Take the next event.

        Raises:
            BrokenReplyError: it cannot stand here.
        """
        if self._stopped or (not self._started and kind != "message_start"):
            raise BrokenReplyError(f"the stream has {kind} where it cannot stand")
        steps: Mapping[object, Callable[[object], bool]] = {
            "message_start": self._start,
            "content_block_start": self._block,
            "content_block_delta": lambda at: at == self._open,
            "content_block_stop": self._end,
            "message_stop": self._stop,
        }
        if kind in steps and not steps[kind](index):
            raise BrokenReplyError(f"the stream has a {kind} out of order")

    def hear(self, piece: str) -> None:
        """Take a piece of the open block's input, as JSON."""
        self._input += piece

    def finish(self) -> None:
        """Check that the stream came to its end.

        Raises:
            BrokenReplyError: it was cut.
        """
        if not self._stopped:
            raise BrokenReplyError("the stream ended before the message did")

    def _start(self, _index: object) -> bool:
        first, self._started = not self._started, True
        return first

    def _block(self, index: object) -> bool:
        fits = self._open is None and index == self._blocks
        self._open, self._blocks, self._input = self._blocks, self._blocks + 1, ""
        return fits

    def _end(self, index: object) -> bool:
        fits = index == self._open
        if self._open is not None and self._input and not _is_object(self._input):
            self.garbled.add(self._open)
        self._open = None
        return fits

    def _stop(self, _index: object) -> bool:
        self._stopped = True
        return self._open is None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def reply(message: Mapping[str, Any], request: str, garbled: Collection[int] = ()) -> Reply:
    """Return the message, as JSON has it, as a reply; `garbled` are the places of blocks whose input was no object.

    Raises:
        BrokenReplyError: it is none.
    """
    if message.get("type") != "message" or message.get("role") != "assistant":
        raise BrokenReplyError("what came back is no message of the model's")
    stop = message.get("stop_reason")
    if stop not in set(Stop):
        raise BrokenReplyError(f"the message stops for an unknown reason: {stop!r:.80}")
    content = message.get("content")
    if not isinstance(content, Sequence) or isinstance(content, str):
        raise BrokenReplyError("the message has no list of blocks")
    blocks = [_block(block) for block in content]
    _refuse_twins([block["id"] for block in blocks if block["type"] == "tool_use"])
    details = message.get("stop_details")
    why = str(details.get("explanation") or details.get("category") or "") if isinstance(details, Mapping) else ""
    ids = frozenset(str(block["id"]) for place, block in enumerate(blocks) if place in garbled and "id" in block)
    model = str(message.get("model") or "")
    return Reply(model, blocks, Stop(stop), usage(message.get("usage")), request, why, ids)


_FIELDS: Mapping[str, Mapping[str, type]] = {
    "text": {"text": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
}


def _block(block: object) -> Block:
    if not isinstance(block, Mapping) or block.get("type") not in _FIELDS:
        kind = block.get("type") if isinstance(block, Mapping) else type(block).__name__
        raise BrokenReplyError(f"the message has a block of an unknown kind: {kind!r:.80}")
    for name, kind in _FIELDS[block["type"]].items():
        if not isinstance(block.get(name), kind):
            raise BrokenReplyError(f"a {block['type']} block has no sound {name}")
    return block


def _refuse_twins(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        raise BrokenReplyError("two uses of tools bear one id")


def usage(found: object) -> Usage | None:
    """Return the figures; None where they are missing or are no counts."""
    if not isinstance(found, Mapping):
        return None
    details = found.get("output_tokens_details")
    thinking = details.get("thinking_tokens") if isinstance(details, Mapping) else 0
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    numbers = [found.get(name) or 0 for name in names] + [thinking or 0]
    known = all(isinstance(found.get(name), int) for name in ("input_tokens", "output_tokens"))
    if not known or not all(isinstance(number, int) and 0 <= number < _LARGEST for number in numbers):
        return None
    return Usage(*numbers)
