"""What each fault of the fake must be taken for."""

from orchestrator.failure import Failure
from orchestrator.models.call import Stop
from orchestrator.testing import Fault

CLASSES = {
    Fault.RATE_LIMITED: (Failure.TRANSIENT, "429"),
    Fault.RATE_LIMITED_BARE: (Failure.TRANSIENT, "429"),
    Fault.RATE_LIMITED_MS: (Failure.TRANSIENT, "429"),
    Fault.OVERLOADED: (Failure.TRANSIENT, "529"),
    Fault.SERVER_ERROR: (Failure.TRANSIENT, "500"),
    Fault.UNAVAILABLE: (Failure.TRANSIENT, "503"),
    Fault.UNAUTHENTICATED: (Failure.FATAL, "401"),
    Fault.FORBIDDEN: (Failure.FATAL, "403"),
    Fault.UNPAID: (Failure.QUOTA, "credit balance"),
    Fault.MODEL_GONE: (Failure.FATAL, "claude-opus-5-5"),
    Fault.PROMPT_TOO_LONG: (Failure.DETERMINISTIC, "prompt is too long"),
    Fault.TOO_LARGE: (Failure.DETERMINISTIC, "413"),
    Fault.HANG: (Failure.TRANSIENT, "no answer within"),
    Fault.HANG_MIDWAY: (Failure.TRANSIENT, "no answer within"),
    Fault.DRIP: (Failure.TRANSIENT, "no answer within"),
    Fault.RESET: (Failure.TRANSIENT, "the connection failed"),
    Fault.RESET_MIDWAY: (Failure.TRANSIENT, "the connection failed"),
    Fault.CUT: (Failure.TRANSIENT, "the connection failed"),
    Fault.ERROR_MIDWAY: (Failure.TRANSIENT, "overloaded_error"),
    Fault.TRUNCATED: (Failure.TRANSIENT, "ended before the message did"),
    Fault.DOUBLE_STOP: (Failure.TRANSIENT, "message_stop"),
    Fault.HTML: (Failure.TRANSIENT, ""),
    Fault.NOT_JSON: (Failure.TRANSIENT, "JSONDecodeError"),
    Fault.BAD_UTF8: (Failure.TRANSIENT, "UnicodeDecodeError"),
    Fault.WRONG_SHAPE: (Failure.TRANSIENT, ""),
    Fault.NULL_CONTENT: (Failure.TRANSIENT, "no list of blocks"),
    Fault.UNKNOWN_BLOCK: (Failure.TRANSIENT, "'hologram'"),
    Fault.BROKEN_TOOL_INPUT: (Failure.TRANSIENT, ""),
    Fault.DUPLICATE_TOOL_IDS: (Failure.TRANSIENT, "one id"),
    Fault.NO_USAGE: (Failure.TRANSIENT, ""),
}
# What is an answer in form: who asked decides by its stop that it is none in substance.
STOPS = {
    Fault.MAX_TOKENS: Stop.LENGTH,
    Fault.REFUSAL: Stop.REFUSAL,
    Fault.EMPTY_CONTENT: Stop.END,
    Fault.UNKNOWN_TOOL: Stop.TOOLS,
    Fault.CUT_TOOL_INPUT: Stop.TOOLS,
}
# Answers that may be none at all: after the second, that is how it is.
BROKEN = {
    Fault.TRUNCATED,
    Fault.DOUBLE_STOP,
    Fault.HTML,
    Fault.NOT_JSON,
    Fault.BAD_UTF8,
    Fault.WRONG_SHAPE,
    Fault.NULL_CONTENT,
    Fault.UNKNOWN_BLOCK,
    Fault.BROKEN_TOOL_INPUT,
    Fault.DUPLICATE_TOOL_IDS,
    Fault.NO_USAGE,
}
SLOW = {Fault.HANG, Fault.HANG_MIDWAY, Fault.DRIP}
