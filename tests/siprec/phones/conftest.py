"""A recording server just good enough to be forked to, and a client session on a virtual network."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from siprec import metadata, multipart, sdp
from siprec.metadata import Dialect, Ledger
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import LocalStream, SourceEvent, SourcePlan, endpoint_config
from siprec.phones.src import SourceSession
from siprec.sip import EndpointConfig, Request
from siprec.sip.events import DialogEnded, Event, RequestReceived
from siprec.testing.network import Node, VirtualNetwork

ALICE = Party("sip:+12025550100@example.com", "Alice")
BOB = Party("sip:+12025550101@example.com")
CAROL = Party("sip:+14165550102@example.com", "Carol")
CALL = RecordedCall(ALICE, BOB, tenant=("Acme", "Dental", "alice@example.com"))
KEY = bytes(30)


@dataclass
class Heard:
    """One request as the server saw it."""

    request: Request
    offer: sdp.SessionDescription | None
    documents: list[metadata.Metadata]

    @property
    def method(self) -> str:
        return self.request.method


@dataclass
class Recorder:
    """Answers what it is sent; `statuses` are used up by INVITEs first, `silent` says nothing at all."""

    node: Node
    network: VirtualNetwork
    statuses: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    ended: int = 0
    silent: bool = False
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    dialogs: list[object] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        if isinstance(event, DialogEnded):
            self.ended += 1
        if not isinstance(event, RequestReceived) or self.silent:
            return
        request, endpoint, now = event.request, self.node.endpoint, self.network.now
        heard = self.read(request)
        self.heard.append(heard)
        if request.method == "INVITE" and self.statuses:
            endpoint.respond(event.transaction, self.statuses.pop(0), now=now)
            return
        for document in heard.documents:
            self.ledger.apply(document, b"", int(now * 1e9))
        body = b""
        if heard.offer is not None:
            streams = sdp.negotiate(heard.offer, codecs=self.codecs)
            ends = [
                sdp.Local("192.0.2.1", 40_000 + 2 * s.index, key=KEY) if s.accepted else None for s in streams
            ]
            body = sdp.answer(heard.offer, streams, ends, session_id=1, address="192.0.2.1").encode()
        dialog = endpoint.respond(
            event.transaction, 200, body=body, content_type=sdp.CONTENT_TYPE if body else None, now=now
        )
        self.dialogs.append(dialog)

    @staticmethod
    def read(request: Request) -> Heard:
        heard = Heard(request, None, [])
        content_type = request.headers.get("content-type")
        for part in multipart.split(content_type, request.body) if content_type else ():
            if part.content_type == sdp.CONTENT_TYPE:
                heard.offer = sdp.parse(part.body)
            elif part.content_type in metadata.CONTENT_TYPES:
                heard.documents.append(metadata.read(part.body))
        return heard


@dataclass
class Stage:
    """A client at 192.0.2.9 and servers at 192.0.2.1, .2 …"""

    network: VirtualNetwork
    session: SourceSession
    recorders: list[Recorder]
    events: list[SourceEvent]

    @property
    def recorder(self) -> Recorder:
        return self.recorders[0]

    def run(self, seconds: float = 1.0) -> None:
        """Let time pass, the session's own deadlines too."""
        until = self.network.now + seconds
        while True:
            due = self.session.next_deadline()
            step = min(until, max(due, self.network.now)) if due is not None else until
            self.network.run(step)
            if due is not None and due <= self.network.now:
                self.session.handle_timeout(self.network.now)
            self.events.extend(self.session.take_events())
            again = self.session.next_deadline()
            if self.network.now >= until and (again is None or again > until):
                return

    def of(self, kind: type) -> list[SourceEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def stage() -> Callable[..., Stage]:
    def build(
        dialect: Dialect = Dialect.RFC7866,
        *,
        servers: int = 1,
        call: RecordedCall = CALL,
        methods: tuple[str, ...] | None = None,
        **plan: object,
    ) -> Stage:
        network = VirtualNetwork()
        recorders: list[Recorder] = []
        config = EndpointConfig(methods=methods) if methods else EndpointConfig()
        config = EndpointConfig(
            methods=config.methods,
            supported=("timer", "siprec"),
            contact_features=";+sip.srs",
            accept=("multipart/mixed", sdp.CONTENT_TYPE, *metadata.CONTENT_TYPES),
            session_timer=None,
        )
        for number in range(1, servers + 1):
            node = network.add(f"192.0.2.{number}", config=config)
            recorder = Recorder(node, network)
            node.on_event = recorder.on_event
            recorders.append(recorder)
        owners: dict[object, SourceSession] = {}
        client = network.add("192.0.2.9", config=endpoint_config(dialect))
        rng = random.Random(7)
        uris = tuple(f"sip:srs@192.0.2.{n}:5060" for n in range(1, servers + 1))
        session = SourceSession(
            SourcePlan(uris, dialect, **plan),  # type: ignore[arg-type]
            call,
            client.endpoint,
            owners,
            [LocalStream("192.0.2.9", 30_000 + 2 * n, key=KEY) for n in range(len(call.labels))],
            lambda: UUID(int=rng.getrandbits(128), version=4),
            rng,
        )

        def on_event(event: Event) -> None:
            owner = owners.get(getattr(event, "transaction", None)) or owners.get(
                getattr(event, "dialog", None)
            )
            if owner is not None:
                owner.handle(event, network.now)

        client.on_event = on_event
        return Stage(network, session, recorders, [])

    return build
