"""docs/benchmarks.md is what the tool draws of the results beside it, whatever was missing on the machine."""

import json

import pytest

from loadtests import bench_page
from loadtests.bench_page import PAGE, RESULTS, number, quotient, render, table, times, write

RESULT = {
    "when": "2026-01-31",
    "commit": "abc1234",
    "machine": {"cores": 2, "processor": "Xeon", "memory_gib": 24.0, "system": "Linux", "python": "3.11.7"},
    "peers": {"smpp34": "1.5.0", "kannel": "1.4.5", "jasmin": None},
    "session": {
        "window_100": 40_000,
        "smpp34_window_100": 20_000,
        "ratio_smpp34": 2.0,
        "node_window_100": None,
    },
    "gateway": {
        "cases": {
            "gateway": {"messages_per_second": 3000.0, "p50_ms": 10.0, "p99_ms": 30.5, "lost": 0},
            "kannel": {"messages_per_second": 4000.0, "p50_ms": 1500.0, "p99_ms": 3000.0, "lost": 0},
            "jasmin": None,
            "webhooks": {"finished_per_second": 2000.0, "p50_ms": 1.0, "p99_ms": 2.0, "lost": 3},
            "kannel_dlr": {"finished_per_second": 1000.0, "p50_ms": 1.0, "p99_ms": 2.0, "lost": 0},
        }
    },
    "throttle": {"accepted_per_s": 300_000, "peers_per_s": {"limits": 30_000}, "bytes_per_idle_key": 130},
    "load": {
        "smpp_20000": {
            "asked_per_s": 20_000,
            "offered_per_s": 19_990.1,
            "arrival_error_p99_ms": 3.2,
            "cpu_share": 0.6,
        },
        "limiter": {"reservations": 1_000_000, "keys": 20_003, "elapsed_s": 40.0, "every_limit_kept": True},
    },
    "siprec": {"recorder": {"calls": {"rate": 300, "p99_ms": 9.0}, "sessions": None}},
}


def test_the_page_is_the_rendering_of_the_results():
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == render(results), "run `python -m loadtests.bench_page`"


def test_the_results_name_machine_method_and_every_peer():
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert {"cores", "processor", "python"} <= results["machine"].keys()
    peers = {
        "kannel",
        "jasmin",
        "smpp34",
        "aiosmpplib",
        "smpp (node)",
        "throttled-py",
        "limits",
        "pyrate-limiter",
    }
    assert peers <= results["peers"].keys()
    text = PAGE.read_text(encoding="utf-8").lower()
    assert all(name.removesuffix(" (node)") in text for name in peers)
    assert "median" in text


def test_ratios_and_absences_are_shown():
    page = render(RESULT)
    assert "| smpp34 | 20,000 | 2× |" in page
    assert "| smpp (node) | – | – |" in page
    assert "| Kannel | 4,000 | 1,500 | 3,000 | 0 | 0.75× |" in page
    assert "| Jasmin | – | – | – | – | – |" in page
    assert "| Kannel, receipts and callbacks | 1,000 | 1 | 2 | 0 | 2× |" in page
    assert "| limits | 30,000 | 10× |" in page
    assert "1,000,000 reservations on 20,003 keys" in page
    assert "every limit was kept" in page
    assert "| Not installed | jasmin |" in page


@pytest.mark.parametrize("left_out", [*RESULT])
def test_a_section_that_was_not_measured_hinders_nothing(left_out):
    page = render({name: value for name, value in RESULT.items() if name != left_out})
    assert page.startswith("# Benchmarks beside peers")


def test_nothing_measured_is_drawn_too():
    assert "## Throttle" in render({})


def test_results_and_page_are_written_together(tmp_path):
    write(RESULT, tmp_path)
    assert json.loads((tmp_path / "benchmarks.json").read_text()) == RESULT
    assert (tmp_path / "benchmarks.md").read_text() == render(RESULT)
    assert bench_page.DOCS.name == "docs"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (1234567, "1,234,567"),
        (3210.4, "3,210"),
        (123.456, "123.5"),
        (1.23456, "1.23"),
        (0.04, "0.04"),
    ],
)
def test_figures_are_shown_as_people_read_them(value, shown):
    assert number(value) == shown


def test_small_things():
    assert quotient(1.0, None) is None
    assert quotient(None, 2.0) is None
    assert quotient(3.0, 2.0) == 1.5
    assert times(None) == "–"
    assert table(("a", "b"), [("1|2", 3)]) == ["| a | b |", "| --- | --- |", "| 1\\|2 | 3 |", ""]


def test_the_latest_a_recorder_s_loop_was_is_shown() -> None:
    held = {"sessions": 500, "lag_ms": {"set up": 5, "media begins": 22, "media ends": 15}}
    page = render(RESULT | {"siprec": {"recorder": {"calls": None, "sessions": held}}})
    assert "| dual-stream sessions held | 500 | loop late by 22 ms at most |" in page
