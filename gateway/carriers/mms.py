"""What a carrier sends for an inbound MMS: a WAP push with an m-notification.ind, as texts with 8-bit data.

Sources: WAP-230-WSP §8.4 (push, content type), OMA MMS Encapsulation 1.2 §6.2 and §7 (m-notification.ind),
3GPP TS 23.140. The push goes to UDH destination port 2948.
"""

from __future__ import annotations

from typing import Final

from gateway.smpp.segment import (
    WAP_PUSH_PORT,
    Concat,
    InformationElement,
    Ports,
    UserDataHeader,
    concat_element,
    ports_element,
)

_PUSH_SOURCE_PORT: Final = 9200
_USER_DATA_OCTETS: Final = 140
_CONTENT_TYPE: Final = b"\x03\xbe\xaf\x84"
"""application/vnd.wap.mms-message, X-Wap-Application-Id mms.ua; with their length."""


def m_notification_ind(source: str, transaction_id: str, url: str, size_bytes: int, expiry_s: int) -> bytes:
    """Return the notification's octets: who sent it, where it lies, how big it is, how long it is kept."""
    sender = f"{source}/TYPE=PLMN".encode("ascii", "replace") + b"\0"
    return b"".join(
        (
            b"\x8c\x82",  # X-Mms-Message-Type: m-notification-ind
            b"\x98" + transaction_id.encode("ascii", "replace") + b"\0",
            b"\x8d\x92",  # X-Mms-MMS-Version: 1.2
            b"\x89" + _value_length(len(sender) + 1) + b"\x80" + sender,  # From: address present
            b"\x8a\x80",  # X-Mms-Message-Class: personal
            b"\x8e" + _long_integer(size_bytes),
            b"\x88" + _relative_expiry(expiry_s),
            b"\x83" + url.encode("ascii", "replace") + b"\0",  # X-Mms-Content-Location
        )
    )


def wap_push(body: bytes, push_id: int) -> bytes:
    """Return a connectionless WSP push of an MMS notification."""
    return bytes((push_id & 0xFF, 0x06)) + _CONTENT_TYPE + body


def push_segments(push: bytes, reference: int) -> list[bytes]:
    """Cut a push into short messages, each with its user data header (ports, and concatenation if
    several)."""
    ports = ports_element(Ports(WAP_PUSH_PORT, _PUSH_SOURCE_PORT))
    alone = _with_header((ports,), push)
    if len(alone) <= _USER_DATA_OCTETS:
        return [alone]
    size = _USER_DATA_OCTETS - len(UserDataHeader((ports, concat_element(Concat(0, 1, 1)))).build())
    bodies = [push[start : start + size] for start in range(0, len(push), size)]
    return [
        _with_header((ports, concat_element(Concat(reference, len(bodies), number))), body)
        for number, body in enumerate(bodies, 1)
    ]


def _with_header(elements: tuple[InformationElement, ...], body: bytes) -> bytes:
    return UserDataHeader(elements).build() + body


def _value_length(octets: int) -> bytes:
    return bytes((octets,)) if octets <= 30 else b"\x1f" + _variable_integer(octets)


def _variable_integer(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(value & 0x7F | 0x80)
    return bytes(reversed(octets))


def _long_integer(value: int) -> bytes:
    octets = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes((len(octets),)) + octets


def _relative_expiry(seconds: int) -> bytes:
    body = b"\x81" + _long_integer(seconds)
    return _value_length(len(body)) + body
