"""A network in memory under virtual time: SIP endpoints with seeded loss, duplication and reordering."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from siprec.sip import Endpoint, EndpointConfig, SequentialIds, Transport
from siprec.sip.events import CloseConnection, Event, SendMessage

Address = tuple[str, int]


@dataclass(kw_only=True)
class Weather:
    """What happens to a datagram: chances of loss and of a second copy, delay and its spread in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay_s: float = 0.01
    jitter_s: float = 0.0


@dataclass
class Node:
    """An endpoint at an address, and every event it reported."""

    address: Address
    endpoint: Endpoint
    on_event: Callable[[Event], None]
    events: list[Event] = field(default_factory=list)

    def of(self, *kinds: type) -> list[Event]:
        """Return the events of these classes."""
        return [event for event in self.events if isinstance(event, kinds)]


class VirtualNetwork:
    """Endpoints joined by UDP (with weather) and by TCP (in order, lossless, cut into random pieces)."""

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        self.now = 0.0
        self.weather = weather or Weather()
        self.wire: list[tuple[float, Address, Address, bytes]] = []
        """Every datagram offered: time, sender, receiver, bytes; lost ones too."""
        self._random = random.Random(seed)  # noqa: S311 - reproducible weather
        self._nodes: dict[Address, Node] = {}
        self._flights: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._links: dict[tuple[Address, int], tuple[Address, int]] = {}
        self._arrival: dict[tuple[Address, int], float] = {}

    def add(
        self,
        host: str,
        port: int = 5060,
        config: EndpointConfig | None = None,
        on_event: Callable[[Node, Event], None] | None = None,
    ) -> Node:
        """Put an endpoint on the network; `on_event` is called with the node and each event."""
        endpoint = Endpoint(config or EndpointConfig(), SequentialIds(f"{host.replace('.', '-')}-"))
        for transport in (Transport.UDP, Transport.TCP):
            endpoint.set_local(transport, host, port)
        node = Node((host, port), endpoint, lambda event: None)
        if on_event is not None:
            node.on_event = lambda event: on_event(node, event)
        self._nodes[node.address] = node
        return node

    def inject(self, receiver: Node, data: bytes, source: Address) -> None:
        """Deliver a datagram at once, from anywhere."""
        receiver.endpoint.receive_datagram(data, source, self.now)
        self._flush(receiver)

    def run(self, until: float) -> None:
        """Let time pass: deliver what flies, fire what is due."""
        for node in self._nodes.values():
            self._flush(node)
        while True:
            due = self._next_due()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self._step()
        self.now = until

    def _next_due(self) -> float | None:
        times = [self._flights[0][0]] if self._flights else []
        for node in self._nodes.values():
            deadline = node.endpoint.next_deadline()
            if deadline is not None:
                times.append(deadline)
        return min(times) if times else None

    def _step(self) -> None:
        while self._flights and self._flights[0][0] <= self.now:
            heapq.heappop(self._flights)[2]()
        for node in self._nodes.values():
            deadline = node.endpoint.next_deadline()
            if deadline is not None and deadline <= self.now:
                node.endpoint.handle_timeout(self.now)
            self._flush(node)

    def _flush(self, node: Node) -> None:
        while True:
            events = node.endpoint.take_events()
            for event in events:
                node.events.append(event)
                node.on_event(event)
            commands = node.endpoint.take_commands()
            for command in commands:
                if isinstance(command, SendMessage):
                    self._send(node, command)
                else:
                    self._close(node, command)
            if not events and not commands:
                return

    def _send(self, node: Node, command: SendMessage) -> None:
        receiver = (command.target.host, command.target.port)
        self.wire.append((self.now, node.address, receiver, command.data))
        if command.target.transport is Transport.UDP:
            self._send_datagram(node, receiver, command.data)
        else:
            self._send_stream(node, command)

    def _send_datagram(self, node: Node, receiver: Address, data: bytes) -> None:
        copies = 1 + (self._random.random() < self.weather.duplicate)
        for _ in range(copies):
            if self._random.random() < self.weather.loss:
                continue
            delay_s = self.weather.delay_s + self._random.random() * self.weather.jitter_s
            self._fly(self.now + delay_s, lambda: self._deliver(receiver, data, node.address))

    def _fly(self, when: float, arrive: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._flights, (when, self._count, arrive))

    def _deliver(self, receiver: Address, data: bytes, source: Address) -> None:
        node = self._nodes.get(receiver)
        if node is not None:
            node.endpoint.receive_datagram(data, source, self.now)
            self._flush(node)

    def _send_stream(self, node: Node, command: SendMessage) -> None:
        link = self._link(node, command)
        if link is None:
            node.endpoint.send_failed(command.ticket, "connection refused", self.now)
            return
        data, start = command.data, 0
        while start < len(data):
            end = start + self._random.randint(1, max(1, len(data) // 3))
            self._fly_in_order(link, data[start:end])
            start = end

    def _fly_in_order(self, link: tuple[Address, int], piece: bytes) -> None:
        """Schedule bytes of a stream behind those sent before them."""
        when = max(self._arrival.get(link, 0.0), self.now + self.weather.delay_s)
        self._arrival[link] = when
        address, number = link
        self._fly(when, lambda: self._deliver_stream(address, number, piece))

    def _deliver_stream(self, address: Address, number: int, piece: bytes) -> None:
        node = self._nodes[address]
        node.endpoint.receive_data(number, piece, self.now)
        self._flush(node)

    def _link(self, node: Node, command: SendMessage) -> tuple[Address, int] | None:
        target = command.target
        if target.connection is not None and (node.address, target.connection) in self._links:
            return self._links[node.address, target.connection]
        peer = self._nodes.get((target.host, target.port))
        if peer is None:
            return None
        for (address, _), far in self._links.items():
            if address == node.address and far[0] == peer.address:
                return far
        return self._connect(node, peer, target.transport)

    def _connect(self, node: Node, peer: Node, transport: Transport) -> tuple[Address, int]:
        self._count += 1
        near, far = self._count, self._count + 1
        self._count += 1
        self._links[node.address, near] = (peer.address, far)
        self._links[peer.address, far] = (node.address, near)
        node.endpoint.connection_made(near, transport, peer.address, self.now, incoming=False)
        peer.endpoint.connection_made(far, transport, node.address, self.now)
        return peer.address, far

    def cut(self, node: Node) -> None:
        """Break every stream of a node, as a restarted firewall would."""
        for address, number in [link for link in self._links if link[0] == node.address]:
            far = self._links.pop((address, number))
            self._links.pop(far, None)
            node.endpoint.connection_lost(number)
            self._nodes[far[0]].endpoint.connection_lost(far[1])

    def _close(self, node: Node, command: CloseConnection) -> None:
        far = self._links.pop((node.address, command.connection), None)
        if far is not None:
            self._links.pop(far, None)
            self._nodes[far[0]].endpoint.connection_lost(far[1])
