"""Errors of the links to carriers.

```
EsmeError
├── QueueFull       the carrier's queue holds `limit` messages already
├── UnknownCarrier  no binds are configured for it
└── NotBound        no bind is up to carry a query, cancel or replace
```
"""


class EsmeError(Exception):
    """Root of the errors of `gateway.esme`; `carrier` is the carrier concerned."""

    def __init__(self, carrier: str, *details: object) -> None:
        super().__init__(carrier, *details)
        self.carrier = carrier


class QueueFull(EsmeError):
    """As many messages wait for this carrier as may."""

    def __init__(self, carrier: str, limit: int) -> None:
        super().__init__(carrier, limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} messages wait for {self.carrier} (esme.carriers.{self.carrier}.queue_limit)"


class UnknownCarrier(EsmeError):
    """No binds are configured for this carrier."""

    def __str__(self) -> str:
        return f"no binds to {self.carrier}: add esme.carriers.{self.carrier}"


class NotBound(EsmeError):
    """No transmitting bind to this carrier is up."""

    def __str__(self) -> str:
        return f"no bind to {self.carrier} is up"
