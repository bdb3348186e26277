"""Errors of the mock carriers.

```
CarrierError
├── CarrierUnknown        no carrier of this name runs here
├── PortTaken             the address a carrier listens on is in use; names the setting
├── SettingFixed          a part of a profile that cannot be switched while its carrier runs
├── NobodyToDeliverTo     an inbound text for a number that no account owns
└── InboundInvalid        an inbound text that cannot be written
```
"""


class CarrierError(Exception):
    """Root of the errors of `gateway.carriers`."""


class CarrierUnknown(CarrierError):
    """No carrier of this name runs here."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        return f"no carrier {self.name!r} runs here: there are {', '.join(self.known) or 'none'}"


class PortTaken(CarrierError):
    """The address a carrier listens on is in use."""

    def __init__(self, carrier: str, host: str, port: int) -> None:
        super().__init__(carrier, host, port)
        self.carrier, self.host, self.port = carrier, host, port

    def __str__(self) -> str:
        return (
            f"carrier {self.carrier} cannot listen on {self.host}:{self.port}, the port is taken: "
            f"set carriers.port (the first of all) or carriers.networks.{self.carrier}.port"
        )


class SettingFixed(CarrierError):
    """A part of a profile that cannot be switched while its carrier runs; `advice` says what to do."""

    def __init__(self, name: str, advice: str) -> None:
        super().__init__(name, advice)
        self.name, self.advice = name, advice

    def __str__(self) -> str:
        return f"{self.name} is no setting to switch: {self.advice}"


class NobodyToDeliverTo(CarrierError):
    """No account of the carrier owns the destination of an inbound text, and none is the default."""

    def __init__(self, carrier: str) -> None:
        super().__init__(carrier)
        self.carrier = carrier

    def __str__(self) -> str:
        return (
            f"no account of carrier {self.carrier} owns this number: "
            f"list it under an account's numbers, or make an account the default"
        )


class InboundInvalid(CarrierError):
    """An inbound text that cannot be written: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"this inbound text cannot be written: {self.reason}"
