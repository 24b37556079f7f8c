"""What an attempt's records add up to: the conversation as the model has it, what is pending, what it cost so far.

Nothing is kept besides: to go on after a kill is to add the same records up again. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator import render
from orchestrator.agents.builtin.journal import Record
from orchestrator.budget import Usage
from orchestrator.models.call import Block, Reply, Stop
from orchestrator.sandbox import Level

_LEVELS = [level.value for level in Level]  # strongest first
_CACHED = {"type": "ephemeral"}
_NOTE = 20_000  # characters of a note that a fresh context reads


def of_reply(reply: Reply) -> dict[str, Any]:
    """Return a reply's part of a record."""
    return {
        "model": reply.model,
        "blocks": list(reply.blocks),
        "stop": reply.stop.value,
        "usage": vars(reply.usage) if reply.usage else None,
        "micros": reply.micros,
        "request": reply.request,
        "why": reply.why,
        "garbled": sorted(reply.garbled),
    }


@dataclass
class Talk:
    """One attempt so far.

    Attributes:
        start: the first record; empty before it.
        messages: the conversation of the context that is open now, as the API has it.
        pending: uses of tools that have no answer yet, in their order.
        ids: of all uses of tools in the context that is open.
        begun: what was recorded before a use was carried out, by its id.
        last: the last reply, until something was said to it or done about it.
        end: the record of the end; empty before it.
        turns: replies so far and fresh contexts.
        used: whether any tool was carried out.
        usage: tokens so far.
        micros: what it cost so far, in millionths of a US dollar.
        context: tokens of the conversation as of the last reply.
        contexts: how many contexts there have been.
        repairs: results that were missing or wrong.
        cuts: replies in a row that were cut for their length.
        errors: answers of tools in a row that were errors.
        repeats: how often in a row the same uses brought the same answers.
        warned: whether the model was told of that.
        sandbox: the weakest level of confinement that its commands had so far.
        seconds: how long it worked, as of the last record.
    """

    start: Record = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    pending: dict[str, Block] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    begun: dict[str, Record] = field(default_factory=dict)
    last: Record | None = None
    end: Record = field(default_factory=dict)
    turns: int = 0
    used: bool = False
    usage: Usage = field(default_factory=Usage)
    micros: int = 0
    context: int = 0
    contexts: int = 0
    repairs: int = 0
    cuts: int = 0
    errors: int = 0
    repeats: int = 0
    warned: bool = False
    sandbox: str = ""
    seconds: float = 0.0
    _round: list[str] = field(default_factory=list)
    _before: list[str] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Add one record."""
        if "sandbox" in record:
            self.sandbox = max(self.sandbox or _LEVELS[0], record["sandbox"], key=_LEVELS.index)
        self.seconds = max(self.seconds, float(record.get("seconds", 0.0)))
        match record["kind"]:
            case "begin":
                self.start = record
                self._open(*record["opening"])
            case "reply":
                self._reply(record)
            case "began":
                self.begun[record["id"]] = record
            case "result":
                self._result(record)
            case "told":
                self._told(record)
            case "handoff":
                self._spent(record)
                self.start = {**self.start, **{name: record[name] for name in ("bound",) if name in record}}
                self._open(*self.start["opening"], _note(str(record["note"])))
            case "end":
                self.end = record

    def asked(self) -> list[Mapping[str, Any]]:
        """Return the messages for a call: all that was said before is read from the cache."""
        *before, last = self.messages
        *blocks, newest = last["content"]
        return [*before, {**last, "content": [*blocks, {**newest, "cache_control": _CACHED}]}]

    def _open(self, *texts: str) -> None:
        self.messages = [{"role": "user", "content": [_text(text) for text in texts]}]
        self.pending, self.last, self.context = {}, None, 0
        self.ids = set()
        self.contexts += 1

    def _reply(self, record: Record) -> None:
        self._spent(record)
        usage = record["usage"] or {}
        self.context = sum(usage.get(name, 0) for name in ("input", "cached", "kept", "output"))
        uses = [block for block in record["blocks"] if block["type"] == "tool_use"]
        says = any(block["type"] == "text" and block["text"].strip() for block in record["blocks"])
        self.cuts = self.cuts + 1 if record["stop"] == Stop.LENGTH else 0
        self.pending = {use["id"]: use for use in uses}
        self.ids |= self.pending.keys()
        self.last = record
        self._round = []
        if uses or says:  # of thoughts alone no turn can be made
            blocks = [block for block in record["blocks"] if block["type"] != "text" or block["text"].strip()]
            self.messages.append({"role": "assistant", "content": blocks})

    def _spent(self, record: Record) -> None:
        self.turns += 1
        self.micros += record["micros"]
        self.usage += Usage(**(record["usage"] or {}))

    def _result(self, record: Record) -> None:
        use = self.pending.pop(record["id"])
        block = {"type": "tool_result", "tool_use_id": record["id"], "content": record["text"]}
        self._say(block | ({"is_error": True} if record["error"] else {}))
        self.errors = self.errors + 1 if record["error"] else 0
        self.repairs += bool(record.get("repair"))
        self.used = self.used or bool(record.get("ran"))
        self._round.append(json.dumps([use["name"], use["input"], record["text"]], sort_keys=True))
        if not self.pending:
            self.last = None
            self.repeats = self.repeats + 1 if self._round == self._before else 0
            self.warned = self.warned and bool(self.repeats)
            self._before = self._round

    def _told(self, record: Record) -> None:
        self._say(_text(record["text"]))
        self.last = None
        self.repairs += bool(record.get("repair"))
        self.warned = self.warned or bool(record.get("warning"))

    def _say(self, block: Block) -> None:
        if self.messages[-1]["role"] == "user":
            self.messages[-1]["content"].append(block)
        else:
            self.messages.append({"role": "user", "content": [block]})


def add_up(records: Sequence[Record]) -> Talk:
    """Return what records add up to."""
    talk = Talk()
    for record in records:
        talk.take(record)
    return talk


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _note(note: str) -> str:
    return render.text("prompts/worker-continue.md.j2", {"note": note, "most": _NOTE})
