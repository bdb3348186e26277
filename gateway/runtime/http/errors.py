"""What goes wrong over HTTP, in the shape Webex clients know.

HttpError                  root (a ServiceError of the runtime)
├── ApiError               a refusal a handler raises; carries status, code and what to tell the caller
└── ServerStartError       the server could not listen; names the setting to change

On the wire (webex REST conventions): ``{"message", "errors": [{"description", "code"}], "trackingId"}``.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseClosed,
    DatabaseFull,
    DatabaseOverloaded,
    DatabaseUnavailable,
    ServiceError,
)

LONGEST_WAIT_S = 2**31 - 1
"""More than every client can hold (RFC 9111 §1.2.2); no limit's window is that long."""
DATABASE_RETRY_S = 5.0
"""Seconds after which it is worth while to ask again whether the database is back."""
MAX_FAULTS = 50
"""How many faults one answer lists; a body can hold more than anyone reads."""

DEFAULT_CODES: Mapping[int, str] = {
    400: "malformed_request",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    421: "host_not_served",
    422: "not_processable",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
    504: "timeout",
}
"""The code an error carries when whoever raised it named none."""


class HttpError(ServiceError):
    """Root of everything this package raises."""


class ServerStartError(HttpError):
    """The server could not listen on ``host:port``; ``setting`` is the YAML key to change."""

    def __init__(self, host: str, port: int, setting: str, reason: str) -> None:
        super().__init__(host, port, setting, reason)
        self.host, self.port, self.setting, self.reason = host, port, setting, reason

    def __str__(self) -> str:
        if self.setting.endswith("tls_certificate"):
            where = f"{self.host}:{self.port}"
            return f"cannot serve https on {where}: {self.reason}; see {self.setting} and tls_key"
        return (
            f"cannot listen on {self.host}:{self.port} ({self.reason}): "
            f"stop what uses it or choose another with `--set {self.setting}=PORT`"
        )


class ApiError(HttpError):
    """A refusal to answer with: ``status`` (HTTP), a stable ``code`` and a ``description`` for a person.

    ``errors`` lists several (description, code) pairs instead of one. ``retry_after_s`` becomes the
    ``Retry-After`` header in whole seconds, rounded up, never below one. ``headers`` are added as they are.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        description: str = "",
        *,
        retry_after_s: float | None = None,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, description)
        self.status = status
        self.code = code or (errors[0][1] if errors else DEFAULT_CODES.get(status, "error"))
        self.description = description or (errors[0][0] if errors else status_phrase(status))
        self.retry_after_s = retry_after_s
        self.errors = tuple(errors[:MAX_FAULTS]) or ((self.description, self.code),)
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.description}"

    def reply_headers(self) -> dict[str, str]:
        """Headers the answer carries besides content type and tracking id."""
        if self.retry_after_s is None:
            return self.headers
        return {**self.headers, "Retry-After": retry_after(self.retry_after_s)}


def status_phrase(status: int) -> str:
    """The standard reason phrase of an HTTP status, or ``Error``."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def retry_after(seconds: float) -> str:
    """``Retry-After`` value: whole seconds, rounded up, at least one (RFC 9110 §10.2.3).

    Never less than is asked: whoever obeyed a shorter time would be refused again.
    """
    if seconds >= LONGEST_WAIT_S:
        return str(LONGEST_WAIT_S)
    return str(max(math.ceil(seconds), 1)) if math.isfinite(seconds) else "1"


def database_away(fault: Exception) -> ApiError | None:
    """The refusal while the database takes no work; None where ``fault`` is no such thing.

    The engine's own words, which may name hosts and files, go to the log and not to callers.
    """
    match fault:
        case DatabaseBusy():
            return ApiError(
                503,
                "database_busy",
                "another process holds the database: nothing was stored; end what locks it, then try again",
                retry_after_s=DATABASE_RETRY_S,
            )
        case DatabaseFull():
            return ApiError(
                503,
                "database_full",
                "the disk of the database is full: nothing was stored; free space, then try again",
                retry_after_s=DATABASE_RETRY_S,
            )
        case DatabaseOverloaded():
            return ApiError(
                503,
                "database_overloaded",
                "too many writes wait for the database: nothing was stored; send more slowly",
                retry_after_s=1,
            )
        case DatabaseUnavailable():
            return ApiError(
                503,
                "database_unavailable",
                "the database cannot be reached; what was being stored may be there: a request with an "
                "Idempotency-Key can be repeated safely",
                retry_after_s=DATABASE_RETRY_S,
            )
        case DatabaseClosed():
            return ApiError(
                503, "database_closed", "the service is ending; try again once it is back", retry_after_s=1
            )
    return None


def error_body(message: str, errors: Sequence[tuple[str, str]], tracking_id: str) -> bytes:
    """The JSON document of an error, as bytes."""
    document = {
        "message": message,
        "errors": [{"description": description, "code": code} for description, code in errors],
        "trackingId": tracking_id,
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
