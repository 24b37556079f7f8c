"""Structured answers: asked for by a schema, believed only once our own reading agrees, repaired once at most."""

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from orchestrator import render
from orchestrator.failure import Failure
from orchestrator.models.ask import Asking, Purpose
from orchestrator.models.call import Call, CallError, Reply, Stop, Usage
from orchestrator.plaintext import one_line, safe_text

_Value = TypeVar("_Value")


class UnfitError(Exception):
    """An answer that is not what was asked for; says what is wrong with it, for whoever gave it."""


@dataclass(frozen=True)
class Answered(Generic[_Value]):
    """A checked answer: what it says, who gave it, and the tokens and micro-dollars it took in all."""

    value: _Value
    model: str
    usage: Usage
    micros: int


def ask(
    asking: Asking,
    call: Call,
    purpose: Purpose,
    cancel: threading.Event,
    read: Callable[[Mapping[str, Any]], _Value],
) -> Answered[_Value]:
    """Return the answer to `call` as `read` takes it; one that does not fit is sent back once, with what is wrong.

    Raises:
        CallError: there is no answer, or (fact `unfit`) none that fits.
    """
    first = asking.ask(call, purpose, cancel)
    try:
        return _answered(_value(first, read), first)
    except UnfitError as error:
        repair = _repair(call, first, str(error))
    second = asking.ask(repair, replace(purpose, step=f"{purpose.step} again".strip()), cancel)
    try:
        return _answered(_value(second, read), second, first)
    except UnfitError as error:
        said = f"two answers do not fit: {one_line(str(error))}"
        raise CallError(Failure.DETERMINISTIC, said, usage=second.usage, facts={"unfit": True}) from error


def _answered(value: _Value, *replies: Reply) -> Answered[_Value]:
    usage = sum((reply.usage for reply in replies if reply.usage), Usage())
    return Answered(value, replies[0].model, usage, sum(reply.micros for reply in replies))


def _value(reply: Reply, read: Callable[[Mapping[str, Any]], _Value]) -> _Value:
    if reply.stop is not Stop.END:
        why = f": {one_line(reply.why)}" if reply.why else ""
        raise UnfitError(f"it ends with {reply.stop.value} instead of an answer{why}")
    return read(_parsed(reply.text))


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnfitError("it is no JSON") from error
    if not isinstance(found, dict):
        raise UnfitError("it is no JSON object")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnfitError("an object in it has one name twice")
    return found


def _refuse(name: str) -> None:
    raise UnfitError(f"{name} is no JSON")


def _repair(call: Call, reply: Reply, wrong: str) -> Call:
    """Return the call that asks for the answer again: behind the one that does not fit, where that can be shown."""
    words = render.text("prompts/answer-repair.md.j2", {"wrong": wrong})
    if reply.stop is not Stop.END or not reply.text.strip():
        return call
    said: list[Mapping[str, Any]] = [
        {"role": "assistant", "content": list(reply.blocks)},
        {"role": "user", "content": words},
    ]
    return replace(call, messages=[*call.messages, *said])


def only(found: object, names: Collection[str], where: str) -> Mapping[str, Any]:
    """Return `found` as an object with exactly these names.

    Raises:
        UnfitError: it is none.
    """
    if not isinstance(found, Mapping) or {*found} != {*names}:
        raise UnfitError(f"{where} must be an object with exactly: {', '.join(names)}")
    return found


def words(found: object, where: str, most: int) -> str:
    """Return `found` as safe text, cut after `most` characters.

    Raises:
        UnfitError: it is no text.
    """
    if not isinstance(found, str):
        raise UnfitError(f"{where} must be a string")
    return safe_text(found)[:most]


def items(found: object, where: str, most: int) -> Sequence[Any]:
    """Return `found` as a list of at most `most`.

    Raises:
        UnfitError: it is none, or longer.
    """
    if not isinstance(found, list) or len(found) > most:
        raise UnfitError(f"{where} must be a list of at most {most}")
    return found


def whole(found: object, where: str) -> int:
    """Return `found` as a whole number from 0.

    Raises:
        UnfitError: it is none.
    """
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 31:
        raise UnfitError(f"{where} must be a whole number from 0")
    return found
