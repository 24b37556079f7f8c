"""A message of the API, made of a script's reply; the same request gets the same message, with the same ids."""

from orchestrator.testing.models import MODELS
from orchestrator.testing.request import Json, Request, is_thinking
from orchestrator.testing.script import Block, Reply, Structured, Text, Thinking, ToolUse
from orchestrator.testing.signing import Seal, letters
from orchestrator.testing.usage import Input, tokens


def compose(request: Request, reply: Reply, counted: Input, seal: Seal) -> Json:
    """The message that a reply is, for this request."""
    parts = [part for part in reply.parts if not isinstance(part, Thinking) or _thinks(request)]
    # No room for output is how a client fills the cache, without an answer.
    if request.body["max_tokens"] == 0:
        parts = []
    content = _content(request, parts, seal)
    thinking = sum(tokens(part.text) for part in parts if isinstance(part, Thinking))
    output = thinking + sum(_size(part) for part in parts if not isinstance(part, Thinking))
    return {
        "id": "msg_01" + letters(request.digest, 22),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": reply.stop_reason or _stop_reason(content),
        "stop_sequence": None,
        "stop_details": dict(reply.stop_details) if reply.stop_details else None,
        "usage": {**counted.usage(max(output, 1), thinking), **reply.usage},
    }


def call(request: Request, name: str, given: object, place: int, thoughts: list[Json], seal: Seal) -> Json:
    """A call of a tool, with the id that a call in this place has."""
    identity = seal.tool_id(request.digest, place, thoughts)
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def _content(request: Request, parts: list[Block], seal: Seal) -> list[Json]:
    """The blocks; thoughts first get their signatures, as the calls' ids depend on them."""
    after = _last_signature(request)
    signed: dict[int, Json] = {}
    for place, part in enumerate(parts):
        if isinstance(part, Thinking):
            text = part.text if _shows(request) else ""
            after = seal.sign(request.model, request.before(len(request.turns)), after, text)
            signed[place] = {"type": "thinking", "thinking": text, "signature": after}
    thoughts = list(signed.values())
    return [signed.get(place) or _block(request, part, place, thoughts, seal) for place, part in enumerate(parts)]


def _block(request: Request, part: Block, place: int, thoughts: list[Json], seal: Seal) -> Json:
    if isinstance(part, ToolUse):
        return call(request, part.name, dict(part.input), place, thoughts, seal)
    return {"type": "text", "text": part.text, "citations": None}


def _size(part: Block) -> int:
    return tokens(part.text if isinstance(part, Text | Structured | Thinking) else f"{part.name}{part.input}")


def _last_signature(request: Request) -> str:
    blocks = (block for turn in reversed(request.turns) for block in reversed(turn.blocks) if is_thinking(block))
    return str(next(blocks, {}).get("signature", ""))


def _thinks(request: Request) -> bool:
    return MODELS[request.model].thinks_with(request.body.get("thinking"))


def _shows(request: Request) -> bool:
    display = (request.body.get("thinking") or {}).get("display")
    return display == "summarized" if display else MODELS[request.model].shows


def _stop_reason(content: list[Json]) -> str:
    return "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"
