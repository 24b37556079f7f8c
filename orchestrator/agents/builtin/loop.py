"""The loop: ask, carry out, write down, again. Every step starts from the records and ends with one more of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator import render
from orchestrator.agents.builtin import tools
from orchestrator.agents.builtin.files import digest
from orchestrator.agents.builtin.finish import RESULT, problems
from orchestrator.agents.builtin.folder import RefusedError
from orchestrator.agents.builtin.journal import Journal
from orchestrator.agents.builtin.talk import Talk, of_reply
from orchestrator.agents.builtin.watch import Watch
from orchestrator.agents.protocol import Assignment, Transcript
from orchestrator.failure import Failure
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Block, Call, CallError, Reply, Stop

SYSTEM = "prompts/worker-system.md.j2"
_DEADLINE = 600.0  # seconds of one call
_FULL = 0.75  # of the context's tokens: then a fresh one starts
_CONTEXTS = 8
_REPAIRS = 1
_CUTS = 3
_ERRORS = 12
_WARNED = 2
_REPEATS = 4
_TOO_LONG = "prompt is too long"
NO_NOTE = "(there is no note: look at the worktree)"
_MAYBE = (
    "The program was stopped while this ran: it may have happened, in whole or in part, or not at all. It was not run "
    "again. Look at what is there before you go on."
)
_CUT = "The answer with this call was cut off, so it was not carried out. Go on in smaller pieces."
_GARBLED = "The call's input was no JSON object, so it was not carried out."


@dataclass(frozen=True)
class Mind:
    """Who is asked, and how much they can take.

    Attributes:
        asking: puts the questions.
        model: the model's id.
        effort: how hard it tries; empty for its default.
        context: tokens of one conversation.
        turns: replies that one attempt may take.
        most: tokens of one reply.
    """

    asking: Asking
    model: str
    effort: str
    context: int
    turns: int
    most: int


@dataclass(frozen=True)
class Outcome:
    """How the loop ended; `result` is the structured result's input where there is one."""

    failure: Failure | None
    detail: str
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Loop:
    """One attempt's turns.

    Attributes:
        assignment: what is to be done.
        mind: who is asked.
        shop: what the tools work with.
        journal: where turns are written down.
        talk: what they add up to.
        watch: when it has to end.
        transcript: who listens.
    """

    assignment: Assignment
    mind: Mind
    shop: tools.Workshop
    journal: Journal
    talk: Talk
    watch: Watch
    transcript: Transcript

    def run(self) -> Outcome:
        """Take turns until the work has ended, well or not."""
        while True:
            outcome = self._step()
            if outcome is not None:
                return outcome

    def note(self, kind: str, **facts: object) -> None:
        """Write down what happened; only then does it count."""
        record = {"kind": kind, "seconds": round(self.watch.seconds, 3), **facts}
        self.journal.add(record)
        self.talk.take(record)
        self.watch.heard()

    def _step(self) -> Outcome | None:
        talk = self.talk
        if talk.end:
            return ended(talk.end)
        if self.watch.why:
            return Outcome(*self.watch.why)
        if talk.pending:
            self._use(next(iter(talk.pending.values())))
        elif why := self._stuck():
            self.note("end", failure=Failure.DETERMINISTIC.value, detail=why)
        elif talk.last is not None:
            self._reply_to(talk.last)
        elif talk.repeats >= _WARNED and not talk.warned:
            self._tell("repeated", warning=True)
        elif talk.context >= self.mind.context * _FULL:
            return self._hand_over()
        else:
            return self._ask()
        return None

    def _stuck(self) -> str:
        """Return why it makes no sense to go on, or an empty string."""
        talk = self.talk
        if talk.repairs > _REPAIRS:
            return f"{self.assignment.result_path.name}: {talk.repairs} times there was no result, or a wrong one"
        if talk.turns >= self.mind.turns:
            return f"not done after {talk.turns} turns"
        if talk.contexts > _CONTEXTS:
            return f"not done after {_CONTEXTS} conversations that were full"
        if talk.cuts >= _CUTS:
            return f"{talk.cuts} answers in a row were longer than an answer may be"
        if talk.errors >= _ERRORS:
            return f"{talk.errors} calls of tools in a row failed"
        return "it repeats the same calls, which bring the same answers" if talk.repeats >= _REPEATS else ""

    def _ask(self) -> Outcome | None:
        try:
            reply = self._send(self._call(self.talk.asked()), str(self.talk.turns + 1))
        except CallError as error:
            return self._failed(error)
        if not self.talk.ids.isdisjoint(use["id"] for use in reply.uses):
            # Taken down, it would make every further request one that is refused.
            return Outcome(Failure.TRANSIENT, "the id of an earlier use of a tool came back a second time")
        self.note("reply", **of_reply(reply))
        self._show(reply)
        return None

    def _call(self, messages: Sequence[Mapping[str, Any]]) -> Call:
        mind = self.mind
        return Call(
            model=mind.model,
            system=render.text(SYSTEM, {}),
            messages=messages,
            tools=tools.OFFER,
            effort=mind.effort,
            most=mind.most,
            deadline=min(_DEADLINE, self.watch.left),
        )

    def _send(self, call: Call, step: str, *, closing: bool = False) -> Reply:
        purpose = Purpose("worker", self.assignment.task, self.assignment.attempt, step, closing=closing)
        return self.mind.asking.ask(call, purpose, self.watch.ending)

    def _failed(self, error: CallError) -> Outcome | None:
        if self.watch.why:
            return Outcome(*self.watch.why)
        if _TOO_LONG in error.said and len(self.talk.messages) > 1:
            self.note("handoff", note=NO_NOTE, usage=None, micros=0)
            return None
        return Outcome(error.failure, error.said)

    def _show(self, reply: Reply) -> None:
        usage, talk = self.talk.usage, self.talk
        uses = [use["name"] for use in reply.uses]
        facts = {"turn": talk.turns, "tools": uses, "tokens": usage.total, "micros": talk.micros}
        self.transcript("turn", {**facts, "text": reply.text[:200]})

    def _reply_to(self, last: Mapping[str, Any]) -> None:
        """Do what a reply without uses of tools calls for."""
        match Stop(last["stop"]):
            case Stop.REFUSAL:
                why = f"the model refuses: {last['why'] or 'it does not say why'}"
                self.note("end", failure=Failure.DETERMINISTIC.value, detail=why)
            case Stop.CONTEXT:
                self.note("handoff", note=NO_NOTE, usage=None, micros=0)
            case Stop.LENGTH:
                self._tell("cut")
            case Stop.PAUSE:
                self._tell("paused")
            case _ if self.talk.repairs == _REPAIRS:
                said = "".join(block["text"] for block in last["blocks"] if block["type"] == "text")
                why = f"it ended without a result, twice; its last words:\n{said}"
                self.note("end", failure=Failure.DETERMINISTIC.value, detail=why)
            case _:
                self._tell("no result", repair=True)

    def _tell(self, what: str, **facts: object) -> None:
        text = render.text("prompts/worker-told.md.j2", {"what": what}).strip()
        self.note("told", text=text, **facts)

    def _hand_over(self) -> Outcome | None:
        """Have a note written, and start a fresh conversation with it."""
        *before, last = self.talk.messages
        asked = {"type": "text", "text": render.text("prompts/worker-note.md.j2", {})}
        messages = [*before, {**last, "content": [*last["content"], asked]}]
        try:
            reply = self._send(self._call(messages), f"{self.talk.turns + 1} note", closing=True)
        except CallError as error:
            return self._failed(error)
        facts = of_reply(reply)
        self.note("handoff", note=reply.text or NO_NOTE, usage=facts["usage"], micros=reply.micros)
        self.transcript("handoff", {"turn": self.talk.turns, "text": reply.text[:200]})
        return None

    def _use(self, use: Block) -> None:
        """Answer one use of a tool."""
        last = self.talk.last or {}
        if last.get("stop") == Stop.LENGTH:
            self._answer(use, tools.Said(_CUT, error=True))
        elif use["id"] in last.get("garbled", ()):
            self._answer(use, tools.Said(_GARBLED, error=True))
        elif use["name"] == RESULT:
            self._finish(use)
        elif wrong := tools.problem(use["name"], use["input"]):
            self._answer(use, tools.Said(wrong, error=True))
        elif use["id"] in self.talk.begun:
            self._after_kill(use)
        else:
            self._begin(use)
            self._carry_out(use)

    def _answer(self, use: Block, said: tools.Said, **facts: object) -> None:
        self.note("result", id=use["id"], text=said.text, error=said.error, **facts)

    def _begin(self, use: Block) -> None:
        """Write down that a use is about to be carried out, and how one knows afterwards that it was."""
        facts = {}
        if use["name"] == tools.EDIT.name:
            try:
                facts["makes"] = digest(tools.planned(self.shop.folder, use["input"]))
            except RefusedError:
                facts["makes"] = ""
        self.note("began", id=use["id"], name=use["name"], **facts)
        self.transcript("tool", {"turn": self.talk.turns, "tool": use["name"]})

    def _carry_out(self, use: Block) -> None:
        self._answer(use, tools.use(self.shop, use["name"], use["input"]), ran=True)

    def _after_kill(self, use: Block) -> None:
        """Answer a use that was begun in a process that was killed: it may have been carried out."""
        makes = self.talk.begun[use["id"]].get("makes")
        if not tools.TOOLS[use["name"]].again:
            self._answer(use, tools.Said(_MAYBE, error=True), ran=True)
        elif makes and self._holds(use["input"]["path"], makes):
            self._answer(use, tools.Said(f"changed {use['input']['path']}"), ran=True)
        else:
            self._carry_out(use)

    def _holds(self, path: str, makes: str) -> bool:
        try:
            return digest(self.shop.folder.read(path)) == makes
        except RefusedError:
            return False

    def _finish(self, use: Block) -> None:
        """Take the structured result, or say once what is wrong with it."""
        wrong = problems(use["input"])
        if not wrong and use["input"]["status"] == "complete" and not self.talk.used:
            wrong = ["nothing was done: no tool was used"]
        if not wrong:
            self.note("end", failure=None, detail="", result=use["input"])
        elif self.talk.repairs < _REPAIRS:
            self._answer(use, tools.Said("not taken: " + "; ".join(wrong), error=True), repair=True)
        else:
            name = self.assignment.result_path.name
            detail = f"{name}: the result was not taken, twice: {'; '.join(wrong)}"
            self.note("end", failure=Failure.DETERMINISTIC.value, detail=detail)


def ended(record: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a record of the end says."""
    failure = Failure(record["failure"]) if record["failure"] else None
    return Outcome(failure, record["detail"], record.get("result"))
