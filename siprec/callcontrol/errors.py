"""What may go wrong when somebody asks the simulated call control for something.

CallingError
├── AddressTaken        its SIP port cannot be bound: `host`, `port`, `reason`
├── UnknownPhone        there is no such telephone: `phone`
├── UnknownCall         there is no such call: `call`
└── NotOffered          the telephone does not show such a key now: `phone`, `key`
"""


class CallingError(Exception):
    """Root of the errors of `siprec.callcontrol`."""


class AddressTaken(CallingError):
    """The address of the call control cannot be listened on."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        return (
            f"the call control cannot listen on {self.host}:{self.port} ({self.reason}): stop what uses it, "
            "choose another with `--set calling.port=PORT`, or none with `--set calling.enabled=false`"
        )


class UnknownPhone(CallingError):
    """There is no such telephone."""

    def __init__(self, phone: str) -> None:
        super().__init__(phone)
        self.phone = phone

    def __str__(self) -> str:
        return f"there is no telephone called {self.phone}"


class UnknownCall(CallingError):
    """There is no such call."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return f"there is no call {self.call}"


class NotOffered(CallingError):
    """The telephone does not show such a key now."""

    def __init__(self, phone: str, key: str) -> None:
        super().__init__(phone, key)
        self.phone, self.key = phone, key

    def __str__(self) -> str:
        return f"{self.phone} does not show {self.key} now"
