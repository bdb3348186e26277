"""Every PDU of SMPP 3.4 as a frozen dataclass, the grammar they declare, and its codec.

The classes are the grammar: each field stands in wire order with its specifier, `GRAMMAR` lists it by
`command_id`. Strings are C-octet strings read as one character (U+0000…U+00FF) per octet, so that any octet
is carried without loss. `tlvs` keeps optional parameters raw, known or not. `command_status` is a plain int,
vendor values included. `sequence_number` is what a decoded PDU came with; a session numbers what it sends by
itself.

>>> pdu = SubmitSm(source_addr="12025550100", destination_addr="13105550120", short_message=b"hello")
>>> decode(encode(pdu, 7)).sequence_number
7
>>> response_to(decode(encode(pdu, 7)), message_id="4f")
SubmitSmResp(message_id='4f', tlvs=(), command_status=0, sequence_number=7)
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

from gateway.smpp import codegen, tlv
from gateway.smpp.constants import HEADER_OCTETS, RESPONSE_BIT, CommandId, CommandStatus
from gateway.smpp.errors import CommandLengthInvalid, CommandUnknown
from gateway.smpp.fields import (
    DistributionList,
    FieldSpec,
    SmeAddress,
    UnsuccessfulDelivery,
    cstring,
    destinations,
    integer,
    short_message,
    unsuccessful,
)
from gateway.smpp.frozen import frozen
from gateway.smpp.tlv import Tlv

C = TypeVar("C", bound="Pdu")
S = CommandStatus


class Pdu:
    """What every PDU has.

    `grammar` is its mandatory part in wire order, `response_id` the `command_id` of its response.
    """

    __slots__ = ()
    command_id: ClassVar[CommandId]
    response_id: ClassVar[int]
    grammar: ClassVar[tuple[FieldSpec, ...]]
    has_body: ClassVar[bool]
    is_response: ClassVar[bool]
    tlvs: tuple[Tlv, ...] = ()
    command_status: int
    sequence_number: int

    def tlv(self, tag: int) -> Tlv | None:
        """The first optional parameter with this tag, or None."""
        return tlv.find(self.tlvs, tag)


_CLASSES: dict[int, type[Pdu]] = {}
_DECODERS: dict[int, codegen.Decoder] = {}
_ENCODERS: dict[type, codegen.Encoder] = {}


@dataclass_transform(frozen_default=True)
def wire(command_id: CommandId) -> Callable[[type[C]], type[C]]:
    """Class decorator: a frozen PDU whose declared fields are its row of the grammar."""

    def declare(cls: type[C]) -> type[C]:
        made = frozen(cls)
        made.command_id = command_id
        made.response_id = int(command_id) | RESPONSE_BIT
        made.is_response = command_id >= RESPONSE_BIT
        made.has_body = "tlvs" in cls.__annotations__
        made.grammar = tuple(
            FieldSpec(each.name, *each.metadata["wire"], each.default)  # type: ignore[call-arg]
            for each in fields(made)  # type: ignore[arg-type]
            if "wire" in each.metadata
        )
        _CLASSES[int(command_id)] = made
        _DECODERS[int(command_id)] = codegen.make_decoder(made)
        _ENCODERS[made] = codegen.make_encoder(made)
        return made

    return declare


class Bind(Pdu):
    """What the three bind requests share."""

    __slots__ = ()
    system_id: str
    password: str
    system_type: str
    interface_version: int
    addr_ton: int
    addr_npi: int
    address_range: str


class BindResp(Pdu):
    """What the three bind responses share; `sc_interface_version` travels as a TLV."""

    __slots__ = ()
    system_id: str


@wire(CommandId.BIND_TRANSMITTER)
class BindTransmitter(Bind):
    """bind_transmitter: opens a session (SMPP 3.4 §4.1.1)."""

    system_id: str = cstring(16, S.RINVSYSID)
    password: str = cstring(9, S.RINVPASWD)
    system_type: str = cstring(13, S.RINVSYSTYP)
    interface_version: int = integer()
    addr_ton: int = integer()
    addr_npi: int = integer()
    address_range: str = cstring(41, S.RBINDFAIL)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.BIND_TRANSMITTER_RESP)
class BindTransmitterResp(BindResp):
    """Answer to bind_transmitter (SMPP 3.4 §4.1.2)."""

    system_id: str = cstring(16, S.RINVSYSID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.BIND_RECEIVER)
class BindReceiver(Bind):
    """bind_receiver: opens a session (SMPP 3.4 §4.1.3)."""

    system_id: str = cstring(16, S.RINVSYSID)
    password: str = cstring(9, S.RINVPASWD)
    system_type: str = cstring(13, S.RINVSYSTYP)
    interface_version: int = integer()
    addr_ton: int = integer()
    addr_npi: int = integer()
    address_range: str = cstring(41, S.RBINDFAIL)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.BIND_RECEIVER_RESP)
class BindReceiverResp(BindResp):
    """Answer to bind_receiver (SMPP 3.4 §4.1.4)."""

    system_id: str = cstring(16, S.RINVSYSID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.BIND_TRANSCEIVER)
class BindTransceiver(Bind):
    """bind_transceiver: opens a session (SMPP 3.4 §4.1.5)."""

    system_id: str = cstring(16, S.RINVSYSID)
    password: str = cstring(9, S.RINVPASWD)
    system_type: str = cstring(13, S.RINVSYSTYP)
    interface_version: int = integer()
    addr_ton: int = integer()
    addr_npi: int = integer()
    address_range: str = cstring(41, S.RBINDFAIL)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.BIND_TRANSCEIVER_RESP)
class BindTransceiverResp(BindResp):
    """Answer to bind_transceiver (SMPP 3.4 §4.1.6)."""

    system_id: str = cstring(16, S.RINVSYSID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.OUTBIND)
class Outbind(Pdu):
    """outbind: an SMSC asks an ESME to bind as receiver (SMPP 3.4 §4.1.7)."""

    system_id: str = cstring(16, S.RINVSYSID)
    password: str = cstring(9, S.RINVPASWD)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.UNBIND)
class Unbind(Pdu):
    """unbind: ends a session (SMPP 3.4 §4.2.1)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.UNBIND_RESP)
class UnbindResp(Pdu):
    """Answer to unbind (SMPP 3.4 §4.2.2)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.GENERIC_NACK)
class GenericNack(Pdu):
    """Refusal of a PDU whose header or command is not understood (SMPP 3.4 §4.3.1)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.SUBMIT_SM)
class SubmitSm(Pdu):
    """submit_sm: one message from an ESME (SMPP 3.4 §4.4.1)."""

    service_type: str = cstring(6, S.RINVSERTYP)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    dest_addr_ton: int = integer(1, S.RINVDSTTON)
    dest_addr_npi: int = integer(1, S.RINVDSTNPI)
    destination_addr: str = cstring(21, S.RINVDSTADR)
    esm_class: int = integer(1, S.RINVESMCLASS)
    protocol_id: int = integer()
    priority_flag: int = integer(1, S.RINVPRTFLG)
    schedule_delivery_time: str = cstring(17, S.RINVSCHED)
    validity_period: str = cstring(17, S.RINVEXPIRY)
    registered_delivery: int = integer(1, S.RINVREGDLVFLG)
    replace_if_present_flag: int = integer(1, S.RINVREPFLAG)
    data_coding: int = integer()
    sm_default_msg_id: int = integer(1, S.RINVDFTMSGID)
    short_message: bytes = short_message()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.SUBMIT_SM_RESP)
class SubmitSmResp(Pdu):
    """Answer to submit_sm (SMPP 3.4 §4.4.2)."""

    message_id: str = cstring(65, S.RINVMSGID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.SUBMIT_MULTI)
class SubmitMulti(Pdu):
    """submit_multi: one message to many destinations (SMPP 3.4 §4.5.1)."""

    service_type: str = cstring(6, S.RINVSERTYP)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    dest_addresses: tuple[SmeAddress | DistributionList, ...] = destinations()
    esm_class: int = integer(1, S.RINVESMCLASS)
    protocol_id: int = integer()
    priority_flag: int = integer(1, S.RINVPRTFLG)
    schedule_delivery_time: str = cstring(17, S.RINVSCHED)
    validity_period: str = cstring(17, S.RINVEXPIRY)
    registered_delivery: int = integer(1, S.RINVREGDLVFLG)
    replace_if_present_flag: int = integer(1, S.RINVREPFLAG)
    data_coding: int = integer()
    sm_default_msg_id: int = integer(1, S.RINVDFTMSGID)
    short_message: bytes = short_message()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.SUBMIT_MULTI_RESP)
class SubmitMultiResp(Pdu):
    """Answer to submit_multi with the destinations it refused (SMPP 3.4 §4.5.2)."""

    message_id: str = cstring(65, S.RINVMSGID)
    unsuccess_smes: tuple[UnsuccessfulDelivery, ...] = unsuccessful()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.DELIVER_SM)
class DeliverSm(Pdu):
    """deliver_sm: a message or receipt from an SMSC (SMPP 3.4 §4.6.1)."""

    service_type: str = cstring(6, S.RINVSERTYP)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    dest_addr_ton: int = integer(1, S.RINVDSTTON)
    dest_addr_npi: int = integer(1, S.RINVDSTNPI)
    destination_addr: str = cstring(21, S.RINVDSTADR)
    esm_class: int = integer(1, S.RINVESMCLASS)
    protocol_id: int = integer()
    priority_flag: int = integer(1, S.RINVPRTFLG)
    schedule_delivery_time: str = cstring(17, S.RINVSCHED)
    validity_period: str = cstring(17, S.RINVEXPIRY)
    registered_delivery: int = integer(1, S.RINVREGDLVFLG)
    replace_if_present_flag: int = integer(1, S.RINVREPFLAG)
    data_coding: int = integer()
    sm_default_msg_id: int = integer(1, S.RINVDFTMSGID)
    short_message: bytes = short_message()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.DELIVER_SM_RESP)
class DeliverSmResp(Pdu):
    """Answer to deliver_sm; its message_id is unused (SMPP 3.4 §4.6.2)."""

    message_id: str = cstring(65, S.RINVMSGID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.DATA_SM)
class DataSm(Pdu):
    """data_sm: a message in message_payload, either way (SMPP 3.4 §4.7.1)."""

    service_type: str = cstring(6, S.RINVSERTYP)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(65, S.RINVSRCADR)
    dest_addr_ton: int = integer(1, S.RINVDSTTON)
    dest_addr_npi: int = integer(1, S.RINVDSTNPI)
    destination_addr: str = cstring(65, S.RINVDSTADR)
    esm_class: int = integer(1, S.RINVESMCLASS)
    registered_delivery: int = integer(1, S.RINVREGDLVFLG)
    data_coding: int = integer()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.DATA_SM_RESP)
class DataSmResp(Pdu):
    """Answer to data_sm (SMPP 3.4 §4.7.2)."""

    message_id: str = cstring(65, S.RINVMSGID)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.QUERY_SM)
class QuerySm(Pdu):
    """query_sm: asks for the state of a message (SMPP 3.4 §4.8.1)."""

    message_id: str = cstring(65, S.RINVMSGID)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.QUERY_SM_RESP)
class QuerySmResp(Pdu):
    """Answer to query_sm (SMPP 3.4 §4.8.2)."""

    message_id: str = cstring(65, S.RINVMSGID)
    final_date: str = cstring(17, S.RQUERYFAIL)
    message_state: int = integer(1, S.RQUERYFAIL)
    error_code: int = integer(1, S.RQUERYFAIL)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.CANCEL_SM)
class CancelSm(Pdu):
    """cancel_sm: withdraws one message, or all of a source and destination (SMPP 3.4 §4.9.1)."""

    service_type: str = cstring(6, S.RINVSERTYP)
    message_id: str = cstring(65, S.RINVMSGID)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    dest_addr_ton: int = integer(1, S.RINVDSTTON)
    dest_addr_npi: int = integer(1, S.RINVDSTNPI)
    destination_addr: str = cstring(21, S.RINVDSTADR)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.CANCEL_SM_RESP)
class CancelSmResp(Pdu):
    """Answer to cancel_sm (SMPP 3.4 §4.9.2)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.REPLACE_SM)
class ReplaceSm(Pdu):
    """replace_sm: replaces a message not yet delivered (SMPP 3.4 §4.10.1)."""

    message_id: str = cstring(65, S.RINVMSGID)
    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(21, S.RINVSRCADR)
    schedule_delivery_time: str = cstring(17, S.RINVSCHED)
    validity_period: str = cstring(17, S.RINVEXPIRY)
    registered_delivery: int = integer(1, S.RINVREGDLVFLG)
    sm_default_msg_id: int = integer(1, S.RINVDFTMSGID)
    short_message: bytes = short_message()
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.REPLACE_SM_RESP)
class ReplaceSmResp(Pdu):
    """Answer to replace_sm (SMPP 3.4 §4.10.2)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.ENQUIRE_LINK)
class EnquireLink(Pdu):
    """enquire_link: asks whether the peer is alive (SMPP 3.4 §4.11.1)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.ENQUIRE_LINK_RESP)
class EnquireLinkResp(Pdu):
    """Answer to enquire_link (SMPP 3.4 §4.11.2)."""

    command_status: int = 0
    sequence_number: int = 0


@wire(CommandId.ALERT_NOTIFICATION)
class AlertNotification(Pdu):
    """alert_notification: a subscriber has become available; never answered (SMPP 3.4 §4.12.1)."""

    source_addr_ton: int = integer(1, S.RINVSRCTON)
    source_addr_npi: int = integer(1, S.RINVSRCNPI)
    source_addr: str = cstring(65, S.RINVSRCADR)
    esme_addr_ton: int = integer(1, S.RINVDSTTON)
    esme_addr_npi: int = integer(1, S.RINVDSTNPI)
    esme_addr: str = cstring(65, S.RINVDSTADR)
    tlvs: tuple[Tlv, ...] = ()
    command_status: int = 0
    sequence_number: int = 0


GRAMMAR: Final[Mapping[CommandId, tuple[FieldSpec, ...]]] = MappingProxyType(
    {cls.command_id: cls.grammar for cls in _CLASSES.values()}
)
"""The mandatory fields of every command in wire order."""

CLASSES: Final[Mapping[int, type[Pdu]]] = _CLASSES
"""PDU class by `command_id`."""

DECODERS: Final[Mapping[int, codegen.Decoder]] = _DECODERS
"""(frame, command_status, sequence_number) -> PDU by `command_id`.

The session's way in, header already read.
"""

ENCODERS: Final[Mapping[type, codegen.Encoder]] = _ENCODERS
"""(PDU, sequence_number) -> frame by PDU class; the session's way out."""

RESPONSE_CLASSES: Final[Mapping[int, type[Pdu]]] = MappingProxyType(
    {command: _CLASSES[command | RESPONSE_BIT] for command in _CLASSES if command | RESPONSE_BIT in _CLASSES}
)
"""Class of the response by the request's `command_id`; outbind and alert_notification have none."""

_unpack_header = struct.Struct(">IIII").unpack_from


def encode(pdu: Pdu, sequence_number: int | None = None) -> bytes:
    """A whole frame. Raises `FieldInvalid` if a value does not fit the grammar.

    A response with an error status and nothing to say is written as its header alone (SMPP 3.4 §4.4.2).
    """
    return _ENCODERS[type(pdu)](pdu, pdu.sequence_number if sequence_number is None else sequence_number)


def decode(frame: bytes) -> Pdu:
    """The PDU in exactly one frame.

    Raises `CommandLengthInvalid` if the frame is not as long as it says, `CommandUnknown`, or `BodyMalformed`
    with the status to answer.
    """
    length, command_id, status, sequence = (
        _unpack_header(frame) if len(frame) >= HEADER_OCTETS else (len(frame), 0, 0, 0)
    )
    if length != len(frame) or length < HEADER_OCTETS:
        raise CommandLengthInvalid(length, len(frame), sequence)
    decoder = _DECODERS.get(command_id)
    if decoder is None:
        raise CommandUnknown(command_id, sequence)
    return decoder(frame, status, sequence)  # type: ignore[no-any-return]


def response_to(request: Pdu, command_status: int = 0, **body: Any) -> Pdu:
    """The response of the request's own class and sequence number; `body` gives its fields (`message_id=…`).

    A request that has no response (outbind, alert_notification) gets a `GenericNack`.
    """
    made: Any = _CLASSES.get(request.response_id, GenericNack)
    return made(command_status=command_status, sequence_number=request.sequence_number, **body)  # type: ignore[no-any-return]
