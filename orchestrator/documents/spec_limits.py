"""A spec's metadata: who may do it, how often, how long, and what is allowed beyond plain files."""

import re
from dataclasses import dataclass
from typing import Final

from orchestrator.documents.codec import Text
from orchestrator.documents.fields import Field
from orchestrator.documents.source import shown

MAX_ATTEMPTS: Final = 20
ALLOWED: Final = ("symlinks",)
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")

_BOOLS: Final = {"yes": True, "true": True, "no": False, "false": False, "": False}
_INTEGER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """None and "" stand for the configuration's default."""

    agent: str
    attempts: int | None
    timeout: float | None
    risky: bool
    draft: bool
    allow: tuple[str, ...]
    model: str
    effort: str
    review: bool | None = None


def read(text: Text) -> Limits:
    """The keys a spec may have; others are kept and mean nothing."""
    risky, draft = _flag(text, "risky"), _flag(text, "draft")
    return Limits(
        text.word("agent"),
        _attempts(text),
        _timeout(text),
        risky,
        draft,
        _allow(text),
        text.word("model"),
        _effort(text),
        _flag(text, "review") if text.word("review") else None,
    )


def _attempts(text: Text) -> int | None:
    word = text.word("attempts")
    count = int(word) if _INTEGER.fullmatch(word) else 0
    if word and not 1 <= count <= MAX_ATTEMPTS:
        raise _wrong(text, "attempts", word, f"a whole number from 1 to {MAX_ATTEMPTS}")
    return count or None


def _timeout(text: Text) -> float | None:
    word = text.word("timeout")
    seconds = float(word) if _NUMBER.fullmatch(word) else 0.0
    if word and seconds <= 0:
        raise _wrong(text, "timeout", word, "seconds, more than 0")
    return seconds or None


def _flag(text: Text, key: str) -> bool:
    said = text.word(key)
    word = said.partition("(")[0].strip().casefold()
    if word not in _BOOLS:
        raise _wrong(text, key, said, "yes or no")
    return _BOOLS[word]


def _effort(text: Text) -> str:
    word = text.word("effort").casefold()
    if word and word not in EFFORTS:
        raise _wrong(text, "effort", word, f"one of: {', '.join(EFFORTS)}")
    return word


def _allow(text: Text) -> tuple[str, ...]:
    field = text.meta("allow")
    names = _names(field) if field else ()
    for name in names:
        if name not in ALLOWED:
            raise _wrong(text, "allow", name, f"one of: {', '.join(ALLOWED)}")
    return names


def _names(field: Field) -> tuple[str, ...]:
    held = field.value.split(",") if isinstance(field.value, str) else field.value
    names = (name.strip().casefold() if isinstance(name, str) else "a nested value" for name in held)
    return tuple(dict.fromkeys(name for name in names if name))


def _wrong(text: Text, key: str, value: str, wanted: str) -> Exception:
    field = text.meta(key)
    line = field.line if field else 1
    return text.error(line, f"`{key}` cannot be `{shown(value)}`", hint=f"write {wanted}")
