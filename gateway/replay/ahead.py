"""A capture read ahead by a process of its own, so that playing it has a core to itself.

Reading and putting together what belongs together is a third of the work of a replay at maximum speed. The
process writes batches of steps to its standard output; the pipe's size is
all that it gets ahead by. Only what a sender needs comes through: no receipt's text, no answer to the SMSC.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from gateway.replay.formats import open_trace
from gateway.replay.numbers import MapNumber, map_numbers
from gateway.replay.story import AnswerStep, Correlator, RequestStep, Step
from gateway.replay.trace import PartUnreadable, Side
from gateway.smpp.pdu import DeliverSm
from gateway.smpp.receipt import Receipt

WORTH_BYTES: Final = 4 << 20
"""Captures below this size are read faster than a process starts."""
_BATCH: Final = 512
_NOTHING: Final = DeliverSm()
_PROGRAM: Final = f"from {__name__} import main; main()"


class Order(NamedTuple):
    """What to read, and how its numbers are mapped."""

    file: Path
    own: MapNumber
    far: MapNumber


@dataclass(slots=True)
class Tally:
    """What reading came to so far: as `Correlator` counts it."""

    pdus: int = 0
    unreadable: int = 0
    complaints: list[PartUnreadable] = field(default_factory=list)
    share: float = 0.0


class ReadAhead:
    """A reading process; `close` ends it."""

    def __init__(self, order: Order) -> None:
        self.tally = Tally()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with self._process.stdin as stdin:
            pickle.dump(order, stdin)

    def steps(self) -> Iterator[Step]:
        """Every step; raises `OSError` if the process has died."""
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        while True:
            try:
                batch, self.tally = pickle.load(self._process.stdout)  # noqa: S301 - by our own process
            except (EOFError, pickle.UnpicklingError):
                raise OSError("the process that reads the capture has died") from None
            if not batch:
                return
            yield from batch

    def close(self) -> None:
        """End it, wherever it is."""
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


def worth_it(file: Path) -> bool:
    """Whether a capture is large enough, and there is a core to read it on."""
    return file.stat().st_size >= WORTH_BYTES and (os.cpu_count() or 1) > 1


def read_to(order: Order, stream: BinaryIO) -> None:
    """Write every batch; the last one is empty."""
    with open_trace(order.file) as opened:
        correlator = Correlator()
        batch: list[Step] = []
        for step in correlator.steps(map_numbers(opened.trace, order.own, order.far)):
            light = _lightened(step)
            if light is None:
                continue
            batch.append(light)
            if len(batch) >= _BATCH:
                _write(batch, correlator, opened.share(), stream)
                batch = []
        if batch:
            _write(batch, correlator, 1.0, stream)
        _write([], correlator, 1.0, stream)


def _write(batch: list[Step], correlator: Correlator, share: float, stream: BinaryIO) -> None:
    tally = Tally(correlator.pdus, correlator.unreadable, correlator.complaints, share)
    pickle.dump((batch, tally), stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _lightened(step: Step) -> Step | None:
    """The step without what no sender looks at."""
    if isinstance(step, AnswerStep):
        return step if step.receiver is Side.ESME else None
    if isinstance(step, RequestStep) and step.receipt is not None:
        receipt = Receipt(step.receipt.message_id, step.receipt.state)
        return RequestStep(
            step.at_ns, step.number, step.conversation, step.sender, _NOTHING, receipt, step.about
        )
    return step


def main() -> None:
    """Read what the order on standard input says."""
    try:
        read_to(pickle.load(sys.stdin.buffer), sys.stdout.buffer)  # noqa: S301 - by who started us
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
