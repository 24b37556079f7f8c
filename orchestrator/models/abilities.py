"""What a model can do, as the API says: how much it reads and writes, and how hard it can be made to try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.models.checked import BrokenReplyError


@dataclass(frozen=True)
class Abilities:
    """One model's abilities.

    Attributes:
        model: its id.
        context: the most input tokens of a call.
        output: the most tokens that may come back.
        efforts: the efforts it takes, empty for none.
        structured: whether it answers in a schema.
    """

    model: str
    context: int
    output: int
    efforts: frozenset[str]
    structured: bool


def abilities(found: Any) -> Abilities:
    """Return the SDK's answer about a model, checked.

    Raises:
        BrokenReplyError: it is none.
    """
    info = found.to_dict(mode="json") if hasattr(found, "to_dict") else None
    if not isinstance(info, Mapping) or not isinstance(info.get("id"), str):
        raise BrokenReplyError("what came back is no model")
    context, output = info.get("max_input_tokens"), info.get("max_tokens")
    if not isinstance(context, int) or not isinstance(output, int) or min(context, output) < 1:
        raise BrokenReplyError(f"the API does not say how much {info['id']} reads and writes")
    able = _table(info.get("capabilities"))
    efforts = _table(able.get("effort"))
    return Abilities(
        model=info["id"],
        context=context,
        output=output,
        efforts=frozenset(name for name in efforts if _supported(efforts[name])),
        structured=_supported(able.get("structured_outputs")),
    )


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _supported(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("supported") is True
