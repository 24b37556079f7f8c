"""What the fake says: rules that a test writes, and the one reply that fits a request.

A reply is found in the conversation alone, never by counting requests: one that is sent again gets the same reply.
The newest marker decides, since a conversation that was resumed holds old ones, and the assistant's turns since then
say which of the rule's turns is next.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.testing.fault import Trouble
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Request


@dataclass(frozen=True)
class Text:
    """Words for the user."""

    text: str


@dataclass(frozen=True)
class Thinking:
    """Thoughts. They are signed, and have to come back as they are; a model that does not think leaves them out."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """A call of a tool."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Structured:
    """A value as JSON text, which is how structured output comes."""

    value: Any

    @property
    def text(self) -> str:
        """The JSON."""
        return json.dumps(self.value, ensure_ascii=False)


Block = Text | Thinking | ToolUse | Structured


@dataclass(frozen=True)
class Reply:
    """One assistant turn.

    Attributes:
        blocks: what it says; a string is short for `Text`, and one block needs no list.
        stop_reason: why it stops; left out, "tool_use" after a call and "end_turn" otherwise.
        stop_details: more about it, as a refusal has.
        usage: figures that differ from the estimate, by their names in the API.
        delay: seconds before the answer begins.
        pace: seconds between the events of a stream.
        trouble: what goes wrong, and how often before it goes right.
    """

    blocks: str | Block | Sequence[str | Block] = ()
    stop_reason: str = ""
    stop_details: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    pace: float = 0.0
    trouble: Trouble | None = None

    @property
    def parts(self) -> tuple[Block, ...]:
        """The blocks, each as one."""
        given = [self.blocks] if isinstance(self.blocks, str | Block) else self.blocks
        return tuple(Text(block) if isinstance(block, str) else block for block in given)


Answering = Reply | Callable[[Request], Reply]


@dataclass(frozen=True)
class Rule:
    """What is said in one situation.

    Attributes:
        when: text to find in what the user or the system prompt says, or a predicate over the request.
        turns: the replies in their order; a function makes one from the request.
    """

    when: str | Callable[[Request], bool]
    turns: Sequence[Answering]

    def marker(self, request: Request) -> tuple[int, int] | None:
        """Where this rule's marker stands for the last time, as turn and place in it; None when it does not.

        The system prompt stands before all turns. A predicate holds for the newest text of the user.
        """
        if not isinstance(self.when, str):
            return (_newest(request), -1) if self.when(request) else None
        for number in reversed(range(len(request.turns))):
            turn = request.turns[number]
            if turn.role != "assistant" and (place := turn.text.rfind(self.when)) >= 0:
                return number, place
        return (-1, request.system.rfind(self.when)) if self.when in request.system else None


@dataclass(frozen=True)
class Script:
    """All rules; the first of equals counts.

    Attributes:
        rules: in any order.
        otherwise: the reply when no rule fits; without one, such a request is refused.
    """

    rules: Sequence[Rule] = ()
    otherwise: Answering | None = None

    def reply(self, request: Request) -> Reply:
        """The reply to a request.

        Raises:
            RefusalError: the script has none.
        """
        found = [(marker, rule) for rule in self.rules if (marker := rule.marker(request)) is not None]
        if not found:
            return _made(self.otherwise, request, "no rule fits this request")
        (turn, _), rule = max(found, key=lambda pair: pair[0])
        said = sum(past.role == "assistant" for past in request.turns[turn + 1 :])
        name = rule.when if isinstance(rule.when, str) else getattr(rule.when, "__name__", "a predicate")
        return _made(_item(rule.turns, said), request, f"the rule {name!r} has no turn {said + 1}")


def _newest(request: Request) -> int:
    spoken = (number for number, turn in enumerate(request.turns) if turn.role == "user" and turn.of("text"))
    return max(spoken, default=0)


def _item(turns: Iterable[Answering], number: int) -> Answering | None:
    return next((turn for place, turn in enumerate(turns) if place == number), None)


def _made(answering: Answering | None, request: Request, otherwise: str) -> Reply:
    if answering is None:
        raise RefusalError(f"script: {otherwise}; the newest text of the user is {request.newest[:200]!r}")
    return answering if isinstance(answering, Reply) else answering(request)
