"""The models the fake knows, and what each of them takes; public facts as of November 2026."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

EFFORTS = ("low", "medium", "high", "xhigh", "max")
_OFF = ("between_tools", "disabled")
_THINKING = ("adaptive", "between_tools", "disabled", "enabled")


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        id: what a request calls it.
        line: "opus", "sonnet" and so on; None when it belongs to no line.
        released: its day, `2026-09-22`.
        context: the most input tokens of a request.
        output: the most `max_tokens` a request may ask for.
        thinking: the `thinking.type` values it takes.
        thinks: whether it thinks when a request does not say.
        shows: whether thinking has its text when a request does not say.
        bound: whether thinking is tied to the conversation before it.
        sampling: whether it takes temperature, top_p and top_k.
        forced: whether it takes a forced `tool_choice`.
        prefill: whether a request may end with an assistant turn.
        efforts: the effort levels it takes.
        retires: its last day, for a deprecated model.
    """

    id: str
    line: str | None
    released: str
    context: int = 1_000_000
    output: int = 128_000
    thinking: tuple[str, ...] = ("adaptive", "disabled")
    thinks: bool = True
    shows: bool = False
    bound: bool = False
    sampling: bool = False
    forced: bool = True
    prefill: bool = False
    efforts: tuple[str, ...] = EFFORTS
    retires: str = ""

    def info(self) -> dict[str, Any]:
        """The model as `GET /v1/models/{id}` shows it."""
        return {
            "type": "model",
            "id": self.id,
            "display_name": _display(self.id),
            "created_at": f"{self.released}T00:00:00Z",
            "deprecated_at": f"{self.released}T00:00:00Z" if self.retires else None,
            "retires_at": f"{self.retires}T00:00:00Z" if self.retires else None,
            "lifecycle": self.lifecycle,
            "line": self.line,
            "max_input_tokens": self.context,
            "max_tokens": self.output,
            "capabilities": self._capabilities(),
        }

    def thinks_with(self, thinking: Mapping[str, Any] | None) -> bool:
        """Whether it thinks when a request's `thinking` is this."""
        kind = (thinking or {}).get("type")
        return kind not in _OFF if kind else self.thinks

    @property
    def lifecycle(self) -> str:
        """Whether new users may take it up."""
        return "deprecated" if self.retires else "active"

    def _capabilities(self) -> dict[str, Any]:
        plain = ("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")
        edits = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")
        return {
            **_supported(plain, plain),
            "context_management": {"supported": True, **_supported(edits, edits)},
            "effort": {"supported": bool(self.efforts), **_supported(EFFORTS, self.efforts)},
            "server_tools": {"supported": True, **_supported(("code_execution", "web_search"), _SERVER_TOOLS)},
            "thinking": {
                "supported": self.thinking != ("disabled",),
                "types": _supported(_THINKING, self.thinking),
            },
        }


_SERVER_TOOLS = ("code_execution", "web_search")
_ALWAYS = ("adaptive",)
_ANY = ("adaptive", "disabled", "enabled")
_BUDGET = ("disabled", "enabled")
_UP_TO_HIGH = EFFORTS[:3]
_NO_XHIGH = (*EFFORTS[:3], "max")


def _newest(name: str, line: str, released: str, thinking: tuple[str, ...] = _ALWAYS, *, forced: bool = False) -> Model:
    return Model(name, line, released, thinking=thinking, bound=True, forced=forced)


def _older(name: str, line: str, released: str, efforts: tuple[str, ...], retires: str = "") -> Model:
    """A model of the 4.5 family."""
    return Model(
        name,
        line,
        released,
        context=200_000,
        output=64_000,
        thinking=_BUDGET,
        thinks=False,
        shows=True,
        sampling=True,
        prefill=True,
        efforts=efforts,
        retires=retires,
    )


def _middle(name: str, line: str, released: str, output: int) -> Model:
    """A model of the 4.6 family."""
    return Model(
        name,
        line,
        released,
        output=output,
        thinking=_ANY,
        thinks=False,
        shows=True,
        sampling=True,
        efforts=_NO_XHIGH,
    )


MODELS: Mapping[str, Model] = {
    model.id: model
    for model in (
        _newest("claude-fable-5-2", "fable", "2026-11-10"),
        _newest("claude-mythos-5-2", "mythos", "2026-11-10"),
        _newest("claude-haiku-5-5", "haiku", "2026-10-15", ("adaptive", "disabled"), forced=True),
        _newest("claude-sonnet-5-5", "sonnet", "2026-09-28", ("adaptive", "between_tools")),
        _newest("claude-opus-5-5", "opus", "2026-09-22"),
        _newest("claude-fable-5-1", "fable", "2026-08-31"),
        _newest("claude-mythos-5-1", "mythos", "2026-08-31"),
        Model("claude-opus-5", "opus", "2026-07-20"),
        Model("claude-sonnet-5", "sonnet", "2026-06-30"),
        Model("claude-fable-5", "fable", "2026-06-09", thinking=_ALWAYS),
        Model("claude-mythos-5", "mythos", "2026-06-09", thinking=_ALWAYS),
        Model("claude-opus-4-8", "opus", "2026-05-28", thinks=False),
        Model("claude-opus-4-7", "opus", "2026-04-16", thinks=False),
        Model("claude-mythos-preview", "mythos", "2026-04-07", thinking=_ANY, retires="2026-06-30"),
        _middle("claude-sonnet-4-6", "sonnet", "2026-02-17", 64_000),
        _middle("claude-opus-4-6", "opus", "2026-02-05", 128_000),
        _older("claude-opus-4-5", "opus", "2025-11-24", _UP_TO_HIGH, "2027-01-22"),
        _older("claude-opus-4-5-20251101", "opus", "2025-11-24", _UP_TO_HIGH, "2027-01-22"),
        _older("claude-haiku-4-5", "haiku", "2025-10-15", ()),
        _older("claude-haiku-4-5-20251001", "haiku", "2025-10-15", ()),
        _older("claude-sonnet-4-5", "sonnet", "2025-09-29", (), "2026-11-30"),
        _older("claude-sonnet-4-5-20250929", "sonnet", "2025-09-29", (), "2026-11-30"),
    )
}


def _supported(names: Iterable[str], taken: Iterable[str]) -> dict[str, Any]:
    known = set(taken)
    return {name: {"supported": name in known} for name in names}


def _display(name: str) -> str:
    """`claude-opus-5-5` as `Claude Opus 5.5`."""
    words = [part for part in name.split("-") if not (part.isdigit() and len(part) == len("20250929"))]
    numbers = ".".join(word for word in words if word.isdigit())
    return " ".join(filter(None, [*(word.capitalize() for word in words if not word.isdigit()), numbers]))
