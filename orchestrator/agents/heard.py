"""What a coding agent says of its own run, in one shape for all of them: events, and the account they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.agents.protocol import DETAIL, Transcript
from orchestrator.budget import Usage
from orchestrator.failure import Failure
from orchestrator.models.prices import Prices, prices
from orchestrator.models.spent import Paid
from orchestrator.plaintext import one_line

_SHOWN = 200  # characters of what is shown of a turn


@dataclass(frozen=True)
class Began:
    """The session is open: its id, the model, the program's version; what is not said is empty."""

    session: str
    model: str = ""
    version: str = ""


@dataclass(frozen=True)
class Answered:
    """The tokens of one answer of the model. One that bears the name of an earlier one replaces it.

    Attributes:
        name: the answer's id.
        model: who gave it; empty for the session's model.
        usage: its tokens, so far where it is not `done`.
        done: whether it is over.
        micros: what the agent says that it cost; used where there is no price of the model.
    """

    name: str
    model: str
    usage: Usage
    done: bool = True
    micros: int | None = None


@dataclass(frozen=True)
class Told:
    """What all of the run took, by model: what that is beyond the single answers is added to them.

    Attributes:
        usage: tokens by model; an empty name is the session's model.
        micros: what it says that it cost; used where there is no price of the model.
    """

    usage: Mapping[str, Usage]
    micros: int | None = None


@dataclass(frozen=True)
class Said:
    """Words of the model."""

    text: str


@dataclass(frozen=True)
class Used:
    """A tool was used, or is about to be."""

    tool: str


@dataclass(frozen=True)
class Denied:
    """A use of a tool that was not allowed; `name` is its id, `what` it was to do."""

    name: str
    tool: str
    what: str = ""


@dataclass(frozen=True)
class Over:
    """The run is over, as the agent sees it.

    Attributes:
        failure: None where it says that all went well.
        said: its last words, or what went wrong.
        result: the structured result, unchecked; None where there is none.
    """

    failure: Failure | None
    said: str
    result: Mapping[str, Any] | None = None


Heard = Began | Answered | Told | Said | Used | Denied | Over


@dataclass
class Account:
    """One attempt, as its events add up.

    Attributes:
        transcript: who is told of turns as they end.
        session: the session's id; empty while it is not known.
        model: the session's model.
        said: the model's last words.
        uses: how many tools were used.
        denied: what was not allowed, by id.
        over: how the run ended; None where it has not said.
    """

    transcript: Transcript
    table: Prices = field(default_factory=prices)
    session: str = ""
    model: str = ""
    said: str = ""
    uses: int = 0
    denied: dict[str, Denied] = field(default_factory=dict)
    over: Over | None = None
    _answers: dict[str, Answered] = field(default_factory=dict)
    _told: Told = field(default_factory=lambda: Told({}))
    _tools: list[str] = field(default_factory=list)  # used since the last turn

    def take(self, event: Heard) -> None:
        """Add an event."""
        match event:
            case Began():
                self._begin(event)
            case Answered():
                self._answers[event.name] = event
                if event.done:
                    self._show()
            case Told():
                self._told = event
            case Said():
                self.said = event.text[-DETAIL:]
            case Used():
                self.uses += 1
                self._tools.append(event.tool)
                self.transcript("tool", {"tool": event.tool})
            case Denied():
                if event.name not in self.denied:
                    self.transcript("denied", {"tool": event.tool, "why": event.what})
                self.denied[event.name] = event
            case Over():
                self.over = event

    def remember(self, event: Heard) -> None:
        """Add what an earlier part of the same attempt took and did, without telling of it again."""
        if isinstance(event, Answered):
            self._answers[event.name] = event
        elif isinstance(event, Used):
            self.uses += 1

    @property
    def paid(self) -> Paid:
        """What it took, and what that costs by our own prices; where there is none, as it says itself."""
        spent = Paid()
        sums: dict[str, Usage] = {}
        for answer in self._answers.values():
            name = answer.model or self.model
            sums[name] = sums.get(name, Usage()) + answer.usage
            spent += Paid(self._cost(name, answer), answer.usage)
        for model, usage in self._told.usage.items():
            name = model or self.model
            more = usage.beyond(sums.get(name, Usage()))
            spent += Paid(self.table.cost(name, more), more)
        names = {*sums, *(model or self.model for model in self._told.usage)}
        if self._told.micros is not None and not all(map(self.table.knows, names)):
            return Paid(self._told.micros, spent.usage)
        return spent

    def refused(self) -> str:
        """Return what was not allowed, in a sentence; empty where nothing was."""
        names = [one_line(f"{denied.tool}({denied.what})", _SHOWN) for denied in self.denied.values()]
        return f"it was not allowed to use: {'; '.join(dict.fromkeys(names))}" if names else ""

    def _begin(self, event: Began) -> None:
        if event.session != self.session:
            self.transcript("session", {"session": event.session, "model": event.model, "version": event.version})
        self.session, self.model = event.session or self.session, event.model or self.model

    def _cost(self, model: str, answer: Answered) -> int:
        known = answer.micros is None or self.table.knows(model)
        return self.table.cost(model, answer.usage) if known else answer.micros or 0

    def _show(self) -> None:
        tools, self._tools = self._tools, []
        paid = self.paid
        facts: dict[str, object] = {"turn": len(self._answers), "tools": tools}
        self.transcript("turn", facts | {"tokens": paid.usage.total, "micros": paid.micros, "text": self._words()})

    def _words(self) -> str:
        return one_line(self.said, _SHOWN)


def detail(parts: Sequence[str]) -> str:
    """Return the parts that say something, one below the other."""
    return "\n".join(part for part in parts if part.strip())
