"""Optional parameters (SMPP 3.4 §3.2.4.1).

A raw tag and octets, read as whatever the caller expects them to be.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.smpp.constants import CommandStatus, Tag
from gateway.smpp.errors import FieldInvalid

INTEGER_OCTETS: Final[dict[int, int]] = {
    **dict.fromkeys(
        (
            Tag.DEST_ADDR_SUBUNIT, Tag.DEST_NETWORK_TYPE, Tag.DEST_BEARER_TYPE, Tag.SOURCE_ADDR_SUBUNIT,
            Tag.SOURCE_NETWORK_TYPE, Tag.SOURCE_BEARER_TYPE, Tag.SOURCE_TELEMATICS_ID, Tag.PAYLOAD_TYPE,
            Tag.MS_MSG_WAIT_FACILITIES, Tag.PRIVACY_INDICATOR, Tag.USER_RESPONSE_CODE, Tag.LANGUAGE_INDICATOR,
            Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM, Tag.SC_INTERFACE_VERSION,
            Tag.CALLBACK_NUM_PRES_IND, Tag.NUMBER_OF_MESSAGES, Tag.DPF_RESULT, Tag.SET_DPF,
            Tag.MS_AVAILABILITY_STATUS, Tag.DELIVERY_FAILURE_REASON, Tag.MORE_MESSAGES_TO_SEND,
            Tag.MESSAGE_STATE, Tag.USSD_SERVICE_OP, Tag.DISPLAY_TIME, Tag.MS_VALIDITY, Tag.ITS_REPLY_TYPE,
        ),
        1,
    ),
    **dict.fromkeys(
        (
            Tag.DEST_TELEMATICS_ID, Tag.USER_MESSAGE_REFERENCE, Tag.SOURCE_PORT, Tag.DESTINATION_PORT,
            Tag.SAR_MSG_REF_NUM, Tag.SMS_SIGNAL, Tag.ITS_SESSION_INFO,
        ),
        2,
    ),
    Tag.QOS_TIME_TO_LIVE: 4,
}  # fmt: skip
"""Octets of the integer-valued tags (SMPP 3.4 §5.3.2)."""

CSTRING_TAGS: Final = frozenset({Tag.ADDITIONAL_STATUS_INFO_TEXT, Tag.RECEIPTED_MESSAGE_ID})
"""Tags whose value is a C-octet string."""

_pack_header = struct.Struct(">HH").pack
_unpack_header = struct.Struct(">HH").unpack_from


class Tlv(NamedTuple):
    """One optional parameter as it stands on the wire: 16-bit tag, raw value."""

    tag: int
    value: bytes = b""

    @classmethod
    def integer(cls, tag: int, value: int, octets: int | None = None) -> "Tlv":
        """An integer of the tag's own width, or of `octets`; 1 octet for a tag that is not known.

        Raises `FieldInvalid` if the value does not fit.
        """
        width = octets if octets is not None else INTEGER_OCTETS.get(tag, 1)
        try:
            return cls(int(tag), value.to_bytes(width, "big"))
        except OverflowError:
            raise FieldInvalid("tlvs", f"{value} does not fit {width} octets of tag 0x{tag:04X}") from None

    @classmethod
    def cstring(cls, tag: int, value: str) -> "Tlv":
        """A NUL-terminated string; characters above U+00FF or NUL raise `FieldInvalid`."""
        if "\0" in value or not value.isascii():
            try:
                encoded = value.encode("latin-1")
            except UnicodeEncodeError:
                encoded = b"\0"
            if 0 in encoded:
                raise FieldInvalid("tlvs", f"not a C-octet string for tag 0x{tag:04X}")
        return cls(int(tag), value.encode("latin-1") + b"\0")

    @property
    def as_int(self) -> int:
        """The value as a big-endian unsigned integer of whatever width it came in (0 if it is empty)."""
        return int.from_bytes(self.value, "big")

    @property
    def as_cstring(self) -> str:
        """The value up to its first NUL, or all of it where the NUL is missing; one character per octet."""
        return self.value.partition(b"\0")[0].decode("latin-1")

    @property
    def name(self) -> str:
        """Lower-case name of the tag, or `0x1403` for one the specification does not know."""
        try:
            return Tag(self.tag).name.lower()
        except ValueError:
            return f"0x{self.tag:04X}"


def find(tlvs: Iterable[Tlv], tag: int) -> Tlv | None:
    """The first parameter with this tag."""
    for tlv in tlvs:
        if tlv[0] == tag:
            return tlv
    return None


class TlvStreamError(ValueError):
    """The octets after the mandatory parameters are no TLVs; the caller knows the command and reports it."""

    def __init__(self, reason: str, command_status: int) -> None:
        super().__init__(reason, command_status)
        self.reason, self.command_status = reason, command_status


def read_tlvs(data: bytes, position: int) -> tuple[Tlv, ...]:
    """Every parameter from `position` to the end of `data`, in order, repeated and unknown tags included.

    Raises `TlvStreamError` with ESME_RINVOPTPARSTREAM for a torn header, ESME_RINVPARLEN for a length past
    the end.
    """
    found: list[Tlv] = []
    end = len(data)
    while position < end:
        if end - position < 4:
            raise TlvStreamError("torn parameter header", CommandStatus.RINVOPTPARSTREAM)
        tag, length = _unpack_header(data, position)
        start, position = position + 4, position + 4 + length
        if position > end:
            raise TlvStreamError(
                f"tag 0x{tag:04X} claims {length} octets, {end - start} are left", CommandStatus.RINVPARLEN
            )
        found.append(Tlv(tag, data[start:position]))
    return tuple(found)


def write_tlvs(tlvs: Iterable[Tlv]) -> bytes:
    """The parameters in order; `FieldInvalid` for a tag or length beyond 16 bits."""
    try:
        return b"".join([_pack_header(tag, len(value)) + value for tag, value in tlvs])
    except (struct.error, TypeError, ValueError) as error:
        raise FieldInvalid("tlvs", str(error), CommandStatus.RINVOPTPARSTREAM) from None
