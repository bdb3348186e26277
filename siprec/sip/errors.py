"""Everything this package raises.

SipError
├── ParseError                  bytes that are not SIP; `status` is the answer they deserve
│   ├── UriError                a URI that breaks RFC 3261 §19.1 or §25
│   └── MessageTooLargeError    a limit on head, header count or body was passed (513)
├── UsageError                  the caller asked for something the protocol state forbids
│   └── DialogOverError         a request inside a dialog that is over
├── DestinationError            an address nothing may be sent to: port out of range, host empty
└── NoResponseError             a request that timed out, or whose transport failed (`aio` only)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siprec.sip.headers import Headers


class SipError(Exception):
    """Root of every error of `siprec.sip`."""


class ParseError(SipError):
    """A message that cannot be understood.

    `status` is the response code it deserves (RFC 3261 §21.4, §21.5), `what` the part at fault and `reason`
    the fault itself. For a request whose start line could be read, `method` and `headers` hold enough to
    answer it.
    """

    def __init__(self, what: str, reason: str, status: int = 400) -> None:
        super().__init__(what, reason, status)
        self.what = what
        self.reason = reason
        self.status = status
        self.method: str | None = None
        self.headers: Headers | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class UriError(ParseError):
    """A URI that breaks the grammar of RFC 3261 §25."""

    def __init__(self, reason: str) -> None:
        super().__init__("URI", reason)


class MessageTooLargeError(ParseError):
    """A limit was passed: `limit` is the most that is accepted, in bytes or in headers (RFC 3261 §21.5.8)."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, f"more than {limit}", 513)
        self.limit = limit


class UsageError(SipError):
    """The caller asked for something that the state of the transaction or dialog forbids."""

    def __init__(self, action: str, state: str) -> None:
        super().__init__(action, state)
        self.action = action
        self.state = state

    def __str__(self) -> str:
        return f"cannot {self.action} in state {self.state}"


class DialogOverError(UsageError):
    """A request was asked for inside a dialog that is over."""

    def __init__(self, action: str, call_id: str) -> None:
        super().__init__(action, "ended")
        self.call_id = call_id

    def __str__(self) -> str:
        return f"cannot {self.action}: dialog {self.call_id} has ended"


class DestinationError(SipError):
    """Nothing may be sent to this address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.host}:{self.port}: {self.reason}"


class NoResponseError(SipError):
    """A request got no final response: it timed out or the transport failed."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(method, reason)
        self.method = method
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.method}: {self.reason}"
