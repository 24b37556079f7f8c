"""The endpoints of messages: making one, streaming one, and counting what one would cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.testing import spoil, statuses, stream
from orchestrator.testing.call import Answer, Call
from orchestrator.testing.checks import check
from orchestrator.testing.fault import INSTEAD, Trouble, Troubles
from orchestrator.testing.message import compose
from orchestrator.testing.models import MODELS
from orchestrator.testing.refusal import RefusalError
from orchestrator.testing.request import Json, Request
from orchestrator.testing.script import Reply, Script
from orchestrator.testing.signing import Seal
from orchestrator.testing.usage import Cache, Input


@dataclass
class Messages:
    """Makes messages as the script says."""

    script: Script
    seal: Seal
    cache: Cache
    troubles: Troubles

    def create(self, call: Call) -> Answer:
        """`POST /v1/messages`."""
        request = check(call.json(), self.seal)
        counted = self._count(request)
        reply = self.script.reply(request)
        trouble = self.troubles.next(call.path, request) or self.troubles.scripted(reply.trouble, request)
        if trouble is None:
            return self._deliver(request, reply, counted, call.note)
        call.note(fault=trouble.fault)
        if refused := statuses.refusal(trouble, request.model):
            raise refused
        if spoiled := spoil.body(trouble.fault, stream=request.stream):
            return Answer(spoiled.data, spoiled.type, delay=reply.delay)
        return self._deliver(request, reply, counted, call.note, trouble)

    def count(self, call: Call) -> Answer:
        """`POST /v1/messages/count_tokens`."""
        request = check(call.json(), self.seal, counting=True)
        return Answer.of({"input_tokens": self.cache.count(request).total})

    def one(self, params: Any) -> Json:
        """The message that one request of a batch gets.

        Raises:
            RefusalError: it gets an error.
        """
        request = check(params, self.seal)
        if request.stream:
            raise RefusalError("stream: a request in a batch cannot be streamed")
        counted = self._count(request)
        reply = self.script.reply(request)
        trouble = self.troubles.scripted(reply.trouble, request)
        if trouble and (refused := statuses.refusal(trouble, request.model)):
            raise refused
        message = self._message(request, reply, counted, trouble)
        return {**message, "usage": {**message["usage"], "service_tier": "batch"}} if "usage" in message else message

    def _deliver(
        self, request: Request, reply: Reply, counted: Input, note: Callable[..., None], trouble: Trouble | None = None
    ) -> Answer:
        message = self._message(request, reply, counted, trouble)
        if trouble is None or trouble.fault not in INSTEAD:
            note(usage=message.get("usage"))
        answer = Answer.of(message, delay=reply.delay, pace=reply.pace, trouble=trouble)
        if not request.stream:
            return answer
        events = tuple(stream.events(message))
        broken = stream.broken_off(events, trouble.fault) if trouble else events
        return replace(answer, type="text/event-stream; charset=utf-8", events=broken)

    def _message(self, request: Request, reply: Reply, counted: Input, trouble: Trouble | None) -> Json:
        self.cache.keep(counted)
        message = compose(request, reply, counted, self.seal)
        return spoil.spoil(trouble.fault, message, request, self.seal) if trouble else message

    def _count(self, request: Request) -> Input:
        counted = self.cache.count(request)
        most = MODELS[request.model].context
        if counted.total > most:
            raise RefusalError(f"prompt is too long: {counted.total} tokens > {most} maximum")
        return counted
