"""`config show`: every key with its value, and where that comes from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.config import Setting


@dataclass(frozen=True)
class Row:
    """One key; `origin` is `default`, `flag`, `environment`, or `file:line`."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Settings:
    """All keys, as they are in force."""

    settings: tuple[Row, ...]


def settings(found: Sequence[Setting]) -> Settings:
    """Return the resolved keys."""
    return Settings(tuple(Row(item.key, item.value, item.origin) for item in found))


def text(shown: Settings, *, origin: bool) -> str:
    """Return one line per key, as TOML would have the value; with `origin`, where it comes from."""
    lines = [(f"{row.key} = {_value(row.value)}", row.origin) for row in shown.settings]
    width = min(60, max(len(line) for line, _ in lines))
    return "\n".join(f"{line:<{width}}  # {where}" if origin else line for line, where in lines)


def _value(value: object) -> str:
    if value is None:
        return '""'
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
