"""Commands as people give them, in this process: a new one would cost a second each."""

import gc
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from gateway import cli


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gateway_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ended]]:
    """Run `gateway` with these words; what it makes of the garbage collector's steps is undone."""
    monkeypatch.setenv("NO_COLOR", "1")
    thresholds = gc.get_threshold()

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gateway", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ending.value.code or 0), out, err)

    yield run
    gc.set_threshold(*thresholds)
