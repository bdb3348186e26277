"""A pcap or pcapng capture read as a trace: SMPP on any port, recognised by content.

Conversations are numbered in the order in which their first PDU was seen. Who is the ESME is known by what is
sent (a bind, a submit_sm, the answers to them); PDUs that either side may send wait until that is known, and
are taken by who opened the connection where it never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from gateway.replay.network import ACK, FIN, RST, SYN, Segment, Unreadable, endpoint_name, tcp_segment
from gateway.replay.packets import Packet, read_packets
from gateway.replay.smpp_stream import Found, SmppStream
from gateway.replay.tcp import Stretch, TcpDirection
from gateway.replay.trace import (
    ConversationClosed,
    ConversationOpened,
    PartUnreadable,
    PduCaptured,
    Position,
    Side,
    TraceEvent,
)
from gateway.smpp.constants import CommandId as C
from gateway.smpp.pdu import Pdu

MAX_CONVERSATIONS: Final = 65_536
"""Connections kept in mind at a time; beyond, the one that was opened first is given up."""
_MAX_HELD: Final = 256

_SENDERS: Final[dict[int, Side]] = {
    **dict.fromkeys(
        (C.BIND_RECEIVER, C.BIND_TRANSMITTER, C.BIND_TRANSCEIVER, C.SUBMIT_SM, C.SUBMIT_MULTI, C.QUERY_SM,
         C.REPLACE_SM, C.CANCEL_SM, C.DELIVER_SM_RESP), Side.ESME,
    ),
    **dict.fromkeys(
        (C.BIND_RECEIVER_RESP, C.BIND_TRANSMITTER_RESP, C.BIND_TRANSCEIVER_RESP, C.SUBMIT_SM_RESP,
         C.SUBMIT_MULTI_RESP, C.QUERY_SM_RESP, C.REPLACE_SM_RESP, C.CANCEL_SM_RESP, C.DELIVER_SM,
         C.OUTBIND, C.ALERT_NOTIFICATION), Side.SMSC,
    ),
}  # fmt: skip

_BOUNDS: Final = SYN | FIN | RST

_Ends = tuple[bytes, int, bytes, int]


class _Flow:
    """One connection; direction 0 is from the end that was seen (or opened it) first."""

    __slots__ = ("_held", "_opened", "_sender", "closing", "directions", "ends", "number", "streams")

    def __init__(self, ends: _Ends) -> None:
        self.ends = ends
        self.number = 0
        self.directions = (TcpDirection(), TcpDirection())
        self.streams: list[SmppStream | None] = [None, None]
        self.closing = [False, False]
        self._opened: int | None = None
        self._sender: list[Side] | None = None
        self._held: list[tuple[int, int, Pdu, Position]] = []

    @property
    def name(self) -> str:
        """`10.0.0.1:40000 > 10.0.0.2:2775`."""
        return f"{endpoint_name(*self.ends[:2])} > {endpoint_name(*self.ends[2:])}"

    @property
    def foreign(self) -> bool:
        """Whether neither direction is SMPP."""
        return all(stream is not None and stream.foreign for stream in self.streams)

    def open_from(self, direction: int) -> None:
        """A SYN without ACK came from this end: the client."""
        self._opened = direction

    def sender(self, direction: int) -> Side | None:
        """Who speaks in this direction, once that is known."""
        return None if self._sender is None else self._sender[direction]

    def take(self, direction: int, pdu: Pdu, at_ns: int, position: Position) -> list[PduCaptured]:
        """The PDU with its sender, after those that waited for it to be known."""
        sender = _SENDERS.get(pdu.command_id)
        if self._sender is None and sender is not None:
            self._sender = [sender, sender.other] if direction == 0 else [sender.other, sender]
        self._held.append((at_ns, direction, pdu, position))
        return self.release(force=len(self._held) > _MAX_HELD)

    def release(self, *, force: bool) -> list[PduCaptured]:
        """The PDUs whose sender is known; with `force` all, by who opened the connection."""
        if self._sender is None and force:
            esme_first = self._opened != 1
            self._sender = [Side.ESME, Side.SMSC] if esme_first else [Side.SMSC, Side.ESME]
        if self._sender is None:
            return []
        held, self._held = self._held, []
        known = self._sender
        return [PduCaptured(at, self.number, known[side], pdu, where) for at, side, pdu, where in held]


class PcapReader:
    """Reads one capture; `read` is its trace."""

    def __init__(self, stream: BinaryIO) -> None:
        self._packets = read_packets(stream)
        self._flows: dict[_Ends, _Flow] = {}
        self._conversations = 0
        self._reported: set[str] = set()

    def read(self) -> Iterator[TraceEvent]:
        """Every event of the capture."""
        at_ns, position = 0, Position("packet", 0, 0)
        for packet in self._packets:
            if isinstance(packet, PartUnreadable):
                yield packet
                continue
            at_ns, position = packet.at_ns, packet.position
            yield from self._packet(packet)
        for flow in list(self._flows.values()):
            yield from self._end(flow, at_ns, position)

    def _packet(self, packet: Packet) -> Iterable[TraceEvent]:
        try:
            segment = tcp_segment(packet)
        except Unreadable as error:
            if str(error) in self._reported:  # one line a reason: such packets come by the thousand
                return ()
            self._reported.add(str(error))
            return (PartUnreadable(packet.position, str(error)),)
        if segment is None:
            return ()
        if segment.missing or segment.flags & _BOUNDS:
            return self._read_segment(segment, packet.at_ns, packet.position)
        return self._read_data(segment, packet.at_ns, packet.position) if segment.data else ()

    def _read_data(self, segment: Segment, at_ns: int, position: Position) -> Iterable[TraceEvent]:
        """The usual case, without a detour: the next octets of a conversation that is known."""
        flow, direction = self._flow(segment)
        stretches = flow.directions[direction].add(segment.sequence, segment.data)
        stream, sender = flow.streams[direction], flow.sender(direction)
        if stream is None or sender is None or not flow.number or len(stretches) != 1 or stretches[0].lost:
            return self._stretches(flow, direction, stretches, at_ns, position)
        found = stream.feed(stretches[0].data)
        if len(found) == 1 and found[0][0] is not None:
            return (PduCaptured(at_ns, flow.number, sender, found[0][0], position),)
        return [
            PartUnreadable(position, f"{flow.name}: {reason}")
            if pdu is None
            else PduCaptured(at_ns, flow.number, sender, pdu, position)
            for pdu, reason in found
        ]

    def _read_segment(self, segment: Segment, at_ns: int, position: Position) -> Iterator[TraceEvent]:
        flow, direction = self._flow(segment)
        if segment.flags & SYN:
            if flow.directions[direction].begun and flow.streams[direction] is not None:
                if not flow.directions[direction].begin(segment.sequence):
                    return
                yield from self._end(flow, at_ns, position)  # the same ports for another connection
                flow, direction = self._flow(segment)
            flow.directions[direction].begin(segment.sequence)
            if not segment.flags & ACK:
                flow.open_from(direction)
            sequence = (segment.sequence + 1) & 0xFFFF_FFFF
        else:
            sequence = segment.sequence
        yield from self._stretches(
            flow, direction, flow.directions[direction].add(sequence, segment.data), at_ns, position
        )
        if segment.missing:
            flow.directions[direction].skip(segment.missing)
            yield from self._stretches(flow, direction, [Stretch(b"", segment.missing)], at_ns, position)
        if segment.flags & FIN:
            flow.closing[direction] = True
        if segment.flags & RST or all(flow.closing):
            yield from self._end(flow, at_ns, position)

    def _flow(self, segment: Segment) -> tuple[_Flow, int]:
        source = segment.source, segment.source_port
        destination = segment.destination, segment.destination_port
        flow = self._flows.get((*source, *destination))
        if flow is not None:
            return flow, 0
        flow = self._flows.get((*destination, *source))
        if flow is not None:
            return flow, 1
        if len(self._flows) >= MAX_CONVERSATIONS:
            del self._flows[next(iter(self._flows))]
        flow = self._flows[*source, *destination] = _Flow((*source, *destination))
        return flow, 0

    def _stretches(
        self, flow: _Flow, direction: int, stretches: list[Stretch], at_ns: int, position: Position
    ) -> Iterator[TraceEvent]:
        for stretch in stretches:
            stream = flow.streams[direction]
            if stream is None:
                begun = flow.directions[direction].begun
                stream = flow.streams[direction] = SmppStream(from_start=begun)
            found = stream.lose(stretch.lost) if stretch.lost else []
            yield from self._found(flow, direction, found + stream.feed(stretch.data), at_ns, position)

    def _found(
        self, flow: _Flow, direction: int, found: list[Found], at_ns: int, position: Position
    ) -> Iterator[TraceEvent]:
        for each in found:
            if each.pdu is None:
                yield PartUnreadable(position, f"{flow.name}: {each.reason}")
                continue
            if not flow.number:
                self._conversations += 1
                flow.number = self._conversations
                yield ConversationOpened(at_ns, flow.number, flow.name)
            yield from flow.take(direction, each.pdu, at_ns, position)

    def _end(self, flow: _Flow, at_ns: int, position: Position) -> Iterator[TraceEvent]:
        self._flows.pop(flow.ends, None)
        for direction, tcp in enumerate(flow.directions):
            while tcp.waits:
                yield from self._stretches(flow, direction, tcp.give_up(), at_ns, position)
            stream = flow.streams[direction]
            if stream is not None:
                yield from self._found(flow, direction, stream.finish(), at_ns, position)
        if flow.number:
            yield from flow.release(force=True)
            yield ConversationClosed(at_ns, flow.number)
