"""The door: one call goes out, as a stream, once; what it may mean and when to try again others decide."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.clock import Clock, SystemClock
from orchestrator.failure import Failure
from orchestrator.models.abilities import Abilities, abilities
from orchestrator.models.call import Call, CallError, Reply
from orchestrator.models.checked import BrokenReplyError, Order, reply
from orchestrator.models.classify import classify
from orchestrator.models.hangup import Line

if TYPE_CHECKING:
    import ssl

    import anthropic

_CONNECT = 10.0  # seconds
_LOOK_UP = 30.0  # seconds
_LOOK = 0.1  # seconds between looks at `cancel` while the SDK is being loaded
_CACHED = {"type": "ephemeral"}
_Said = TypeVar("_Said")


@dataclass(frozen=True)
class Door:
    """Sends calls to one API.

    Args:
        key: the API key; empty where `token` is used.
        token: a bearer token.
        url: where the API is; empty for the SDK's own default.
        clock: measures deadlines.
    """

    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    url: str = ""
    clock: Clock = field(default_factory=SystemClock, repr=False)

    def send(self, call: Call, cancel: threading.Event, begun: Callable[[], None] | None = None) -> Reply:
        """Return the answer to `call`; from any thread. `begun` is called once the API begins to answer.

        Raises:
            CallError: there is none, classed; also within a second of `cancel`, or of the call's deadline. Its fact
                `sent` says whether any of the call went out.
        """
        return self._ask(lambda client: _stream(client, call, begun), call.deadline, cancel)

    def look_up(self, model: str, cancel: threading.Event) -> Abilities:
        """Return what `model` can do, as the API says; from any thread.

        Raises:
            CallError: it does not, classed; also within a second of `cancel`, or of thirty seconds.
        """
        return self._ask(lambda client: abilities(client.models.retrieve(model)), _LOOK_UP, cancel)

    def _ask(
        self, question: "Callable[[anthropic.Anthropic], _Said]", deadline: float, cancel: threading.Event
    ) -> _Said:
        _SDK.wait(cancel)
        line = Line(self.clock)
        try:
            with self._client(line) as client, line.within(deadline, cancel):
                return question(client)
        except Exception as error:
            raised = classify(error, line.cut, deadline)
            raised.facts = {**raised.facts, "sent": line.sent}
            raise raised from error

    def _client(self, line: Line) -> "anthropic.Anthropic":
        import anthropic  # noqa: PLC0415 - it costs seconds, and is loaded by now

        def trace(request: Any) -> None:
            request.extensions["trace"] = line.trace

        http = anthropic.DefaultHttpxClient(event_hooks={"request": [trace]}, verify=_trusted())
        return anthropic.Anthropic(
            api_key=self.key or None,
            auth_token=self.token or None,
            base_url=self.url or None,
            max_retries=0,
            timeout=anthropic.Timeout(None, connect=_CONNECT),  # the line has the deadline
            http_client=http,
        )


@cache
def _trusted() -> "ssl.SSLContext":
    """Return the certificates that are trusted, read once: they are most of what a new client costs (40 ms)."""
    import httpx2  # noqa: PLC0415 - the SDK's own, which is loaded by now

    return httpx2.create_ssl_context()


@dataclass
class _Loading:
    """The SDK and the certificates: loaded once, beside whoever waits for them, which nobody has to do to the end."""

    _begun: bool = False
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, cancel: threading.Event) -> None:
        """Wait until all is loaded that a call needs; whatever went wrong with it, the call itself runs into.

        Raises:
            CallError: `cancel` was set meanwhile.
        """
        with self._lock:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._load, name="loading", daemon=True).start()
        while not self._over.wait(_LOOK):
            if cancel.is_set():
                raise CallError(Failure.INTERRUPTED, "the call was stopped by the leader", facts={"sent": False})

    def _load(self) -> None:
        with suppress(Exception):
            import anthropic  # noqa: F401, PLC0415 - it costs seconds, and only who sends a call needs it

            _trusted()
        self._over.set()


_SDK = _Loading()


def _stream(client: "anthropic.Anthropic", call: Call, begun: Callable[[], None] | None) -> Reply:
    order = Order()
    with client.messages.stream(**_parameters(call)) as stream:
        for event in stream:
            order.take(event.type, getattr(event, "index", None))
            if event.type == "message_start" and begun is not None:
                begun()
            if event.type == "input_json":
                order.hear(event.partial_json)
        order.finish()
        message = stream.get_final_message()
        found = message.to_dict(mode="json", warnings=False) if hasattr(message, "to_dict") else None
        if not isinstance(found, Mapping):
            raise BrokenReplyError("what came back is no message")
        return reply(found, stream.request_id or "", order.garbled)


def _parameters(call: Call) -> dict[str, Any]:
    """Return the SDK's parameters: what does not change from call to call comes first and is kept by the cache."""
    wanted: dict[str, Any] = {
        "model": call.model,
        "max_tokens": call.most,
        "system": [{"type": "text", "text": call.system, "cache_control": _CACHED}],
        "messages": call.messages,
    }
    output: dict[str, Any] = {"effort": call.effort} if call.effort else {}
    if call.schema is not None:
        output |= {"format": {"type": "json_schema", "schema": call.schema}}
    return wanted | ({"output_config": output} if output else {}) | ({"tools": call.tools} if call.tools else {})


__all__ = ["CallError", "Door"]
