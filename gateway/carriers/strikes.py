"""Faults at the response: what reaches the ESME instead of its answer, or besides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.smpp.aio import SmppConnection
from gateway.smpp.pdu import Pdu, encode

_UNKNOWN_COMMAND: Final = bytes.fromhex("00000010000000ff0000000000000001")


def _no_response(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.forget(pdu)


def _disconnect(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.abort()


def _half_open(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.stop_reading()
    connection.forget(pdu)


def _bad_length(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.send_raw(b"\xff\xff\xff\xff" + encode(response)[4:])
    connection.forget(pdu)


def _unknown_command(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.send_raw(_UNKNOWN_COMMAND)
    connection.respond(pdu, response)


def _wrong_sequence(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    connection.send_raw(encode(response, (response.sequence_number + 1_000_003) & 0x7FFF_FFFF))
    connection.forget(pdu)


def _torn_response(connection: SmppConnection, pdu: Pdu, response: Pdu) -> None:
    frame = encode(response)
    connection.send_raw(frame[: len(frame) // 2])
    connection.forget(pdu)
    connection.close()


STRIKES: Final[Mapping[str, Callable[[SmppConnection, Pdu, Pdu], None]]] = {
    "no_response": _no_response,
    "disconnect": _disconnect,
    "half_open": _half_open,
    "bad_length": _bad_length,
    "unknown_command": _unknown_command,
    "wrong_sequence": _wrong_sequence,
    "torn_response": _torn_response,
}
"""How each fault strikes: (connection, request, the response it would have got)."""
