"""A user agent server under test, driven by bytes and read by bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from siprec.sip import Endpoint, EndpointConfig, Request, Response, SequentialIds, Transport
from siprec.sip.events import Event, SendMessage
from siprec.sip.message import Message
from siprec.sip.parse import parse_datagram

PEER = ("192.0.2.2", 5060)
E = TypeVar("E")


@dataclass
class Bench:
    """An endpoint at 192.0.2.1:5060 whose peer is the test."""

    endpoint: Endpoint
    now: float = 0.0
    events: list[Event] = field(default_factory=list)
    sent: list[SendMessage] = field(default_factory=list)

    def put(self, data: bytes, source: tuple[str, int] = PEER) -> None:
        """Let a datagram in and collect what comes of it."""
        self.endpoint.receive_datagram(data, source, self.now)
        self.collect()

    def collect(self) -> None:
        self.events += self.endpoint.take_events()
        self.sent += [c for c in self.endpoint.take_commands() if isinstance(c, SendMessage)]

    def wait(self, seconds: float) -> None:
        """Let time pass, firing what is due at its own moment."""
        until = self.now + seconds
        while (due := self.endpoint.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.endpoint.handle_timeout(self.now)
            self.collect()
        self.now = until

    def event(self, kind: type[E]) -> E:
        """Take the only event there is."""
        (found,) = self.events
        self.events.clear()
        assert isinstance(found, kind)
        return found

    def messages(self) -> list[Message]:
        """Take what was sent, parsed."""
        sent, self.sent = self.sent, []
        return [parse_datagram(command.data) for command in sent]

    def statuses(self) -> list[int]:
        """Take the status codes that were sent; anything but responses is a fault."""
        found = []
        for message in self.messages():
            assert isinstance(message, Response)
            found.append(message.status)
        return found

    def request(self) -> Request:
        """Take the only message sent, a request."""
        (message,) = self.messages()
        assert isinstance(message, Request)
        return message

    def response(self) -> Response:
        """Take the only message sent, a response."""
        (message,) = self.messages()
        assert isinstance(message, Response)
        return message


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    def make(**changes: object) -> Bench:
        endpoint = Endpoint(EndpointConfig(**changes), SequentialIds("our"))  # type: ignore[arg-type]
        for transport in Transport:
            endpoint.set_local(transport, "192.0.2.1", transport.default_port)
        return Bench(endpoint)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
