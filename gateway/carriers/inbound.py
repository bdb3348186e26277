"""What handsets write, as the deliver_sm that bring it to an ESME."""

from __future__ import annotations

from gateway.carriers.address import on_the_wire
from gateway.carriers.errors import InboundInvalid
from gateway.carriers.mms import m_notification_ind, push_segments, wap_push
from gateway.carriers.profile import TextSettings
from gateway.carriers.texts import TakenText
from gateway.smpp.constants import EsmClass, Tag
from gateway.smpp.pdu import DeliverSm
from gateway.smpp.segment import Concatenation, Segment, segment_octets, segment_text
from gateway.smpp.text import Alphabet, TextError, encode_cheapest
from gateway.smpp.tlv import Tlv


class InboundWriter:
    """Writes the inbound texts of one carrier, each with a reference of its own."""

    def __init__(self, settings: TextSettings) -> None:
        self._reference = 0
        self.adopt(settings)

    def adopt(self, settings: TextSettings) -> None:
        """Write by other settings from now on."""
        self._settings = settings
        self._default = Alphabet(settings.default_alphabet)

    def text(self, source: str, destination: str, text: str) -> list[DeliverSm]:
        """Return a text's deliver_sm, one per segment; raises `InboundInvalid`."""
        settings = self._settings
        self._reference += 1
        try:
            if self._default is Alphabet.GSM7:
                segments = segment_text(text, self._reference, settings.inbound, packed=settings.packed)
            else:
                segments = self._latin1_segments(text, settings.inbound)
        except TextError as error:
            raise InboundInvalid(str(error)) from None
        return [
            self._deliver_sm(
                source,
                destination,
                segment.short_message,
                esm_class=segment.esm_class,
                data_coding=segment.data_coding,
                tlvs=segment.tlvs,
            )
            for segment in segments
        ]

    def _latin1_segments(self, text: str, inbound: Concatenation) -> tuple[Segment, ...]:
        alphabet, octets = encode_cheapest(text, (Alphabet.LATIN1, Alphabet.UCS2))
        data_coding = 0 if alphabet is Alphabet.LATIN1 else 8
        return segment_octets(octets, alphabet, self._reference, inbound, data_coding)

    def mms(self, source: str, destination: str, file: str, number: int) -> list[DeliverSm]:
        """Return the notification of an MMS that holds `file` (a name or URL), as 8-bit texts."""
        self._reference += 1
        transaction_id = f"{self._reference:08X}"
        url = file if "://" in file else f"http://mms.invalid/{transaction_id}/{file}"
        body = m_notification_ind(source, transaction_id, url, 100_000 + number, 86_400)
        return [
            self._deliver_sm(source, destination, octets, esm_class=int(EsmClass.UDHI), data_coding=0xF5)
            for octets in push_segments(wap_push(body, self._reference), self._reference)
        ]

    def _deliver_sm(
        self,
        source: str,
        destination: str,
        short_message: bytes,
        *,
        esm_class: int,
        data_coding: int,
        tlvs: tuple[Tlv, ...] = (),
    ) -> DeliverSm:
        source_addr, source_ton, source_npi = on_the_wire(source)
        dest_addr, dest_ton, dest_npi = on_the_wire(destination)
        if len(source_addr) > 20 or len(dest_addr) > 20:
            raise InboundInvalid("an address is longer than 20 characters")
        return DeliverSm(
            source_addr_ton=source_ton,
            source_addr_npi=source_npi,
            source_addr=source_addr,
            dest_addr_ton=dest_ton,
            dest_addr_npi=dest_npi,
            destination_addr=dest_addr,
            esm_class=esm_class,
            data_coding=data_coding,
            short_message=short_message,
            tlvs=tlvs,
        )


def passed_on(text: TakenText) -> DeliverSm:
    """Return a text to a number behind an ESME as it arrives there: as it was cut."""
    pdu = text.pdu
    tlvs = tuple(one for one in pdu.tlvs if one.tag != Tag.MESSAGE_PAYLOAD)
    octets = text.short_message
    if len(octets) > 254:
        tlvs, octets = (*tlvs, Tlv(int(Tag.MESSAGE_PAYLOAD), octets)), b""
    return DeliverSm(
        service_type=pdu.service_type,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        source_addr=pdu.source_addr,
        dest_addr_ton=text.destination_ton,
        dest_addr_npi=text.destination_npi,
        destination_addr=text.destination,
        esm_class=pdu.esm_class & EsmClass.UDHI,
        data_coding=pdu.data_coding,
        short_message=octets,
        tlvs=tlvs,
    )
