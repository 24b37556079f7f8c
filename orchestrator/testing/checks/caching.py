"""Cache breakpoints: how many, and what each says."""

from collections.abc import Mapping
from typing import Any

from orchestrator.testing.checks.kinds import an_object, one_of, only
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import breakpoints

MOST = 4


def check(body: Mapping[str, Any]) -> None:
    """Refuse too many breakpoints, and one that says what none can."""
    found = list(breakpoints(body))
    if len(found) > MOST:
        raise RefusalError(f"A maximum of {MOST} blocks with cache_control may be provided. Found {len(found)}.")
    for point in found:
        only(an_object(point, "cache_control"), {"type", "ttl"}, "cache_control")
        one_of(point.get("type"), "cache_control.type", "ephemeral")
        one_of(point.get("ttl", "5m"), "cache_control.ttl", "5m", "1h")
