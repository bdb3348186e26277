"""The writing process: commits SQLite batches beside the gateway's process, out of its interpreter's way.

Started by `writers.ProcessWriter` as `python -m gateway.runtime.sqlite_process DESCRIPTOR PATH`. Frames both
ways: four bytes of length, then a marshalled tuple.

- down: `(new statements as (rank, sql), groups as (statement number, rows, unit numbers), units)`
- up: first `("ready" | error class, detail)`, then `(seconds, faults as (unit number, error class, detail))`

At the end of input it finishes the batch it is in and goes: what was not begun had been promised to nobody.
"""

from __future__ import annotations

import marshal
import signal
import socket
import struct
import sys
import time
from typing import Any

from gateway.runtime.batches import Group, store
from gateway.runtime.sqlite import SqliteWriter

LENGTH = struct.Struct("!I")
READY = "ready"


def pack(document: Any) -> bytes:
    """Return a frame. Raises `ValueError` for values `marshal` does not know."""
    body = marshal.dumps(document)
    return LENGTH.pack(len(body)) + body


def main(arguments: list[str]) -> None:
    """Serve one parent until it closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link = socket.socket(fileno=int(arguments[0]))
    writer = SqliteWriter(arguments[1])
    try:
        writer.connect()
    except Exception as error:
        fault = writer.explain(error)
        link.sendall(pack((type(fault).__name__, fault.detail)))
        return
    link.sendall(pack((READY, "")))
    try:
        _serve(link, writer)
    except (ConnectionError, EOFError):
        pass
    finally:
        writer.close()
        link.close()


def _serve(link: socket.socket, writer: SqliteWriter) -> None:
    statements: list[tuple[int, str]] = []
    with link.makefile("rb", buffering=1 << 20) as source:
        while True:
            (length,) = LENGTH.unpack(_exactly(source, LENGTH.size))
            fresh, parts, count = marshal.loads(_exactly(source, length))  # noqa: S302 - from our own parent
            statements.extend(fresh)
            groups = [_group(statements[number], rows, units) for number, rows, units in parts]
            began = time.perf_counter()
            faults = store(writer, groups, count)
            seconds = time.perf_counter() - began
            told = [(number, type(fault).__name__, fault.detail) for number, fault in faults.items()]
            link.sendall(pack((seconds, told)))


def _group(statement: tuple[int, str], rows: list[Any], units: list[int]) -> Group:
    rank, sql = statement
    return Group(rank, sql, rows, units)


def _exactly(source: Any, count: int) -> bytes:
    data: bytes = source.read(count)
    if len(data) < count:
        raise EOFError
    return data


if __name__ == "__main__":
    main(sys.argv[1:])
