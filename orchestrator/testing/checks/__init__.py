"""What the API refuses, one file per part of a request; `check` asks all of them, in the order the API would."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.testing.checks import caching, conversation, fields, schema, thoughts, tools, traits
from orchestrator.testing.models import MODELS, Model
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Request
from orchestrator.testing.signing import Seal

_OF_SHAPE: tuple[Callable[[Mapping[str, Any]], None], ...] = (
    fields.check,
    tools.check,
    conversation.check_messages,
    caching.check,
    schema.check,
)
_OF_MODEL: tuple[Callable[[Request, Model], None], ...] = (
    traits.check_length,
    traits.check_sampling,
    traits.check_thinking,
    traits.check_tool_choice,
    traits.check_effort,
    traits.check_prefill,
)


def check(body: Any, seal: Seal, *, counting: bool = False) -> Request:
    """The request that a body is, once nothing is wrong with it; `counting` is for `count_tokens`.

    Raises:
        RefusalError: the API would refuse it.
    """
    fields.check_names(body, counting=counting)
    for each in _OF_SHAPE:
        each(body)
    request = Request(body)
    model = known(request.model)
    for rule in _OF_MODEL:
        rule(request, model)
    conversation.check_results(request)
    thoughts.check(request, model, seal)
    return request


def known(name: str) -> Model:
    """The model of that name.

    Raises:
        RefusalError: there is none.
    """
    if name not in MODELS:
        raise RefusalError(f"model: {name}", 404)
    return MODELS[name]
