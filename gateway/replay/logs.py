"""What the readers of line-based captures share: lines with their places, links, PDUs made of a log's words.

A log tells of texts, not of PDUs; its readers make the PDUs such a text would have had. Times without a zone
are taken as UTC. A format without times gets evenly spaced ones, `SPACING_NS` apart from `TIMELESS_START_NS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from gateway.replay.trace import ConversationOpened, PduCaptured, Position, Side, TraceEvent
from gateway.smpp.constants import MessageState, Npi, RegisteredDelivery, Tag, Ton
from gateway.smpp.pdu import DeliverSm, DeliverSmResp, Pdu, SubmitSm, SubmitSmResp
from gateway.smpp.receipt import ESM_RECEIPT, write_receipt
from gateway.smpp.text import Alphabet, data_coding_for, encode_cheapest
from gateway.smpp.times import epoch_ns
from gateway.smpp.tlv import Tlv

MAX_LINE_BYTES: Final = 1 << 20
SPACING_NS: Final = 10_000_000
TIMELESS_START_NS: Final = 1_704_067_200 * 1_000_000_000
"""2024-01-01T00:00:00Z."""
_SEQUENCE_MAX: Final = 0x7FFF_FFFF
_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?Z?")
_MAX_SHORT_MESSAGE: Final = 254
_MAX_DIGITS: Final = 20


def lines(stream: BinaryIO) -> Iterator[tuple[Position, str]]:
    """Every line with its place, without its end; UTF-8, or Latin-1 where it is not."""
    number, octet = 0, 0
    while raw := stream.readline(MAX_LINE_BYTES):
        number += 1
        position = Position("line", number, octet)
        octet += len(raw)
        raw = raw.rstrip(b"\r\n")
        try:
            yield position, raw.decode()
        except UnicodeDecodeError:
            yield position, raw.decode("latin-1")


def read_time(text: str) -> int | None:
    """`2026-01-31 12:00:00[,123]` as nanoseconds since the epoch; None where there is no such time."""
    match = _TIME.match(text)
    if match is None:
        return None
    *fields, fraction = match.groups()
    try:
        whole_ns = epoch_ns(datetime(*map(int, fields), tzinfo=UTC))  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return whole_ns + int((fraction or "0").ljust(9, "0"))


def bracketed(line: str, keys: re.Pattern[str]) -> dict[str, str]:
    """The `[key:value] [key:value]` of a line; a value may hold brackets itself."""
    found: dict[str, str] = {}
    matches = list(keys.finditer(line))
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        end = following.start() if following is not None else len(line)
        found.setdefault(match[1], line[match.end() : end].rstrip().removesuffix("]"))
    return found


def address(text: str) -> tuple[int, int, str]:
    """TON, NPI and address of a number or name as a log writes it."""
    digits = text.strip().removeprefix("+")
    if digits.isascii() and digits.isdigit():
        international = text.strip().startswith("+") or len(digits) >= 10
        return (Ton.INTERNATIONAL if international else Ton.UNKNOWN), Npi.ISDN, digits[:_MAX_DIGITS]
    name = "".join(c for c in digits if 0 < ord(c) < 256)
    return (Ton.ALPHANUMERIC if name else Ton.UNKNOWN), Npi.UNKNOWN, name[:_MAX_DIGITS]


def encoded(text: str) -> tuple[int, bytes]:
    """data_coding and octets of a text."""
    alphabet, octets = encode_cheapest(text, (Alphabet.GSM7, Alphabet.UCS2))
    return data_coding_for(alphabet), octets


def printable(text: str) -> str:
    """The text without surrogates, which no alphabet carries."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class PduMaker:
    """Makes the events of a log's lines: numbers links and PDUs."""

    def __init__(self) -> None:
        self._links: dict[str, int] = {}
        self._sequence = 0

    def submit(
        self,
        link: str,
        at_ns: int,
        position: Position,
        *,
        source: str,
        destination: str,
        data_coding: int,
        octets: bytes,
        esm_class: int = 0,
        receipt: bool = True,
        status: int = 0,
        message_id: str = "",
    ) -> Iterator[TraceEvent]:
        """A submit_sm and its answer."""
        fields = _addressed(source, destination) | _carried(octets)
        request = SubmitSm(
            **fields,
            data_coding=data_coding,
            esm_class=esm_class,
            registered_delivery=int(RegisteredDelivery.RECEIPT) if receipt else 0,
            sequence_number=self._next(),
        )
        answer = SubmitSmResp(
            message_id=_wire_text(message_id, 64) if not status else "",
            command_status=status,
            sequence_number=request.sequence_number,
        )
        yield from self._exchange(link, at_ns, position, Side.ESME, request, answer)

    def deliver(
        self,
        link: str,
        at_ns: int,
        position: Position,
        *,
        source: str,
        destination: str,
        data_coding: int,
        octets: bytes,
        esm_class: int = 0,
        status: int = 0,
    ) -> Iterator[TraceEvent]:
        """A deliver_sm with a text, and its answer."""
        fields = _addressed(source, destination) | _carried(octets)
        request = DeliverSm(
            **fields, data_coding=data_coding, esm_class=esm_class, sequence_number=self._next()
        )
        answer = DeliverSmResp(command_status=status, sequence_number=request.sequence_number)
        yield from self._exchange(link, at_ns, position, Side.SMSC, request, answer)

    def receipt(
        self,
        link: str,
        at_ns: int,
        position: Position,
        *,
        source: str,
        destination: str,
        message_id: str,
        state: MessageState,
        error: int = 0,
        submitted_ns: int | None = None,
    ) -> Iterator[TraceEvent]:
        """A deliver_sm with a receipt (`source` is the handset), and its answer."""
        written = write_receipt(
            _wire_text(message_id, 64),
            state,
            error=error & 0xFFFF,
            submitted_ns=at_ns if submitted_ns is None else submitted_ns,
            done_ns=at_ns,
        )
        request = DeliverSm(
            **_addressed(source, destination),
            esm_class=ESM_RECEIPT,
            short_message=written.short_message,
            tlvs=written.tlvs,
            sequence_number=self._next(),
        )
        answer = DeliverSmResp(sequence_number=request.sequence_number)
        yield from self._exchange(link, at_ns, position, Side.SMSC, request, answer)

    def conversation(self, link: str, at_ns: int) -> Iterator[ConversationOpened]:
        """The opening of a link, the first time it is named."""
        if link not in self._links:
            self._links[link] = len(self._links) + 1
            yield ConversationOpened(at_ns, self._links[link], link)

    def number(self, link: str) -> int:
        """The conversation a link is."""
        return self._links[link]

    def _exchange(
        self, link: str, at_ns: int, position: Position, sender: Side, request: Pdu, answer: Pdu
    ) -> Iterator[TraceEvent]:
        yield from self.conversation(link, at_ns)
        number = self._links[link]
        yield PduCaptured(at_ns, number, sender, request, position)
        yield PduCaptured(at_ns, number, sender.other, answer, position)

    def _next(self) -> int:
        self._sequence = self._sequence % _SEQUENCE_MAX + 1
        return self._sequence


def _addressed(source: str, destination: str) -> dict[str, Any]:
    source_ton, source_npi, source_addr = address(source)
    dest_ton, dest_npi, destination_addr = address(destination)
    return {
        "source_addr_ton": int(source_ton),
        "source_addr_npi": int(source_npi),
        "source_addr": source_addr,
        "dest_addr_ton": int(dest_ton),
        "dest_addr_npi": int(dest_npi),
        "destination_addr": destination_addr,
    }


def _carried(octets: bytes) -> dict[str, Any]:
    if len(octets) <= _MAX_SHORT_MESSAGE:
        return {"short_message": octets}
    return {"short_message": b"", "tlvs": (Tlv(int(Tag.MESSAGE_PAYLOAD), octets[:0xFFFF]),)}


def _wire_text(text: str, size: int) -> str:
    return "".join(c for c in text if 0 < ord(c) < 256)[:size]
