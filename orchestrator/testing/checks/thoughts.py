"""Thinking that comes back: unchanged, complete within a tool loop, and in the conversation it was thought in."""

from orchestrator.testing.models import Model
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Request, Turn, is_thinking
from orchestrator.testing.signing import Seal, Thought, short

_CHANGED = (
    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
    "These blocks must remain as they were in the original response."
)


def check(request: Request, model: Model, seal: Seal) -> None:
    """Refuse thoughts that were changed, moved or left out."""
    begin = _loop(request) if model.thinks_with(request.body.get("thinking")) else len(request.turns)
    before = ""
    for number, turn in enumerate(request.turns):
        for place, block in enumerate(turn.blocks):
            if block["type"] == "thinking":
                where = f"messages.{turn.at}.content.{place}"
                thought = _read(seal, block["signature"], block["thinking"], where)
                if model.bound and thought.model == model.id:
                    _check_place(thought, request.before(number), before, where)
                before = block["signature"]
        if number >= begin:
            _check_whole(turn, seal)


def _loop(request: Request) -> int:
    """The turn the tool loop begins with, in which thoughts may not be left out."""
    spoken = [number for number, turn in enumerate(request.turns) if turn.role == "user" and not turn.of("tool_result")]
    return max(spoken, default=0)


def _read(seal: Seal, signature: str, text: str, where: str) -> Thought:
    thought = seal.read(signature)
    if thought is None:
        raise RefusalError(f"{where}: Invalid `signature` in `thinking` block")
    if thought.text != short(text):
        raise RefusalError(f"{where}: {_CHANGED}")
    return thought


def _check_place(thought: Thought, prefix: str, before: str, where: str) -> None:
    # Who takes away all thoughts from the start of a conversation may keep the later ones.
    moved = bool(before) and thought.after != short(before)
    if moved or thought.prefix != prefix[:16]:
        raise RefusalError(
            f"{where}: Invalid `signature` in `thinking` block. The block is bound to a different conversation: "
            "system, tools and all earlier messages have to stay as they were."
        )


def _check_whole(turn: Turn, seal: Seal) -> None:
    thoughts = [block for block in turn.blocks if is_thinking(block)]
    for block in turn.of("tool_use"):
        if seal.is_ours(block["id"]) and not seal.goes_with(block["id"], thoughts):
            first = turn.blocks[0]["type"]
            raise RefusalError(
                f"messages.{turn.at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. "
                "The thinking blocks of a turn that calls tools have to come back with it."
            )
