"""Two SMPP sessions joined in memory, and hypothesis strategies for every PDU.

`SessionPair` moves octets between an ESME and an SMSC session on a clock you turn; nothing sleeps. `pdus()`
draws any valid PDU of the grammar (it needs the `hypothesis` package).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gateway.smpp.constants import InterfaceVersion
from gateway.smpp.events import BindRequested, Event
from gateway.smpp.fields import DistributionList, FieldSpec, Kind, SmeAddress, UnsuccessfulDelivery
from gateway.smpp.matrix import Role
from gateway.smpp.pdu import CLASSES, Bind, BindTransceiver, Pdu, response_to
from gateway.smpp.session import SessionSettings, SmppSession
from gateway.smpp.tlv import Tlv

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_DEFAULTS = SessionSettings()


class SessionPair:
    """An ESME and an SMSC session on one wire. `now` is the wire's time; set it, or `pass_time`."""

    def __init__(
        self, esme: SessionSettings = _DEFAULTS, smsc: SessionSettings = _DEFAULTS, now: float = 0.0
    ) -> None:
        self.now = now
        self.esme = SmppSession(Role.ESME, esme, now=now)
        self.smsc = SmppSession(Role.SMSC, smsc, now=now)

    def exchange(self, rounds: int = 4) -> None:
        """Carry octets both ways until nothing moves."""
        for _ in range(rounds):
            to_smsc, to_esme = self.esme.data_to_send(), self.smsc.data_to_send()
            if not (to_smsc or to_esme):
                return
            if to_smsc:
                self.smsc.receive_data(to_smsc, self.now)
            if to_esme:
                self.esme.receive_data(to_esme, self.now)

    def bind(self, bind: Bind | None = None) -> tuple[list[Event], list[Event]]:
        """Bind (transceiver, 3.4 unless told) and return the events of ESME and SMSC."""
        request = bind or BindTransceiver(system_id="guest", interface_version=InterfaceVersion.V34)
        self.esme.send(request, self.now)
        self.exchange()
        events = self.smsc.events()
        for event in events:
            if isinstance(event, BindRequested):
                self.smsc.respond(event.pdu, response_to(event.pdu, system_id="carrier"), self.now)
        self.exchange()
        return self.esme.events(), events + self.smsc.events()

    def session(self, role: Role) -> SmppSession:
        """The session of this side."""
        return self.esme if role is Role.ESME else self.smsc

    def pass_time(self, seconds: float) -> None:
        """Let time pass; timers of both sides fire in order on the way, and what they send is carried."""
        end = self.now + seconds
        while True:
            deadlines = [each.next_deadline() for each in (self.esme, self.smsc)]
            due = min((deadline for deadline in deadlines if deadline is not None), default=None)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.esme.handle_timeout(self.now)
            self.smsc.handle_timeout(self.now)
            self.exchange()
        self.now = end


def pdus(classes: Sequence[type[Pdu]] | None = None) -> "SearchStrategy[Pdu]":
    """A hypothesis strategy: any valid PDU, of `classes` or of all."""
    from hypothesis import strategies as st  # noqa: PLC0415

    chosen = tuple(classes or CLASSES.values())
    return st.sampled_from(chosen).flatmap(lambda cls: _pdu(st, cls))


def _pdu(st: Any, cls: Any) -> Any:
    fields = {spec.name: _field(st, spec) for spec in cls.grammar}
    fields["sequence_number"] = st.integers(0, 0xFFFF_FFFF)
    fields["command_status"] = st.sampled_from((0, 0x08, 0x58, 0x401, 0xFFFF_FFFF))
    if cls.has_body:
        tlv = st.builds(Tlv, st.integers(0, 0xFFFF), st.binary(max_size=40))
        fields["tlvs"] = st.lists(tlv, max_size=4).map(tuple)
    return st.builds(cls, **fields)


def _field(st: Any, spec: FieldSpec) -> Any:
    address = _text(st, 20)
    octet = st.integers(0, 255)
    by_kind: dict[Kind, Callable[[], Any]] = {
        Kind.INTEGER: lambda: st.integers(0, (1 << (8 * spec.octets)) - 1),
        Kind.CSTRING: lambda: _text(st, spec.octets - 1),
        Kind.SHORT_MESSAGE: lambda: st.binary(max_size=spec.octets),
        Kind.DESTINATIONS: lambda: st.lists(
            st.builds(SmeAddress, octet, octet, address) | st.builds(DistributionList, address),
            min_size=1,
            max_size=5,
        ).map(tuple),
        Kind.UNSUCCESSFUL: lambda: st.lists(
            st.builds(UnsuccessfulDelivery, octet, octet, address, st.integers(0, 0xFFFF_FFFF)), max_size=5
        ).map(tuple),
    }
    return by_kind[spec.kind]()


def _text(st: Any, size: int) -> Any:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=size)
