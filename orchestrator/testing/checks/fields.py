"""The fields of a request's top level: which there are, and what each may hold."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.testing.checks.kinds import a_list, a_string, an_integer, an_object, one_of, only
from orchestrator.testing.refusal import RefusalError

_NEEDED = ("model", "messages")
_COUNTED = {
    "cache_control",
    "messages",
    "model",
    "output_config",
    "speed",
    "system",
    "thinking",
    "tool_choice",
    "tools",
}
_KNOWN = {
    *_COUNTED,
    "container",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
}


def check_names(body: Any, *, counting: bool) -> None:
    """Refuse a body that is no object, and fields that are missing or unknown."""
    if not isinstance(body, dict):
        raise RefusalError("Input should be a valid dictionary")
    for name in _NEEDED if counting else (*_NEEDED, "max_tokens"):
        if name not in body:
            raise RefusalError(f"{name}: Field required")
    only(body, _COUNTED if counting else _KNOWN, "")


def check(body: Mapping[str, Any]) -> None:
    """Refuse what a field cannot hold."""
    for name, value in body.items():
        if name in _CHECKS and (value is not None or name in {*_NEEDED, "max_tokens"}):
            _CHECKS[name](value, name)


def _boolean(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise RefusalError(f"{where}: Input should be a valid boolean")


def _max_tokens(value: Any, where: str) -> None:
    an_integer(value, where, least=0)


def _metadata(value: Any, where: str) -> None:
    only(an_object(value, where), {"user_id"}, where)


def _stop_sequences(value: Any, where: str) -> None:
    for number, word in enumerate(a_list(value, where)):
        if not a_string(word, f"{where}.{number}").strip():
            raise RefusalError(f"{where}: each stop sequence must contain non-whitespace")


def _system(value: Any, where: str) -> None:
    if isinstance(value, str):
        return
    for number, block in enumerate(a_list(value, where)):
        place = f"{where}.{number}"
        only(an_object(block, place), {"type", "text", "cache_control", "citations"}, place)
        if block.get("type") != "text":
            raise RefusalError(f"{place}.type: Input should be 'text'")
        if not a_string(block.get("text"), f"{place}.text"):
            raise RefusalError("system: text content blocks must be non-empty")


def _output_config(value: Any, where: str) -> None:
    only(an_object(value, where), {"effort", "format"}, where)


def _service_tier(value: Any, where: str) -> None:
    one_of(value, where, "auto", "standard_only")


def _speed(value: Any, where: str) -> None:
    one_of(value, where, "standard", "fast")


_CHECKS: Mapping[str, Callable[[Any, str], object]] = {
    "inference_geo": a_string,
    "max_tokens": _max_tokens,
    "metadata": _metadata,
    "model": a_string,
    "output_config": _output_config,
    "service_tier": _service_tier,
    "speed": _speed,
    "stop_sequences": _stop_sequences,
    "stream": _boolean,
    "system": _system,
    "thinking": an_object,
    "tool_choice": an_object,
}
