"""Captures of a running gateway's SMPP traffic: pcap that Wireshark opens, or JSONL; rotated, maskable.

A capture is fed by the binds' tap, frame by frame, in world time. JSONL holds one frame a line,
`{"at", "carrier", "link", "direction", "command", "status", "sequence", "frame": hex}`, with the `verdict`
that an answer or a receipt tells (`accepted`, `ESME_RTHROTTLED`, `DELIVRD`); and between them a line for each
verdict of the gateway itself, `{"at", "verdict": "refused", "code", "blockedBy"}`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from gateway.messages.events import (
    MessageAccepted,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageRefused,
)
from gateway.replay.pcap import Endpoint, Flow, PcapWriter
from gateway.replay.rewrite import RECEIPT_TEXT
from gateway.replay.story import read_receipt_of
from gateway.runtime.bus import Bus
from gateway.runtime.ids import encode_id
from gateway.runtime.private import make_private_folder, open_private
from gateway.smpp.constants import HEADER_OCTETS, CommandId, EsmClass, Tag, command_name, status_name
from gateway.smpp.errors import SmppError
from gateway.smpp.pdu import DataSm, DeliverSm, Pdu, ReplaceSm, SubmitMulti, SubmitSm, decode, encode
from gateway.smpp.receipt import STAT_WORDS, is_receipt
from gateway.smpp.session import Direction
from gateway.smpp.tlv import Tlv

JUDGED = (MessageRefused, MessageAccepted, MessageQueued, MessageDelivered, MessageFailed, MessageReceived)
"""Events that a JSONL capture holds."""
_ANSWERS = frozenset(
    (CommandId.SUBMIT_SM_RESP, CommandId.SUBMIT_MULTI_RESP, CommandId.DATA_SM_RESP, CommandId.DELIVER_SM_RESP)
)
_MAY_BE_RECEIPTS = frozenset((CommandId.DELIVER_SM, CommandId.DATA_SM))
_FIRST_CLIENT_PORT = 40_000
_BUFFER_BYTES = 1 << 20
Tap = Callable[[str, str, Direction, bytes, Pdu | None, float], None]


class CaptureFormat(StrEnum):
    """How a capture is written."""

    PCAP = "pcap"
    JSONL = "jsonl"


class CountedStream:
    """A stream of octets that knows how many were written."""

    __slots__ = ("_stream", "octets")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.octets = 0

    def write(self, data: bytes) -> None:
        """Write on."""
        self._stream.write(data)
        self.octets += len(data)

    def close(self) -> None:
        """End the file."""
        self._stream.close()


class Sink(Protocol):
    """Writes frames into one file."""

    def write(self, carrier: str, link: str, direction: Direction, frame: bytes, at_ns: int) -> None:
        """Add one frame."""

    def judge(self, document: Mapping[str, Any], at_ns: int) -> None:
        """Add a verdict of the gateway."""

    def close(self, at_ns: int) -> None:
        """End the file."""


class PcapSink:
    """One TCP conversation per link."""

    def __init__(self, stream: CountedStream, server_of: Callable[[str], Endpoint]) -> None:
        self._stream = stream
        self._writer = PcapWriter(stream)
        self._server_of = server_of
        self._flows: dict[str, Flow] = {}

    def write(self, carrier: str, link: str, direction: Direction, frame: bytes, at_ns: int) -> None:
        """Add one frame to its link's conversation."""
        flow = self._flows.get(link)
        if flow is None:
            client = Endpoint("127.0.0.1", _FIRST_CLIENT_PORT + len(self._flows))
            flow = self._flows[link] = self._writer.flow(client, self._server_of(carrier), at_ns)
        flow.write(frame, at_ns, from_client=direction is Direction.OUT)

    def judge(self, document: Mapping[str, Any], at_ns: int) -> None:
        """Packets have no room for verdicts."""

    def close(self, at_ns: int) -> None:
        """End every conversation, then the file."""
        for flow in self._flows.values():
            flow.close(at_ns)
        self._stream.close()


class JsonlSink:
    """One line per frame."""

    def __init__(self, stream: CountedStream) -> None:
        self._stream = stream

    def write(self, carrier: str, link: str, direction: Direction, frame: bytes, at_ns: int) -> None:
        """Add one line."""
        command_id, status, sequence = (int.from_bytes(frame[at : at + 4], "big") for at in (4, 8, 12))
        line = {
            "at": _moment(at_ns),
            "carrier": carrier,
            "link": link,
            "direction": direction.value,
            "command": command_name(command_id),
            "status": status,
            "sequence": sequence,
        }
        verdict = verdict_of(frame, command_id, status)
        if verdict is not None:
            line["verdict"] = verdict
        self._write({**line, "frame": frame.hex()})

    def judge(self, document: Mapping[str, Any], at_ns: int) -> None:
        """Add one line."""
        self._write({"at": _moment(at_ns), **document})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def close(self, at_ns: int) -> None:
        """End the file."""
        del at_ns
        self._stream.close()


def _moment(at_ns: int) -> str:
    moment = datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="microseconds")
    return moment.replace("+00:00", "Z")


def verdict_of(frame: bytes, command_id: int, status: int) -> str | None:
    """What a frame says about a text: an answer its status, a receipt its state; None for other frames."""
    if command_id in _ANSWERS:
        return status_name(status) if status else "accepted"
    if command_id not in _MAY_BE_RECEIPTS:
        return None
    try:
        receipt = read_receipt_of(decode(frame))
    except SmppError:
        return None
    return None if receipt is None else STAT_WORDS[receipt.state]


def judgement(event: MessageEvent | MessageRefused) -> dict[str, Any]:
    """A verdict of the gateway as a line of JSONL has it: never what was said, or to whom."""
    if isinstance(event, MessageRefused):
        return {"verdict": "refused", "code": event.code, "blockedBy": event.blocked_by}
    text = event.current
    line = {"verdict": event.name.removeprefix("message."), "message": encode_id(text.id)}
    more = {"state": text.state.value, "code": text.code, "blockedBy": text.blocked_by}
    return line | {name: value for name, value in more.items() if value is not None}


@dataclass(slots=True)
class Capture:
    """One capture: what was asked for, and how far it has come. `files` are in order; the last one grows."""

    id: str
    format: CaptureFormat
    mask_text: bool
    rotate_bytes: int
    max_files: int
    started_ns: int
    stopped_ns: int | None = None
    frames: int = 0
    octets: int = 0
    files: list[Path] = field(default_factory=list)
    begun: int = 0
    """Files begun, those that were deleted since among them."""


class Recorder:
    """Every capture of a gateway. `set_tap` hands the binds one observer while at least one capture runs."""

    def __init__(
        self,
        folder: Path,
        now_ns: Callable[[], int],
        set_tap: Callable[[Tap | None], None],
        server_of: Callable[[str], Endpoint],
        bus: Bus | None = None,
    ) -> None:
        self._folder = folder
        self._bus = bus
        self._deaf: list[Callable[[], None]] = []
        self._now_ns = now_ns
        self._set_tap = set_tap
        self._server_of = server_of
        self._captures: dict[str, Capture] = {}
        self._sinks: dict[str, tuple[Capture, Sink]] = {}
        self._streams: dict[str, CountedStream] = {}
        """The file that grows, of each capture that runs."""

    def start(
        self,
        capture_id: str,
        *,
        format: CaptureFormat = CaptureFormat.PCAP,
        mask_text: bool = False,
        rotate_bytes: int = 64 << 20,
        max_files: int = 8,
    ) -> Capture:
        """Begin a capture; raises `OSError` where its folder cannot be written."""
        capture = Capture(capture_id, format, mask_text, rotate_bytes, max_files, self._now_ns())
        self._captures[capture_id] = capture
        self._sinks[capture_id] = capture, self._open(capture)
        self._set_tap(self._tap)
        if format is CaptureFormat.JSONL and self._bus is not None and not self._deaf:
            self._deaf = [self._bus.listen(kind, self._judged) for kind in JUDGED]
        return capture

    def stop(self, capture_id: str) -> Capture:
        """End a capture; raises `KeyError` for one that is not known. Ending it twice changes nothing."""
        capture = self._captures[capture_id]
        running = self._sinks.pop(capture_id, None)
        if running is not None:
            capture.stopped_ns = self._now_ns()
            running[1].close(capture.stopped_ns)
            del self._streams[capture_id]
            if not self._sinks:
                self._set_tap(None)
            if not any(isinstance(sink, JsonlSink) for _, sink in self._sinks.values()):
                for stop_listening in self._deaf:
                    stop_listening()
                self._deaf.clear()
        return capture

    def delete(self, capture_id: str) -> None:
        """End a capture and delete its files; raises `KeyError`."""
        capture = self.stop(capture_id)
        for file in capture.files:
            file.unlink(missing_ok=True)
        del self._captures[capture_id]

    def close(self) -> None:
        """End every capture."""
        for capture_id in list(self._sinks):
            self.stop(capture_id)

    def all(self) -> list[Capture]:
        """Every capture of this run, oldest first."""
        return list(self._captures.values())

    def get(self, capture_id: str) -> Capture | None:
        """One capture."""
        return self._captures.get(capture_id)

    def _open(self, capture: Capture) -> Sink:
        make_private_folder(self._folder)
        path = self._folder / f"{capture.id}-{capture.begun:03d}.{capture.format.value}"
        stream = self._streams[capture.id] = CountedStream(open_private(path, _BUFFER_BYTES))
        capture.files.append(path)
        capture.begun += 1
        while len(capture.files) > capture.max_files:
            capture.files.pop(0).unlink(missing_ok=True)
        if capture.format is CaptureFormat.JSONL:
            return JsonlSink(stream)
        return PcapSink(stream, self._server_of)

    def _judged(self, event: MessageEvent | MessageRefused) -> None:
        document, at_ns = judgement(event), self._now_ns()
        for capture, sink in list(self._sinks.values()):
            sink.judge(document, at_ns)
            self._rotate(capture, sink, at_ns)

    def _tap(
        self, carrier: str, link: str, direction: Direction, frame: bytes, pdu: Pdu | None, now: float
    ) -> None:
        del now
        at_ns = self._now_ns()
        masked: bytes | None = None
        for capture, sink in list(self._sinks.values()):
            if capture.mask_text:
                masked = masked_frame(frame, pdu) if masked is None else masked
                sink.write(carrier, link, direction, masked, at_ns)
            else:
                sink.write(carrier, link, direction, frame, at_ns)
            capture.frames += 1
            capture.octets += len(frame)
            self._rotate(capture, sink, at_ns)

    def _rotate(self, capture: Capture, sink: Sink, at_ns: int) -> None:
        """Begin a new file once the last one is as large as was asked for."""
        if self._streams[capture.id].octets >= capture.rotate_bytes:
            sink.close(at_ns)
            self._sinks[capture.id] = capture, self._open(capture)


def masked_frame(frame: bytes, pdu: Pdu | None) -> bytes:
    """The frame with every octet of its text replaced by `*`, also where a receipt quotes it.

    Headers stay as they are, and what else a receipt says. A frame that could not be decoded is kept as its
    header alone: nobody knows where its text is.
    """
    if pdu is None:
        return HEADER_OCTETS.to_bytes(4, "big") + frame[4:HEADER_OCTETS]
    if not isinstance(pdu, SubmitSm | SubmitMulti | DeliverSm | DataSm | ReplaceSm):
        return frame
    esm_class = 0 if isinstance(pdu, ReplaceSm) else pdu.esm_class
    is_quoted = isinstance(pdu, DeliverSm | DataSm) and is_receipt(esm_class)
    masked = _masked_quotation if is_quoted else partial(_masked, esm_class=esm_class)
    changes: dict[str, Any] = {
        "tlvs": tuple(
            Tlv(tlv.tag, masked(tlv.value)) if tlv.tag == Tag.MESSAGE_PAYLOAD else tlv for tlv in pdu.tlvs
        )
    }
    if not isinstance(pdu, DataSm):
        changes["short_message"] = masked(pdu.short_message)
    return encode(replace(pdu, **changes), pdu.sequence_number)


def _masked_quotation(receipt: bytes) -> bytes:
    """A receipt's text ends with the first characters of what it is about (SMPP 3.4 appendix B)."""
    quoted = RECEIPT_TEXT.search(receipt)
    if quoted is None:
        return receipt
    return receipt[: quoted.end()] + b"*" * (len(receipt) - quoted.end())


def _masked(octets: bytes, esm_class: int) -> bytes:
    header = octets[0] + 1 if esm_class & EsmClass.UDHI and octets else 0
    return octets[:header] + b"*" * max(0, len(octets) - header)
