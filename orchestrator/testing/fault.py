"""Everything that can go wrong, by name, and the list of what is to go wrong next."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatch

from orchestrator.testing.request import Request

_REMEMBERED = 10_000  # conversations whose troubles are counted


class Fault(Enum):
    """One thing that goes wrong; the value says what it does.

    What needs a stream to go wrong in does nothing to an answer that is whole: ERROR_MIDWAY, TRUNCATED, DOUBLE_STOP.
    """

    # An error instead of an answer.
    RATE_LIMITED = "429, with retry-after in whole seconds"
    RATE_LIMITED_BARE = "429 that does not say when to come back"
    RATE_LIMITED_MS = "429, with retry-after-ms"
    OVERLOADED = "529 overloaded_error"
    SERVER_ERROR = "500 api_error"
    UNAVAILABLE = "503 api_error"
    UNAUTHENTICATED = "401, as for a key that was withdrawn"
    FORBIDDEN = "403, as for a key without the permission"
    UNPAID = "402 billing_error"
    MODEL_GONE = "404, as for a model that was retired"
    PROMPT_TOO_LONG = "400, more input than the model takes"
    TOO_LARGE = "413 request_too_large"

    # A connection that misbehaves.
    HANG = "takes the request and never answers"
    HANG_MIDWAY = "stops in the middle of the answer and stays silent"
    DRIP = "one byte at a time, with a pause after each"
    RESET = "resets the connection instead of an answer"
    RESET_MIDWAY = "resets the connection in the middle of the answer"
    CUT = "closes the connection in the middle of the answer"
    ERROR_MIDWAY = "an error event (overloaded) in the middle of the stream"
    TRUNCATED = "a stream that ends properly, but before its message does"
    DOUBLE_STOP = "a second message_stop after the first"

    # 200, and something that is no message.
    HTML = "200 with a page of HTML, as a proxy sends it"
    NOT_JSON = "200 that says it is JSON and is not"
    BAD_UTF8 = "200 with bytes that are no UTF-8"
    WRONG_SHAPE = "200 with JSON of another program"
    NULL_CONTENT = "200 with a message whose content is null"
    UNKNOWN_BLOCK = "200 with a block of a type nobody knows"

    # A message that is in order, and useless.
    MAX_TOKENS = "the text stops half way, with stop_reason max_tokens"
    REFUSAL = "stop_reason refusal, with stop_details and no content"
    EMPTY_CONTENT = "a message that says nothing"
    BROKEN_TOOL_INPUT = "a tool call whose input does not parse"
    CUT_TOOL_INPUT = "a tool call whose input stops half way, and nothing says so"
    UNKNOWN_TOOL = "a call of a tool that was not offered"
    DUPLICATE_TOOL_IDS = "two tool calls with one id"
    NO_USAGE = "a message without usage"


INSTEAD = {Fault.HANG, Fault.RESET}  # there is no answer
MIDWAY = {Fault.HANG_MIDWAY, Fault.RESET_MIDWAY, Fault.CUT}  # the connection breaks off within the body


@dataclass(frozen=True)
class Trouble:
    """A fault with its measure.

    Attributes:
        fault: what goes wrong.
        times: how often before it goes right; None for always.
        seconds: what retry-after says, or the pause between two bytes of a drip.
    """

    fault: Fault
    times: int | None = 1
    seconds: float = 1.0


@dataclass
class _Planned:
    trouble: Trouble
    path: str
    when: Callable[[Request | None], bool]
    left: float


@dataclass
class Troubles:
    """What is still to go wrong; safe to use from many threads."""

    _planned: list[_Planned] = field(default_factory=list)
    _met: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, trouble: Trouble, path: str, when: Callable[[Request | None], bool]) -> None:
        """Let requests to paths that match fail, those for which `when` holds."""
        left = float("inf") if trouble.times is None else trouble.times
        with self._lock:
            self._planned.append(_Planned(trouble, path, when, left))

    def clear(self) -> None:
        """Let nothing more go wrong, but for what the script says."""
        with self._lock:
            self._planned.clear()

    def next(self, path: str, request: Request | None) -> Trouble | None:
        """What goes wrong with this request, which is then done with it once."""
        with self._lock:
            planned = [each for each in self._planned if each.left > 0 and fnmatch(path, each.path)]
        for each in planned:
            if each.when(request) and self._take(each):
                return each.trouble
        return None

    def scripted(self, trouble: Trouble | None, request: Request) -> Trouble | None:
        """What the script lets go wrong: so many times for one conversation as it says, whoever asks."""
        if trouble is None or trouble.times is None:
            return trouble
        with self._lock:
            met = self._met.pop(request.digest, 0)
            self._met[request.digest] = met + 1
            if len(self._met) > _REMEMBERED:
                self._met.popitem(last=False)
        return trouble if met < trouble.times else None

    def _take(self, planned: _Planned) -> bool:
        with self._lock:
            planned.left -= 1
            return planned.left >= 0
