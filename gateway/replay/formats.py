"""Which reader a capture needs, by its content alone; gzip is looked through."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from gateway.replay import jasmin, kannel, smppsim
from gateway.replay.errors import FormatUnknown
from gateway.replay.jsonl import read_jsonl
from gateway.replay.packets import PCAP_MAGICS, PCAPNG_MAGIC
from gateway.replay.pcap_reader import PcapReader
from gateway.replay.trace import PartUnreadable, Position, Trace, TraceEvent

HEAD_BYTES: Final = 65_536
_GZIP: Final = b"\x1f\x8b"
_LINES: Final = 50


class Format(NamedTuple):
    """A kind of capture: its name, how it is known, how it is read."""

    name: str
    fits: Callable[[bytes], bool]
    read: Callable[[BinaryIO], Iterator[TraceEvent]]


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()][:_LINES]


def _is_jsonl(head: bytes) -> bool:
    for line in _lines(head):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and {"at", "direction", "frame"} <= set(record):
            return True
    return False


def _is_csv(head: bytes) -> bool:
    found = _lines(head)
    fitting = sum(1 for line in found if smppsim.CSV_LINE.fullmatch(line))
    return bool(found) and fitting * 2 > len(found)


FORMATS: Final = (
    Format("pcap", lambda head: head[:4] in PCAP_MAGICS, lambda stream: PcapReader(stream).read()),
    Format("pcapng", lambda head: head[:4] == PCAPNG_MAGIC, lambda stream: PcapReader(stream).read()),
    Format("jsonl", _is_jsonl, read_jsonl),
    Format(
        "kannel",
        lambda head: any(kannel.LINE.search(line) for line in _lines(head)),
        kannel.read_kannel,
    ),
    Format(
        "jasmin",
        lambda head: any(jasmin.LINE.search(line) for line in _lines(head)),
        jasmin.read_jasmin,
    ),
    Format(
        "smppsim",
        lambda head: any(smppsim.HEADER.search(line) for line in _lines(head)),
        smppsim.read_smppsim,
    ),
    Format("csv", _is_csv, smppsim.read_mo_csv),
)
"""Every format, the most certain first."""


def recognise(name: str, head: bytes) -> Format:
    """The format of a capture that begins with `head`; raises `FormatUnknown`."""
    for each in FORMATS:
        if each.fits(head):
            return each
    raise FormatUnknown(name, head)


class OpenTrace(NamedTuple):
    """A capture being read; `share` says how much of its file has been."""

    format: Format
    trace: Trace
    share: Callable[[], float]


@contextmanager
def open_trace(path: Path) -> Iterator[OpenTrace]:
    """The format of a file, and its trace; raises `FormatUnknown` and `OSError`."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        zipped = raw.read(2) == _GZIP
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
        try:
            head = stream.read(HEAD_BYTES)
            stream.seek(0)
        except (OSError, EOFError):
            raise FormatUnknown(path.name, _GZIP) from None
        found = recognise(path.name, head)
        yield OpenTrace(
            found, _guarded(found.read(stream)), lambda: 1.0 if raw.closed else min(1.0, raw.tell() / size)
        )


def _guarded(trace: Trace) -> Trace:
    """A torn gzip ends the trace where it is torn."""
    try:
        yield from trace
    except (EOFError, gzip.BadGzipFile) as error:
        yield PartUnreadable(Position("line", 0, 0), f"the compressed file is torn: {error}")
