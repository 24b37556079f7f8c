"""Cache breakpoints: how many, and what each says."""

from collections.abc import Mapping
from typing import Any

from orchestrator.testing.checks.kinds import an_object, only
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
        if point.get("type") != "ephemeral":
            raise RefusalError("cache_control.type: Input should be 'ephemeral'")
        if point.get("ttl", "5m") not in {"5m", "1h"}:
            raise RefusalError("cache_control.ttl: Input should be '5m' or '1h'")
