"""What is asked of a model and what comes back, in this program's own words: nothing here knows the SDK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.budget import Usage
from orchestrator.failure import Failure

Block = Mapping[str, Any]
"""One content block as the API has it; thinking blocks are handed back unchanged."""


class Stop(StrEnum):
    """Why a model stopped. Only `END` and `TOOLS` are answers."""

    END = "end_turn"
    TOOLS = "tool_use"
    LENGTH = "max_tokens"
    SEQUENCE = "stop_sequence"
    PAUSE = "pause_turn"
    REFUSAL = "refusal"
    CONTEXT = "model_context_window_exceeded"


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        model: the model's id.
        system: the stable prefix: the same bytes for every call of a role are read from the cache.
        messages: the conversation, as the API has it.
        tools: what the model may call, as the API has it.
        schema: the JSON schema of a structured answer; None for prose or tools.
        effort: `low` to `max`; empty for the model's default.
        most: tokens that may come back.
        deadline: seconds the call may take, whatever the network does.
    """

    model: str
    system: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    schema: Mapping[str, Any] | None = None
    effort: str = ""
    most: int = 16_000
    deadline: float = 600.0


@dataclass(frozen=True)
class Reply:
    """One checked answer: its blocks are of known kinds, its stop is one of ours, its figures are whole numbers.

    Attributes:
        model: who answered.
        blocks: what was said, to be handed back unchanged.
        stop: why it ended there.
        usage: None where the API gave no figures: then the reserved maximum is charged.
        request: the API's id of the call.
        why: what the API says of a refusal.
        garbled: ids of the uses of tools whose input was no JSON object; none of it may be believed.
        micros: what it cost, in millionths of a US dollar; 0 until somebody who knows prices has said.
    """

    model: str
    blocks: Sequence[Block]
    stop: Stop
    usage: Usage | None
    request: str = ""
    why: str = ""
    garbled: frozenset[str] = frozenset()
    micros: int = 0

    @property
    def text(self) -> str:
        """What it says, without its thinking."""
        return "".join(block["text"] for block in self.blocks if block["type"] == "text")

    @property
    def uses(self) -> list[Block]:
        """The tools it wants to use."""
        return [block for block in self.blocks if block["type"] == "tool_use"]


@dataclass
class CallError(Exception):
    """A call that brought no answer.

    Attributes:
        failure: its class; what follows is decided by that alone.
        said: what went wrong, in a sentence.
        wait: seconds the API asks to wait; None where it does not say.
        usage: tokens that were spent all the same; None where that is not known.
        facts: status, type and request id, for the log.
    """

    failure: Failure
    said: str
    wait: float | None = None
    usage: Usage | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return what went wrong."""
        return self.said


__all__ = ["Block", "Call", "CallError", "Reply", "Stop", "Usage"]
