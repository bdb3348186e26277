"""Quick encoders and decoders made of the grammar at import, and the plain walk they must agree with.

The quick functions take the straight road and give up (`_GIVE_UP`) at the first surprise; the walk then reads
the same octets again and names the fault. A property test holds both equal on every input.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

from gateway.smpp.constants import HEADER_OCTETS, CommandStatus
from gateway.smpp.errors import BodyMalformed, FieldInvalid
from gateway.smpp.fields import (
    BadFieldError,
    FieldSpec,
    Kind,
    Reader,
    write_field,
    write_integer,
    write_items,
)
from gateway.smpp.frozen import draft_of
from gateway.smpp.tlv import TlvStreamError, read_tlvs, write_tlvs

Decoder = Callable[[bytes, int, int], Any]
"""(frame, command_status, sequence_number) -> PDU."""
Encoder = Callable[[Any, int], bytes]
"""(PDU, sequence_number) -> frame."""

pack_header: Final = struct.Struct(">IIII").pack
_CHARACTERS: Final = {octet: chr(octet) for octet in range(256)}
_GIVE_UP: Final = (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)


def walk_decode(cls: Any, data: bytes, status: int, sequence: int) -> Any:
    """Decode a frame of `cls` field by field.

    Raises `BodyMalformed` naming the field and the status to answer.
    """
    reader = Reader(data, HEADER_OCTETS, lenient=cls.is_response)
    try:
        values = {spec.name: reader.field(spec) for spec in cls.grammar}
        if cls.has_body:
            values["tlvs"] = read_tlvs(data, reader.position)
        elif len(data) > reader.position and not cls.is_response:
            raise BadFieldError("body", "has none", CommandStatus.RINVCMDLEN)
    except BadFieldError as error:
        raise BodyMalformed(
            cls.command_id, error.command_status, sequence, error.field, error.reason
        ) from None
    except TlvStreamError as error:
        raise BodyMalformed(cls.command_id, error.command_status, sequence, "tlvs", error.reason) from None
    return cls(**values, command_status=status, sequence_number=sequence)


def walk_encode(pdu: Any, sequence: int) -> bytes:
    """Encode field by field; raises `FieldInvalid` naming the field."""
    body = b"".join([write_field(spec, getattr(pdu, spec.name)) for spec in pdu.grammar])
    if pdu.has_body:
        body += write_tlvs(pdu.tlvs)
    if pdu.is_response and pdu.command_status and not body.strip(b"\0"):
        body = b""
    return b"".join(
        (
            write_integer("command_length", HEADER_OCTETS + len(body), 4, 0),
            write_integer("command_id", pdu.command_id, 4, 0),
            write_integer("command_status", pdu.command_status, 4, 0),
            write_integer("sequence_number", sequence, 4, 0),
            body,
        )
    )


def make_decoder(cls: Any) -> Decoder:
    """The quick decoder of a PDU class."""
    lines = ["def decode(data, status, sequence):", "    try:", "        end = len(data)"]
    grammar: tuple[FieldSpec, ...] = cls.grammar
    if cls.is_response and cls.has_body:
        lines += ["        if end == 16:", "            return _bare(status, sequence)"]
    if any(spec.kind is Kind.CSTRING for spec in grammar):
        lines.append("        text = data.decode('latin-1')")
    lines.append("        p = 16")
    for spec in grammar:
        lines += [f"        {line}" for line in _read_lines(spec, lenient=cls.is_response)]
    lines.append("        pdu = _draft()")
    lines += [f"        pdu.{spec.name} = {spec.name}" for spec in grammar]
    if cls.has_body:
        lines.append("        pdu.tlvs = _read_tlvs(data, p) if p < end else ()")
    elif not cls.is_response:
        lines += ["        if p < end:", "            raise ValueError"]
    lines += [
        "        pdu.command_status = status",
        "        pdu.sequence_number = sequence",
        "        pdu.__class__ = _class",
        "        return pdu",
        "    except _give_up:",
        "        return _walk(_class, data, status, sequence)",
    ]
    scope = {
        "_draft": draft_of(cls), "_class": cls, "_walk": walk_decode, "_give_up": _GIVE_UP,
        "_read_tlvs": read_tlvs,
        "_bare": lambda status, sequence: walk_decode(cls, bytes(16), status, sequence),
        "_specs": {spec.name: spec for spec in grammar}, "_reader": Reader,
    }  # fmt: skip
    return _compile(lines, scope, "decode")


def _read_lines(spec: FieldSpec, lenient: bool) -> list[str]:
    """Source that reads one field at `p`; any exception of `_GIVE_UP` sends the frame to the walk."""
    name = spec.name
    if spec.kind is Kind.INTEGER and spec.octets == 1:
        return [f"{name} = data[p]", "p += 1"]
    if spec.kind is Kind.INTEGER:
        end = f"p + {spec.octets}"
        return [
            f"if {end} > end: raise ValueError",
            f"{name} = int.from_bytes(data[p:{end}], 'big')",
            f"p = {end}",
        ]
    if spec.kind is Kind.CSTRING:
        limit = [] if lenient else [f"    if e - p >= {spec.octets}: raise ValueError"]
        return [
            "if data[p]:", "    e = text.index('\\0', p)", *limit,
            f"    {name} = text[p:e]", "    p = e + 1", "else:", f"    {name} = ''", "    p += 1",
        ]  # fmt: skip
    if spec.kind is Kind.SHORT_MESSAGE:
        return [
            "e = p + 1 + data[p]", f"if e > end or e - p > {spec.octets + 1}: raise ValueError",
            f"{name} = data[p + 1:e]", "p = e",
        ]  # fmt: skip
    return [
        f"reader = _reader(data, p, {lenient})",
        f"{name} = reader.field(_specs[{name!r}])",
        "p = reader.position",
    ]


def make_encoder(cls: Any) -> Encoder:
    """The quick encoder of a PDU class: strings and octets as one text, encoded once, then the raw parts."""
    grammar: tuple[FieldSpec, ...] = cls.grammar
    lines = ["def encode(pdu, sequence):", "    try:"]
    lines += [f"        {spec.name} = pdu.{spec.name}" for spec in grammar]
    checks: list[str] = []
    parts: list[str] = []
    text = ""
    for spec in grammar:
        if spec.kind is Kind.CSTRING:
            checks += [f"len({spec.name}) >= {spec.octets}", f"'\\0' in {spec.name}"]
            text += f"{{{spec.name}}}\\0"
        elif spec.kind is Kind.INTEGER and spec.octets == 1:
            text += f"{{_characters[{spec.name}]}}"
        elif spec.kind is Kind.SHORT_MESSAGE:
            checks.append(f"len({spec.name}) > {spec.octets}")
            text += f"{{_characters[len({spec.name})]}}"
            parts, text = [*parts, f'f"{text}".encode("latin-1")', spec.name], ""
        else:
            writer = f"_write_items(_specs[{spec.name!r}], {spec.name})"
            if spec.kind is Kind.INTEGER:
                writer = f"_write_integer({spec.name!r}, {spec.name}, {spec.octets}, 0)"
            parts, text = [*parts, *([f'f"{text}".encode("latin-1")'] if text else []), writer], ""
    if text:
        parts.append(f'f"{text}".encode("latin-1")')
    if checks:
        lines += [f"        if {' or '.join(checks)}:", "            raise ValueError"]
    lines.append("        body = " + (" + ".join(parts) or "b''"))
    if cls.has_body:
        lines += ["        if pdu.tlvs:", "            body += _write_tlvs(pdu.tlvs)"]
    status = "pdu.command_status"
    if cls.is_response and cls.has_body:
        status = "status"
        lines += [
            "        status = pdu.command_status",
            "        if status and not body.strip(b'\\0'):",
            "            body = b''",
        ]
    lines += [
        f"        return _pack(16 + len(body), {int(cls.command_id)}, {status}, sequence) + body",
        "    except _give_up:",
        "        return _walk(pdu, sequence)",
    ]
    scope = {
        "_pack": pack_header, "_characters": _CHARACTERS, "_write_tlvs": write_tlvs, "_walk": walk_encode,
        "_give_up": (*_GIVE_UP, FieldInvalid), "_write_items": write_items, "_write_integer": write_integer,
        "_specs": {spec.name: spec for spec in grammar},
    }  # fmt: skip
    return _compile(lines, scope, "encode")


def _compile(lines: list[str], scope: dict[str, Any], name: str) -> Callable[..., Any]:
    exec("\n".join(lines), scope)  # noqa: S102 - the source is made of the grammar's own names
    made: Callable[..., Any] = scope[name]
    return made
