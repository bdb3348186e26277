"""The five shapes a mandatory field takes in SMPP 3.4 (§3.1, §4), and the plain way to read and write one.

A PDU class declares its fields with the specifiers below; `pdu` collects them into the grammar. `walk_decode`
and `walk_encode` follow the grammar field by field and say exactly what is wrong: `codegen` makes the quick
functions of the same grammar, and falls back on this walk for the diagnosis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from gateway.smpp.constants import SHORT_MESSAGE_MAX_OCTETS, CommandStatus
from gateway.smpp.errors import FieldInvalid


class Kind(Enum):
    """Shape of a mandatory field."""

    INTEGER = "integer"
    CSTRING = "c-octet string"
    SHORT_MESSAGE = "sm_length and short_message"
    DESTINATIONS = "number_of_dests and dest_address(es)"
    UNSUCCESSFUL = "no_unsuccess and unsuccess_sme(s)"


class SmeAddress(NamedTuple):
    """A submit_multi destination with dest_flag 1 (SMPP 3.4 §4.5.1.1)."""

    ton: int = 0
    npi: int = 0
    address: str = ""


class DistributionList(NamedTuple):
    """A submit_multi destination with dest_flag 2 (SMPP 3.4 §4.5.1.2)."""

    name: str = ""


class UnsuccessfulDelivery(NamedTuple):
    """One refused destination in submit_multi_resp (SMPP 3.4 §4.5.2.1)."""

    ton: int
    npi: int
    address: str
    error_status: int


class BadFieldError(ValueError):
    """What is wrong with a field, before it is known which PDU it stands in: (field, reason, status)."""

    def __init__(self, field_name: str, reason: str, command_status: int) -> None:
        super().__init__(field_name, reason, command_status)
        self.field, self.reason, self.command_status = field_name, reason, command_status


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One row of the grammar: `octets` is an integer's width or a string's largest size, NUL included."""

    name: str
    kind: Kind
    octets: int
    command_status: int
    default: Any


def _spec(kind: Kind, octets: int, status: int, default: Any) -> Any:
    return field(default=default, metadata={"wire": (kind, octets, int(status))})


def integer(octets: int = 1, status: int = CommandStatus.RINVCMDLEN) -> Any:
    """An unsigned big-endian integer."""
    return _spec(Kind.INTEGER, octets, status, 0)


def cstring(octets: int, status: int = CommandStatus.RINVCMDLEN) -> Any:
    """A NUL-terminated string of at most `octets` with its NUL, one character (U+0000…U+00FF) per octet."""
    return _spec(Kind.CSTRING, octets, status, "")


def short_message() -> Any:
    """`sm_length` and that many octets; the length is never a field of its own."""
    return _spec(Kind.SHORT_MESSAGE, SHORT_MESSAGE_MAX_OCTETS, CommandStatus.RINVMSGLEN, b"")


def destinations() -> Any:
    """`number_of_dests` (1-254) and the destinations of a submit_multi."""
    return _spec(Kind.DESTINATIONS, 254, CommandStatus.RINVNUMDESTS, ())


def unsuccessful() -> Any:
    """`no_unsuccess` and the refused destinations of a submit_multi_resp."""
    return _spec(Kind.UNSUCCESSFUL, 255, CommandStatus.RINVCMDLEN, ())


_LEAST: Final = {Kind.DESTINATIONS: 1, Kind.UNSUCCESSFUL: 0}


def _count_fault(spec: FieldSpec, count: int) -> str:
    return f"{count} where {_LEAST[spec.kind]} to {spec.octets} are allowed"


ADDRESS_OCTETS: Final = 21
LIST_NAME_OCTETS: Final = 21
ERROR_CODE_OCTETS: Final = 4


class Reader:
    """A position in a frame.

    `lenient` reads responses as they are found in the field: strings of any length, the last one perhaps
    without its NUL, and missing fields at their defaults.
    """

    __slots__ = ("data", "lenient", "position")

    def __init__(self, data: bytes, position: int, lenient: bool) -> None:
        self.data, self.position, self.lenient = data, position, lenient

    def integer(self, name: str, octets: int, status: int) -> int:
        """Read `octets` big-endian."""
        start, self.position = self.position, self.position + octets
        if self.position > len(self.data):
            raise BadFieldError(name, "the body ends before it", status)
        return int.from_bytes(self.data[start : self.position], "big")

    def cstring(self, name: str, octets: int, status: int) -> str:
        """Read up to and over the next NUL."""
        start, end = self.position, self.data.find(0, self.position)
        if end < 0:
            if not self.lenient:
                raise BadFieldError(name, "not terminated", CommandStatus.RINVCMDLEN)
            end = len(self.data)
        if end - start >= octets and not self.lenient:
            raise BadFieldError(name, f"{end - start + 1} octets where {octets} are allowed", status)
        self.position = min(end + 1, len(self.data))
        return self.data[start:end].decode("latin-1")

    def field(self, spec: FieldSpec) -> Any:
        """Read one field of the grammar."""
        if self.lenient and self.position >= len(self.data):
            return spec.default
        if spec.kind is Kind.INTEGER:
            return self.integer(spec.name, spec.octets, spec.command_status)
        if spec.kind is Kind.CSTRING:
            return self.cstring(spec.name, spec.octets, spec.command_status)
        if spec.kind is Kind.SHORT_MESSAGE:
            return self._short_message(spec)
        item = self._destination if spec.kind is Kind.DESTINATIONS else self._unsuccessful
        count = self.integer(spec.name, 1, spec.command_status)
        if not _LEAST[spec.kind] <= count <= spec.octets:
            raise BadFieldError(spec.name, _count_fault(spec, count), spec.command_status)
        return tuple([item(spec.name) for _ in range(count)])

    def _short_message(self, spec: FieldSpec) -> bytes:
        length = self.integer("sm_length", 1, spec.command_status)
        start, self.position = self.position, self.position + length
        if length > spec.octets or self.position > len(self.data):
            left = len(self.data) - start
            raise BadFieldError("sm_length", f"{length} with {left} octets left", spec.command_status)
        return self.data[start : self.position]

    def _destination(self, name: str) -> SmeAddress | DistributionList:
        flag = self.integer(name, 1, CommandStatus.RINVNUMDESTS)
        if flag == 2:
            return DistributionList(self.cstring(name, LIST_NAME_OCTETS, CommandStatus.RINVDLNAME))
        if flag != 1:
            raise BadFieldError(name, f"dest_flag {flag}", CommandStatus.RINVDESTFLAG)
        ton = self.integer(name, 1, CommandStatus.RINVDSTTON)
        npi = self.integer(name, 1, CommandStatus.RINVDSTNPI)
        return SmeAddress(ton, npi, self.cstring(name, ADDRESS_OCTETS, CommandStatus.RINVDSTADR))

    def _unsuccessful(self, name: str) -> UnsuccessfulDelivery:
        status = CommandStatus.RINVCMDLEN
        ton, npi = self.integer(name, 1, status), self.integer(name, 1, status)
        address = self.cstring(name, ADDRESS_OCTETS, status)
        return UnsuccessfulDelivery(ton, npi, address, self.integer(name, ERROR_CODE_OCTETS, status))


def write_integer(name: str, value: Any, octets: int, status: int) -> bytes:
    """`value` in `octets` big-endian; `FieldInvalid` if it does not fit."""
    if not isinstance(value, int) or not 0 <= value < 1 << (8 * octets):
        raise FieldInvalid(name, f"{value!r} does not fit {octets} octets", status)
    return value.to_bytes(octets, "big")


def write_cstring(name: str, value: Any, octets: int, status: int) -> bytes:
    """`value` and its NUL; `FieldInvalid` for one too long, with a NUL inside, or beyond U+00FF."""
    if not isinstance(value, str) or len(value) >= octets:
        raise FieldInvalid(name, f"needs a string of at most {octets - 1} characters", status)
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        raise FieldInvalid(name, "holds a character beyond U+00FF", status) from None
    if 0 in encoded:
        raise FieldInvalid(name, "holds a NUL", status)
    return encoded + b"\0"


def write_field(spec: FieldSpec, value: Any) -> bytes:
    """One field of the grammar as octets; raises `FieldInvalid`."""
    if spec.kind is Kind.INTEGER:
        return write_integer(spec.name, value, spec.octets, spec.command_status)
    if spec.kind is Kind.CSTRING:
        return write_cstring(spec.name, value, spec.octets, spec.command_status)
    if spec.kind is Kind.SHORT_MESSAGE:
        if not isinstance(value, bytes) or len(value) > spec.octets:
            raise FieldInvalid(spec.name, f"needs at most {spec.octets} bytes", spec.command_status)
        return bytes((len(value),)) + value
    return write_items(spec, value)


def write_items(spec: FieldSpec, items: Sequence[Any]) -> bytes:
    """A counted list of destinations or refusals."""
    if not _LEAST[spec.kind] <= len(items) <= spec.octets:
        raise FieldInvalid(spec.name, _count_fault(spec, len(items)), spec.command_status)
    return bytes((len(items),)) + b"".join([_write_item(spec.name, item) for item in items])


def _write_item(name: str, item: Any) -> bytes:
    if isinstance(item, DistributionList):
        return b"\2" + write_cstring(name, item.name, LIST_NAME_OCTETS, CommandStatus.RINVDLNAME)
    if not isinstance(item, SmeAddress | UnsuccessfulDelivery):
        raise FieldInvalid(name, f"cannot hold {type(item).__name__}", CommandStatus.RINVDESTFLAG)
    address = (
        write_integer(name, item.ton, 1, CommandStatus.RINVDSTTON)
        + write_integer(name, item.npi, 1, CommandStatus.RINVDSTNPI)
        + write_cstring(name, item.address, ADDRESS_OCTETS, CommandStatus.RINVDSTADR)
    )
    if isinstance(item, SmeAddress):
        return b"\1" + address
    return address + write_integer(name, item.error_status, ERROR_CODE_OCTETS, CommandStatus.RINVCMDLEN)
