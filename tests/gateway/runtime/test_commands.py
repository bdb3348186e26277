"""Commands end with a sentence and an exit code; a fault of the program keeps its traceback."""

import io
import sys
from typing import Any

import pytest

from gateway.runtime.commands import Known, check_url, run_command
from gateway.runtime.errors import ConfigError, DatabaseFull, Fault, LifecycleError


class NameUnknown(Exception):
    """Asked wrongly."""


class LineCut(Exception):
    """Went wrong."""


KNOWN = Known(usage=(NameUnknown,), failures=(LineCut, NameUnknown))


def ended(error: BaseException) -> Any:
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ending:
        run_command(command, lambda: KNOWN)
    return ending.value.code


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigError([Fault("a.yaml", 1, 2, "x", "is wrong")]), 2, "a.yaml:1:2: x: is wrong"),
        (NameUnknown("no carrier nope"), 2, "no carrier nope"),
        (LineCut("the line is cut"), 1, "the line is cut"),
        (DatabaseFull(), 1, "no space left for the database; free space on its disk"),
        (PermissionError(13, "Permission denied", "data/spool"), 1, "data/spool: Permission denied"),
        (TimeoutError(), 1, "TimeoutError"),
        (LifecycleError("carriers", LineCut("cut")), 1, "carriers would not start: cut"),
        (LifecycleError("x", NameUnknown("nope")), 2, "x would not start: nope"),
        (
            LifecycleError("recording", OSError(28, "No space left on device", "data")),
            1,
            "recording would not start: data: No space left on device",
        ),
    ],
    ids=str,
)
def test_what_a_person_can_act_on_is_a_sentence(
    error: Exception, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == code
    assert capsys.readouterr() == ("", told + "\n")


def test_a_character_the_output_cannot_encode_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    run_command(lambda: print("Montréal → ✓"), lambda: KNOWN)
    assert written.getvalue() == b"Montr?al ? ?\n"


def test_ctrl_c() -> None:
    assert ended(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("error", [KeyError("x"), LifecycleError("http", TypeError("x"))], ids=repr)
def test_a_fault_of_the_program_is_not_hidden(error: Exception) -> None:
    def command() -> None:
        raise error

    with pytest.raises(type(error)):
        run_command(command, lambda: KNOWN)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://gateway.example/", "http://[::1]:1"])
def test_addresses_of_services(url: str) -> None:
    check_url("--url", url)


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://host", "http://host:99999", "http://[::1"])
def test_what_is_no_address_is_a_usage_error(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        check_url("--url", url)
    assert ending.value.code == 2
    assert capsys.readouterr().err.startswith(f"--url {url}: expected")
