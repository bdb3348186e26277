"""Where a message came from and where one goes: transports, flows and targets."""

from dataclasses import dataclass
from enum import StrEnum

from siprec.sip.errors import DestinationError

MAX_PORT = 65_535
MAX_UDP_PAYLOAD = 65_507
"""Bytes that fit one IPv4 datagram."""


class Transport(StrEnum):
    """The transports of RFC 3261 §18, by their name in a `transport` parameter."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def reliable(self) -> bool:
        """Whether the transport itself retransmits (§17)."""
        return self is not Transport.UDP

    @property
    def via(self) -> str:
        """Its name in a Via header."""
        return self.value.upper()

    @property
    def default_port(self) -> int:
        """5061 for TLS, else 5060 (§19.1.2)."""
        return 5061 if self is Transport.TLS else 5060


@dataclass(frozen=True, slots=True)
class Flow:
    """The way a message came: transport, the peer's address, and for streams the connection's number."""

    transport: Transport
    host: str
    port: int
    connection: int | None = None

    def target(self) -> "Target":
        """Return the way back along this flow."""
        return Target(self.transport, self.host, self.port, self.connection)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: an address (host may be a name), and the connection to prefer if it is still up."""

    transport: Transport
    host: str
    port: int
    connection: int | None = None


def check_destination(host: str, port: int) -> None:
    """Refuse an address that must never reach `sendto`.

    An event loop closes a datagram socket for good on a port above 65,535, so one Via that says 70000 would
    silence the whole endpoint.

    Raises `DestinationError`.
    """
    if not 0 < port <= MAX_PORT:
        raise DestinationError(host, port, "port is outside 1-65535")
    if not host:
        raise DestinationError(host, port, "host is empty")


def is_address(host: str) -> bool:
    """Tell whether `host` is an IPv4 or IPv6 literal rather than a name."""
    return ":" in host or (host.replace(".", "").isdigit() and host.count(".") == 3)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URI or Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
