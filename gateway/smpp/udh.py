"""User data headers, and how the parts of a long text say what they belong to (3GPP TS 23.040 §9.2.3.24)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from gateway.smpp.constants import EsmClass
from gateway.smpp.frozen import frozen
from gateway.smpp.text import TextError

ESM_UDHI: Final = int(EsmClass.UDHI)
WAP_PUSH_PORT: Final = 2948


class MalformedUdh(TextError):
    """A user data header whose lengths do not add up; `length` is what its first octet says."""

    def __init__(self, length: int, available: int) -> None:
        super().__init__(length, available)
        self.length = length
        self.available = available

    def __str__(self) -> str:
        return (
            f"user data header of {self.length} octets does not fit its elements or {self.available} octets"
        )


class Concatenation(Enum):
    """How the segments of a long text are tied together."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    """sar_* TLVs; sized like UDH8, because the network writes that header."""
    PAYLOAD = "payload"
    """One PDU with message_payload; the SMSC cuts it, sized like UDH8."""
    PLAIN = "plain"
    """Nothing ties them: a carrier without concatenation shows separate texts."""

    __hash__ = object.__hash__


class InformationElement(NamedTuple):
    """One element of a user data header (3GPP TS 23.040 §9.2.3.24)."""

    identifier: int
    data: bytes


class Concat(NamedTuple):
    """Which part of which message: IEI 0x00 (8-bit reference), 0x08 (16-bit) or the SAR TLVs."""

    reference: int
    total: int
    number: int


class Ports(NamedTuple):
    """Application ports: IEI 0x04 (8-bit) or 0x05 (16-bit)."""

    destination: int
    source: int


@frozen
class UserDataHeader:
    """A user data header: its elements in order."""

    elements: tuple[InformationElement, ...] = ()

    @property
    def concat(self) -> Concat | None:
        """The concatenation, or None; one with number 0 or above its total is ignored (23.040
        §9.2.3.24.1)."""
        for identifier, data in self.elements:
            if identifier == 0x00 and len(data) == 3:
                reference, total, number = data
            elif identifier == 0x08 and len(data) == 4:
                reference, total, number = data[0] << 8 | data[1], data[2], data[3]
            else:
                continue
            return Concat(reference, total, number) if 1 <= number <= total else None
        return None

    @property
    def ports(self) -> Ports | None:
        """The application ports, or None."""
        for identifier, data in self.elements:
            if identifier == 0x04 and len(data) == 2:
                return Ports(data[0], data[1])
            if identifier == 0x05 and len(data) == 4:
                return Ports(data[0] << 8 | data[1], data[2] << 8 | data[3])
        return None

    def build(self) -> bytes:
        """Return the header with its length octet; raises `MalformedUdh` when it is longer than 255
        octets."""
        body = b"".join(bytes((identifier, len(data))) + data for identifier, data in self.elements)
        if len(body) > 255:
            raise MalformedUdh(len(body), 255)
        return bytes((len(body),)) + body


def concat_element(concat: Concat, *, wide: bool = False) -> InformationElement:
    """Return the information element of a part, with a 16-bit reference where `wide`."""
    reference, total, number = concat
    if wide:
        return InformationElement(0x08, bytes((reference >> 8 & 0xFF, reference & 0xFF, total, number)))
    return InformationElement(0x00, bytes((reference & 0xFF, total, number)))


def ports_element(ports: Ports) -> InformationElement:
    """Return the 16-bit application port element."""
    return InformationElement(0x05, ports.destination.to_bytes(2, "big") + ports.source.to_bytes(2, "big"))


def split_udh(octets: bytes) -> tuple[UserDataHeader, bytes]:
    """Split a short message that carries a user data header into header and body; raises `MalformedUdh`."""
    if not octets:
        raise MalformedUdh(0, 0)
    end = octets[0] + 1
    if end > len(octets):
        raise MalformedUdh(octets[0], len(octets) - 1)
    elements = []
    position = 1
    while position < end:
        body = position + 2
        if body > end or (following := body + octets[position + 1]) > end:
            raise MalformedUdh(octets[0], len(octets) - 1)
        elements.append(InformationElement(octets[position], octets[body:following]))
        position = following
    return UserDataHeader(tuple(elements)), octets[end:]
