"""Every error this package raises or reports.

```
SmppError
├── ProtocolError                   a rule of SMPP was broken; `command_status` is its wire code
│   ├── LocalProtocolError          by our own caller: nothing was sent
│   │   ├── FieldInvalid            a value the grammar cannot carry
│   │   ├── OperationNotAllowed     not in this state or role (`matrix`)
│   │   ├── WindowFull              wait for `window_free`
│   │   └── NotOpen                 the session is closed or draining
│   └── RemoteProtocolError         by the peer
│       ├── RecoverableError        answered; the session goes on
│       │   ├── BodyMalformed       a known command whose body does not follow the grammar
│       │   ├── CommandUnknown      generic_nack
│       │   ├── OperationRefused    not in this state or role
│       │   └── ReceiveWindowExceeded
│       └── FatalError              the byte stream cannot be trusted: closed
│           └── CommandLengthInvalid
└── RequestError                    a request of ours found no usable answer
    ├── RequestTimedOut             a late answer may still come
    ├── RequestAbandoned            the session ended first
    ├── ResponseMalformed           answered, unreadable
    └── BindFailed                  refused, timed out or cut off before it was bound
```
"""

from gateway.smpp.constants import CommandStatus, command_name, status_name


class SmppError(Exception):
    """Root of every error of `gateway.smpp`."""


class ProtocolError(SmppError):
    """A rule of SMPP was broken; `command_status` is the wire code that says which."""

    command_status: int = CommandStatus.RSYSERR


class LocalProtocolError(ProtocolError):
    """Our own caller asked for something the protocol forbids; nothing was sent."""


class FieldInvalid(LocalProtocolError):
    """A field holds a value the grammar cannot carry."""

    def __init__(self, field: str, reason: str, command_status: int = CommandStatus.RSYSERR) -> None:
        super().__init__(field, reason, command_status)
        self.field, self.reason, self.command_status = field, reason, command_status

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class OperationNotAllowed(LocalProtocolError):
    """The command may not be sent by this role in this state (SMPP 3.4 §2.3)."""

    command_status = CommandStatus.RINVBNDSTS

    def __init__(self, command_id: int, role: str, state: str) -> None:
        super().__init__(command_id, role, state)
        self.command_id, self.role, self.state = command_id, role, state

    def __str__(self) -> str:
        return f"{command_name(self.command_id)} may not be sent by an {self.role} in state {self.state}"


class WindowFull(LocalProtocolError):
    """As many requests are outstanding as the window allows."""

    command_status = CommandStatus.RMSGQFUL

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.window = window

    def __str__(self) -> str:
        return f"{self.window} requests are outstanding: wait until window_free is above 0"


class NotOpen(LocalProtocolError):
    """The session is closed, or is draining before its unbind, and takes no new request."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state

    def __str__(self) -> str:
        return f"the session is {self.state} and takes no new request"


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol; `sequence_number` is that of the offending PDU, 0 if it was unreadable."""

    def __init__(self, command_status: int, sequence_number: int, *details: object) -> None:
        super().__init__(command_status, sequence_number, *details)
        self.command_status, self.sequence_number = command_status, sequence_number


class RecoverableError(RemoteProtocolError):
    """The peer's PDU was answered with `command_status`; the session goes on."""


class BodyMalformed(RecoverableError):
    """The body of a known command does not follow its grammar."""

    def __init__(
        self, command_id: int, command_status: int, sequence_number: int, field: str, reason: str
    ) -> None:
        super().__init__(command_status, sequence_number, command_id, field, reason)
        self.command_id, self.field, self.reason = command_id, field, reason

    def __str__(self) -> str:
        status = status_name(self.command_status)
        return f"{command_name(self.command_id)}.{self.field}: {self.reason} ({status})"


class CommandUnknown(RecoverableError):
    """No such `command_id` in SMPP 3.4; answered with generic_nack."""

    def __init__(self, command_id: int, sequence_number: int) -> None:
        super().__init__(CommandStatus.RINVCMDID, sequence_number, command_id)
        self.command_id = command_id

    def __str__(self) -> str:
        return f"command_id 0x{self.command_id:08X} is unknown"


class OperationRefused(RecoverableError):
    """The peer sent a command its role may not send in this state."""

    def __init__(self, command_id: int, command_status: int, sequence_number: int, state: str) -> None:
        super().__init__(command_status, sequence_number, command_id, state)
        self.command_id, self.state = command_id, state

    def __str__(self) -> str:
        return f"{command_name(self.command_id)} in state {self.state} ({status_name(self.command_status)})"


class ReceiveWindowExceeded(RecoverableError):
    """The peer has more requests unanswered than `receive_window` allows."""

    def __init__(self, command_id: int, command_status: int, sequence_number: int, window: int) -> None:
        super().__init__(command_status, sequence_number, command_id, window)
        self.command_id, self.window = command_id, window

    def __str__(self) -> str:
        return f"{command_name(self.command_id)} beyond the receive window of {self.window}"


class FatalError(RemoteProtocolError):
    """The byte stream cannot be trusted any more; the session is closed."""


class CommandLengthInvalid(FatalError):
    """`command_length` is below the header's 16 octets or above the configured limit."""

    def __init__(self, command_length: int, limit: int, sequence_number: int) -> None:
        super().__init__(CommandStatus.RINVCMDLEN, sequence_number, command_length, limit)
        self.command_length, self.limit = command_length, limit

    def __str__(self) -> str:
        return f"command_length {self.command_length} is outside 16…{self.limit}"


class RequestError(SmppError):
    """A request of ours found no usable answer; `command_id` and `sequence_number` are the request's."""

    def __init__(self, command_id: int, sequence_number: int, reason: str) -> None:
        super().__init__(command_id, sequence_number, reason)
        self.command_id, self.sequence_number, self.reason = command_id, sequence_number, reason

    def __str__(self) -> str:
        return f"{command_name(self.command_id)} #{self.sequence_number}: {self.reason}"


class RequestTimedOut(RequestError):
    """No response within the response timer; the peer may have acted on it, and a late response may come."""


class RequestAbandoned(RequestError):
    """The session ended before the response; the peer may have acted on the request."""


class ResponseMalformed(RequestError):
    """A response came for it whose body cannot be read; `command_status` is the header's."""

    def __init__(
        self, command_id: int, sequence_number: int, command_status: int, error: BodyMalformed
    ) -> None:
        super().__init__(command_id, sequence_number, str(error))
        self.command_status, self.error = command_status, error
        self.args = (command_id, sequence_number, command_status, error)


class BindFailed(RequestError):
    """The bind was refused (`command_status` is not 0), timed out or was cut off (`command_status` is 0)."""

    def __init__(self, command_id: int, command_status: int, reason: str) -> None:
        super().__init__(command_id, 0, reason)
        self.command_status = command_status
        self.args = (command_id, command_status, reason)

    def __str__(self) -> str:
        if self.command_status:
            return f"{command_name(self.command_id)} refused: {status_name(self.command_status)}"
        return f"{command_name(self.command_id)} failed: {self.reason}"
