"""The HTML report: everything in it, nothing fetched, nothing unescaped, small however long the run was."""

import re

import pytest

from gateway.load.conformance import ScopeConformance
from gateway.load.page import page
from gateway.load.profile import Profile
from gateway.load.report import Generator, Report
from gateway.load.tally import Outcome, tally_of

S = 1_000_000_000


def report_of(seconds: int = 3, **fields) -> Report:
    profile = Profile.model_validate(
        {"name": "x", "target": "smpp://user:secret@127.0.0.1:2775", "budgets": {"p99_ms": 1}}
    )
    outcomes = [
        Outcome(n * S // 4, n * S // 4, n * S // 4, n * S // 4 + 5_000_000, "good", 1, code)
        for n, code in enumerate((None, "queue_full", "failed", None) * seconds)
    ]
    return Report(profile, tally_of(outcomes), float(seconds), **fields)


def test_what_counts_is_on_it():
    conformance = (ScopeConformance("number", 2, 9, 8, 7, ("+1202: 9 segments in 1.000 s, 2.000 allowed",)),)
    scope_seconds = {"number": [(0, 9, 8, 3), (2, 0, 0, 4)]}
    hostile = tally_of([Outcome(0, 0, 0, 9, "mallory", 1, "http_401")])
    text = page(
        report_of(
            conformance=conformance,
            scope_seconds=scope_seconds,
            hostile=hostile,
            generator=Generator(0.5, 3.0, 13),
            notes=("3 receipts came in",),
        )
    )
    for wanted in (
        "not within its budgets",
        "queue_full",
        "mallory",
        "http_401",
        "+1202: 9 segments in 1.000 s",
        "number: segments a second",
        "50% of a core busy",
        "3 receipts came in",
        "<title>released</title>",
        "<title>hostile</title>",
    ):
        assert wanted in text
    assert "secret" not in text


def test_it_stands_alone_and_is_well_formed():
    text = page(report_of())
    assert re.findall(r"""(?:src|href)=|url\(|<script""", text) == []
    for tag in ("table", "svg", "h2", "p", "details"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>"), tag


def test_what_a_target_says_is_escaped():
    outcome = Outcome(0, 0, 0, 9, "good", 1, "<script>alert(1)</script>")
    profile = Profile.model_validate({"name": "x", "target": "http://h/<b>"})
    text = page(Report(profile, tally_of([outcome]), 1.0))
    assert "<script>" not in text
    assert "<b>" not in text


@pytest.mark.parametrize("seconds", [0, 1, 449, 451, 20_000])
def test_a_long_run_makes_no_longer_page(seconds):
    text = page(report_of(seconds))
    assert len(text) < 150_000


def test_an_empty_run_is_drawn_too():
    profile = Profile.model_validate({"name": "x", "target": "limiter:"})
    text = page(Report(profile, tally_of([]), 0.0))
    assert "Nothing to show" in text
    assert "Nothing was offered" in text
