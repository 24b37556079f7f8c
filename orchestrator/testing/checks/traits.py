"""What one model takes and another refuses."""

from orchestrator.testing.checks.kinds import an_integer, one_of, only, tag
from orchestrator.testing.models import EFFORTS, Model
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Request

_FIELDS = {
    "adaptive": {"display"},
    "between_tools": set[str](),
    "disabled": set[str](),
    "enabled": {"display", "budget_tokens"},
}
_LEAST_BUDGET = 1024
_QUIET = EFFORTS[:3]  # what goes with thinking turned off


def check_length(request: Request, model: Model) -> None:
    """Refuse to write more than the model can."""
    wanted = request.body.get("max_tokens", 0)
    if wanted > model.output:
        most = f"the maximum allowed number of output tokens for {model.id}"
        raise RefusalError(f"max_tokens: {wanted} > {model.output}, which is {most}")


def check_sampling(request: Request, model: Model) -> None:
    """Refuse sampling parameters where there are none."""
    for name in ("temperature", "top_p", "top_k"):
        if not model.sampling and request.body.get(name) is not None:
            raise RefusalError(f"{name}: sampling parameters are not supported for this model")


def check_thinking(request: Request, model: Model) -> None:
    """Refuse a way of thinking that the model does not have."""
    wanted = request.body.get("thinking")
    if wanted is None:
        return
    kind = tag(wanted, "thinking", _FIELDS)
    if kind not in model.thinking:
        instead = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        raise RefusalError(
            f'"thinking.type.{kind}" is not supported for this model.{" " + instead if model.efforts else ""}'
        )
    only(wanted, {"type", *_FIELDS[kind]}, "thinking")
    if wanted.get("display") is not None:
        one_of(wanted["display"], "thinking.display", "summarized", "omitted")
    if kind == "enabled":
        _check_budget(request, wanted.get("budget_tokens"))


def check_tool_choice(request: Request, model: Model) -> None:
    """Refuse to force a tool on a model that thinks first."""
    if (request.body.get("tool_choice") or {}).get("type") not in {"any", "tool"}:
        return
    if not model.forced:
        raise RefusalError("tool_choice: forced tool use is not supported for this model. Use 'auto' or 'none'.")
    if (request.body.get("thinking") or {}).get("type") in {"adaptive", "enabled"}:
        raise RefusalError("Thinking may not be enabled when tool_choice forces tool use.")


def check_effort(request: Request, model: Model) -> None:
    """Refuse an effort the model does not have, or not with thinking turned off."""
    effort = (request.body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    one_of(effort, "output_config.effort", *EFFORTS)
    if effort not in model.efforts:
        raise RefusalError(f"output_config.effort: {effort!r} is not supported for {model.id}")
    off = (request.body.get("thinking") or {}).get("type") in {"disabled", "between_tools"}
    if model.thinks and off and effort not in _QUIET:
        raise RefusalError(f"output_config.effort: {effort!r} is not supported with thinking turned off")


def check_prefill(request: Request, model: Model) -> None:
    """Refuse to go on with an assistant turn that was begun by the client."""
    if request.turns[-1].role == "assistant" and not model.prefill:
        said = "This model does not support assistant message prefill."
        raise RefusalError(f"{said} The conversation must end with a user message.")


def _check_budget(request: Request, budget: object) -> None:
    number = an_integer(budget, "thinking.budget_tokens", least=_LEAST_BUDGET)
    if number >= request.body.get("max_tokens", number + 1):
        raise RefusalError("`max_tokens` must be greater than `thinking.budget_tokens`.")
