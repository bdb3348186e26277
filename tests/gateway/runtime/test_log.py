"""Logs: shape, levels, redaction, price."""

import contextlib
import io
import json
import logging
import os
import sys
import time
from pathlib import Path

import pytest
import structlog

from gateway.runtime.log import PRIVATE_KEYS, configure, get_logger

pytest_plugins = ["pytester"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_time_level_room_and_values() -> None:
    stream = io.StringIO()
    configure("info", json=True, stream=stream)
    get_logger("esme").info("bound", carrier="att", binds=2)
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {"event": "bound", "level": "info", "room": "esme", "carrier": "att", "binds": 2}


@pytest.mark.parametrize("key", sorted(PRIVATE_KEYS))
def test_private_keys_never_get_out(key: str) -> None:
    stream = io.StringIO()
    configure("info", json=True, stream=stream)
    get_logger("esme").info("x", **{key: "hello secret"})
    assert "hello" not in stream.getvalue()
    assert lines(stream)[0][key] == "[redacted]"


def test_numbers_are_hidden_in_any_string_and_in_tracebacks() -> None:
    stream = io.StringIO()
    configure("info", json=True, stream=stream)
    log = get_logger("esme")
    log.info("sent to +12025550100 and +1", note="from +442071838750.")
    try:
        raise ValueError("+12025550100 is not a number")
    except ValueError:
        log.exception("failed")
    assert "5550100" not in stream.getvalue()
    assert "2071838750" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "+1" in str(lines(stream)[0]["event"])


def test_loggers_follow_a_later_configuration() -> None:
    log = get_logger("early")
    first, second = io.StringIO(), io.StringIO()
    configure("warning", json=True, stream=first)
    log.info("unheard")
    log.warning("heard")
    configure("debug", json=True, stream=second)
    log.debug("heard too")
    assert [line["event"] for line in lines(first)] == ["heard"]
    assert [line["event"] for line in lines(second)] == ["heard too"]
    assert get_logger("early") is log


def test_bind_adds_values_to_every_line() -> None:
    stream = io.StringIO()
    configure("info", json=True, stream=stream)
    get_logger("esme").bind(carrier="att").warning("unbound")
    assert lines(stream)[0]["carrier"] == "att"
    assert lines(stream)[0]["room"] == "esme"


def test_a_terminal_gets_colours_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    configure("info", stream=coloured)
    get_logger("esme").info("bound")
    assert "\x1b[" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    configure("info", stream=plain)
    get_logger("esme").info("bound")
    assert "bound" in plain.getvalue()
    assert "\x1b[" not in plain.getvalue()


def test_a_pipe_gets_json_by_itself() -> None:
    stream = io.StringIO()
    configure("info", stream=stream)
    get_logger("esme").info("bound")
    assert lines(stream)[0]["event"] == "bound"


def test_libraries_speak_in_the_same_shape() -> None:
    stream = io.StringIO()
    configure("info", json=True, stream=stream)
    logging.getLogger("asyncio").warning("slow callback for %s", "+12025550100")
    logging.getLogger("asyncio").info("unheard")
    (line,) = lines(stream)
    assert line["level"] == "warning"
    assert line["event"] == "slow callback for [redacted]"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown log level"):
        configure("loud")


def test_a_line_below_the_level_costs_next_to_nothing() -> None:
    configure("info", json=True, stream=io.StringIO())
    log = get_logger("hot")

    def price(call: object, rounds: int = 20_000) -> float:
        best = 1.0
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(rounds):
                call("pdu", command="submit_sm", window=3)  # type: ignore[operator]
            best = min(best, (time.perf_counter() - began) / rounds)
        return best

    def empty(event: str, **values: object) -> None:
        pass

    assert price(log.debug) < 5 * price(empty) + 0.3e-6


@pytest.mark.parametrize("json_lines", [True, False])
def test_lines_go_to_the_standard_error_of_the_moment(
    json_lines: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure("info", json=json_lines)
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    get_logger("esme").info("bound")
    logging.getLogger("asyncio").warning("slow callback")
    assert "bound" in second.getvalue()
    assert "slow callback" in second.getvalue()


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("gone", ["closed", "none", "broken pipe"])
def test_a_line_that_cannot_be_written_disturbs_nobody(
    gone: str, configured: bool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if configured:
        configure("info")
    reading, writing = os.pipe()
    broken = open(writing, "w", buffering=1)  # noqa: SIM115 - its end is what is tried
    os.close(reading)
    closed = io.StringIO()
    closed.close()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", {"closed": closed, "none": None, "broken pipe": broken}[gone])
            get_logger("esme").error("bind refused")
            logging.getLogger("asyncio").warning("slow callback")
            configure("info")
    finally:
        with contextlib.suppress(BrokenPipeError):
            broken.close()


def test_nothing_configured_tells_warnings_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("esme").info("bound")
    get_logger("esme").warning("bind refused")
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert json.loads(line)["event"] == "bind refused"


def test_structlog_of_a_program_we_are_used_in_stays_as_it_is() -> None:
    before = structlog.get_config()
    configure("debug", json=True, stream=io.StringIO())
    assert structlog.get_config() == before


def test_what_a_test_configures_ends_with_it(pytester: pytest.Pytester) -> None:
    """The rule of the root conftest: two tests, the first configures the logs for a stream it closes."""
    pytester.makeconftest((Path(__file__).parents[2] / "conftest.py").read_text())
    pytester.makepyfile(
        """
        import io
        from gateway.runtime.log import configure, get_logger

        def test_configures():
            with io.StringIO() as stream:
                configure("debug", stream=stream)

        def test_logs(capsys):
            get_logger("esme").error("bind refused")
            get_logger("esme").info("bound")
            assert "bind refused" in capsys.readouterr().err
        """
    )
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=2)
