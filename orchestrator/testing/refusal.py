"""What the API answers instead of a message: a status, an error type and a sentence."""

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}


class RefusalError(Exception):
    """An answer that is an error; raised by whoever sees that the request cannot be served."""

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


def error(status: int, message: str) -> dict[str, Any]:
    """The error object that a status and a sentence make."""
    return {"type": KINDS.get(status, "api_error"), "message": message}


def body(status: int, message: str, request_id: str) -> dict[str, Any]:
    """The body of an error answer."""
    return {"type": "error", "error": error(status, message), "request_id": request_id}
