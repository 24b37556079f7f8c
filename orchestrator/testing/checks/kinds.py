"""The kinds of JSON values, and the refusal of any other."""

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.testing.refusal import RefusalError


def a_string(value: Any, where: str) -> str:
    """The string that `value` is."""
    if not isinstance(value, str):
        raise RefusalError(f"{where}: Input should be a valid string")
    return value


def an_integer(value: Any, where: str, *, least: int) -> int:
    """The whole number that `value` is."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusalError(f"{where}: Input should be a valid integer")
    if value < least:
        raise RefusalError(f"{where}: Input should be greater than or equal to {least}")
    return value


def an_object(value: Any, where: str) -> dict[str, Any]:
    """The object that `value` is."""
    if not isinstance(value, dict):
        raise RefusalError(f"{where}: Input should be a valid dictionary")
    return value


def a_list(value: Any, where: str) -> list[Any]:
    """The list that `value` is."""
    if not isinstance(value, list):
        raise RefusalError(f"{where}: Input should be a valid list")
    return value


def one_of(value: Any, where: str, *words: str) -> str:
    """The word that `value` is, one of those."""
    # A tuple, as what stands in a request need not have a hash.
    if value not in words:
        raise RefusalError(f"{where}: Input should be {' or '.join(repr(word) for word in words)}")
    return str(value)


def tag(held: Mapping[str, Any], where: str, known: Collection[str]) -> str:
    """The type that an object says it has, one of those."""
    kind = held.get("type")
    if not isinstance(kind, str) or kind not in known:
        raise RefusalError(f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags")
    return kind


def only(held: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse a key that nobody knows."""
    for name in held:
        if name not in known:
            raise RefusalError(f"{where}.{name}".strip(".") + ": Extra inputs are not permitted")
