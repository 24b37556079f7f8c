"""Prices: what tokens of a model cost, from a dated table that is shipped with the program."""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from orchestrator.budget import Usage

_DATED = re.compile(r"-\d{8}$")  # `claude-haiku-4-5-20251001` costs what `claude-haiku-4-5` does


@dataclass(frozen=True)
class Price:
    """Micros per token. It holds for requests of at most `up_to` input tokens of all kinds; None is any number."""

    input: Decimal
    output: Decimal
    cached: Decimal
    kept: Decimal
    up_to: int | None = None

    def of(self, usage: Usage) -> int:
        """Return what `usage` costs, in micros, rounded up."""
        read = usage.input * self.input + usage.cached * self.cached + usage.kept * self.kept
        return math.ceil(read + usage.output * self.output)


@dataclass(frozen=True)
class Prices:
    """The table: each model's prices, the one for the shortest requests first, and the day they were read."""

    as_of: date
    of_model: Mapping[str, Sequence[Price]]

    def knows(self, model: str) -> bool:
        """Whether there is a price of that very model."""
        return _name(model) in self.of_model

    def cost(self, model: str, usage: Usage) -> int:
        """Return what `usage` costs, in micros; of a model that is not in the table, at the dearest price in it."""
        read = usage.input + usage.cached + usage.kept
        bands = self.of_model.get(_name(model)) or [self._dearest()]
        return next((price for price in bands if price.up_to is None or read <= price.up_to), bands[-1]).of(usage)

    def most(self, model: str, read: int, written: int) -> int:
        """Return what so many input and output tokens can cost, in micros: as if all input went into the cache."""
        return self.cost(model, Usage(kept=read, output=written))

    def _dearest(self) -> Price:
        known = [price for bands in self.of_model.values() for price in bands]
        return Price(
            input=max(price.input for price in known),
            output=max(price.output for price in known),
            cached=max(price.cached for price in known),
            kept=max(price.kept for price in known),
        )


def _name(model: str) -> str:
    return _DATED.sub("", model)


@cache
def prices() -> Prices:
    """Return the table that is shipped."""
    from importlib import resources  # noqa: PLC0415 - 10 ms that only who asks a model pays

    text = resources.files("orchestrator.models").joinpath("prices.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text, parse_float=Decimal)
    found: dict[str, list[Price]] = {}
    for row in table["price"]:
        amounts = {name: Decimal(row[name]) for name in ("input", "output", "cached", "kept")}
        for model in row["models"]:
            found.setdefault(model, []).append(Price(**amounts, up_to=row.get("up_to")))
    return Prices(table["as_of"], found)
