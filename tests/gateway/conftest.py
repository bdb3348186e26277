"""Commands as people give them, in this process: a new one would cost a second each."""

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from gateway import cli
from gateway.runtime.interrupts import HANDLED, INTERRUPTS


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@contextmanager
def commands_own_signals() -> Iterator[None]:
    """A command ends with its process; here what it knows of signals ends with the block."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        yield
    finally:
        INTERRUPTS.forget()
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def gateway_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ended]]:
    """Run `gateway` with these words; what it makes of the collector's steps and of signals is undone."""
    monkeypatch.setenv("NO_COLOR", "1")
    thresholds = gc.get_threshold()

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gateway", *map(str, words)])
        with commands_own_signals(), pytest.raises(SystemExit) as ending:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ending.value.code or 0), out, err)

    yield run
    gc.set_threshold(*thresholds)
