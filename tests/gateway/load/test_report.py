"""Tallies and reports: honest latencies, budgets, exit codes, what is shown."""

import io
import json

import pytest
from rich.console import Console

from gateway.load.conformance import ScopeConformance
from gateway.load.page import write_report
from gateway.load.profile import Profile
from gateway.load.report import Generator, Report
from gateway.load.tally import FAILED, NOT_SENT, TIMEOUT, Outcome, Second, Tally
from gateway.load.tally import tally_of as tally_from

MS = 1_000_000
S = 1000 * MS


def tally_of(*outcomes: Outcome) -> Tally:
    return tally_from(outcomes)


def request(
    due_ms: int, sent_ms: int, done_ms: int, code: str | None = None, sender: str = "good"
) -> Outcome:
    return Outcome(due_ms * MS, sent_ms * MS, sent_ms * MS, done_ms * MS, sender, 1, code)


def report_of(tally: Tally, judged=(), hostile=None, generator=None, **budgets) -> Report:
    document = {"name": "x", "target": "smpp://user:secret@127.0.0.1:2775", "budgets": budgets}
    profile = Profile.model_validate(document)
    return Report(profile, tally, 2.0, conformance=judged, hostile=hostile or Tally(), generator=generator)


def test_a_stall_shows_for_everything_that_was_due_in_it():
    """A closed loop would have seen one slow request; a hundred were due."""
    tally = tally_of(*(request(n * 10, 1000, 1001) for n in range(100)))
    assert tally.service.percentile(50) == 1000
    assert tally.latency.percentile(50) == pytest.approx(505_000, rel=0.03)
    assert tally.lateness.percentile(99) == pytest.approx(990_000, rel=0.02)
    assert report_of(tally).generator_was_the_limit


def test_outcomes_are_counted_by_code_sender_and_second():
    tally = tally_of(
        request(0, 0, 5),
        request(10, 10, 12, "throttled_number", "hostile"),
        request(2500, 2500, 2600, FAILED),
    )
    assert (tally.offered, tally.accepted, tally.refused, tally.failed) == (3, 1, 1, 1)
    assert tally.by_sender["hostile"] == {"throttled_number": 1, "segments": 1}
    assert tally.seconds() == [
        Second(0, 2, 1, 1, 0, 2007, 5000),
        Second(1, 0, 0, 0, 0, 0, 0),
        Second(2, 1, 0, 0, 1, 100_000, 100_000),
    ]
    assert Tally().seconds() == []


def test_merged_tallies_are_as_if_counted_in_one():
    some = [request(n, n, n + 3, None if n % 3 else "queue_full") for n in range(50)]
    others = [request(n, n + 1, n + 9, sender="hostile") for n in range(900, 1100)]
    merged = tally_of(*some)
    merged.merge(tally_of(*others))
    together = tally_of(*some, *others)
    assert report_of(merged).document() == report_of(together).document()


@pytest.mark.parametrize(
    ("budgets", "code"),
    [
        ({"p99_ms": 11}, 0),
        ({"p99_ms": 9}, 1),
        ({"p50_ms": 11, "p999_ms": 11, "max_ms": 10}, 0),
        ({"failed_ratio": 0.0}, 1),
        ({"failed_ratio": 0.25, "refused_ratio": 0.25}, 0),
        ({"refused_ratio": 0.1}, 1),
        ({"accepted_per_s": 1.0}, 0),
        ({"accepted_per_s": 1.1}, 1),
        ({"arrival_error_p99_ms": 1}, 0),
    ],
)
def test_budgets_decide_the_exit_code(budgets, code):
    tally = tally_of(
        request(0, 0, 10), request(0, 0, 10), request(0, 0, 10, "throttled_person"), request(0, 0, 10, FAILED)
    )
    report = report_of(tally, **budgets)
    assert report.exit_code == code
    assert len(report.verdicts) == len(budgets)


def test_a_run_in_which_nothing_was_accepted_is_a_failure_unless_that_is_said():
    """A wrong port or token must not look like a target that is quick."""
    refused = tally_of(*(request(n, n, n + 1, "404") for n in range(9)))
    report = report_of(refused, p99_ms=50)
    assert (report.exit_code, report.warnings[0][:21]) == (1, "Nothing was accepted:")
    said = report_of(refused, p99_ms=50, refused_ratio=1)
    assert (said.exit_code, said.warnings) == (0, [])


def test_an_exceeded_limit_breaks_the_budget_unless_it_is_not_looked_at():
    broken = (ScopeConformance("number", 1, 9, 9, 9, ("+1202: 9 segments in 1 s, 2 allowed",)),)
    assert report_of(tally_of(request(0, 0, 1)), broken).exit_code == 1
    assert report_of(tally_of(request(0, 0, 1)), broken, conformance=False).exit_code == 0


def test_the_document_is_json_and_keeps_secrets():
    report = report_of(tally_of(request(0, 0, 10)), p99_ms=20)
    text = json.dumps(report.document())
    assert "secret" not in text
    document = json.loads(text)
    assert document["ok"] is True
    assert document["latencyMs"]["p99"] == 10.0
    assert document["budgets"] == [{"budget": "p99_ms", "allowed": 20.0, "actual": 10.0, "kept": True}]
    assert document["acceptedPerS"] == 0.5


def test_an_empty_run_is_reported_too():
    report = report_of(Tally(), p99_ms=1, failed_ratio=0.0)
    assert report.exit_code == 1
    assert "Nothing was offered" in shown(report)


def test_the_terminal_shows_what_counts():
    conformance = (
        ScopeConformance("number", 3, 12, 10, 9),
        ScopeConformance("carrier", 1, 12, 10, 9, ("att: 12 segments in 1.000 s, 10.000 allowed",)),
    )
    text = shown(
        report_of(tally_of(request(0, 500, 510), request(0, 0, 1, "queue_full")), conformance, p99_ms=1)
    )
    for word in ("queue_full", "kept in every window", "12 segments in 1.000 s", "BROKEN", "arrival error"):
        assert word in text
    assert "secret" not in text


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(report.renderable())
    return console.file.getvalue()


def test_a_wait_for_a_connection_is_not_the_generators_fault():
    waited = [Outcome(n * MS, n * MS, (n + 50) * MS, (n + 51) * MS, "good", 1, None) for n in range(200)]
    report = report_of(tally_of(*waited))
    assert not report.generator_was_the_limit
    assert "more `connections`" in report.warnings[0]
    assert report.tally.latency.percentile(50) == pytest.approx(51_000, rel=0.01)


def test_every_kind_of_failure_counts_as_one():
    tally = tally_of(*(request(0, 0, 1, code) for code in (FAILED, TIMEOUT, NOT_SENT, "queue_full", None)))
    assert (tally.failed, tally.refused, tally.accepted) == (3, 1, 1)


def test_hostile_requests_are_counted_apart():
    hostile = tally_of(request(0, 0, 9000, "http_401", "mallory"), request(0, 0, 1, None, "mallory"))
    report = report_of(tally_of(request(0, 0, 1)), hostile=hostile, p99_ms=2, hostile_accepted_ratio=0.1)
    assert [verdict.kept for verdict in report.verdicts] == [True, False]
    assert report.document()["hostile"] == {"codes": {"http_401": 1, "accepted": 1}, "offered": 2}
    assert "mallory" in shown(report)


def test_a_generator_that_gave_up_was_the_limit_and_is_told():
    generator = Generator(0.99, 2.0, 1000, gave_up=True)
    report = report_of(tally_of(request(0, 0, 1)), generator=generator, offered_per_s=501)
    assert report.generator_was_the_limit
    assert report.exit_code == 1
    assert "The generator was the limit" in shown(report).replace("\n", " ")
    assert report.document()["offeredPerS"] == 500.0


def test_the_document_names_what_was_stopped_and_what_was_meant():
    report = report_of(tally_of(request(0, 0, 1)))
    assert report.document()["profile"]["budgets"]["conformance"] is True
    assert "target" not in report.document()["profile"]


def test_reports_are_written_as_their_suffix_says(tmp_path):
    report = report_of(tally_of(request(0, 0, 10)), p99_ms=20)
    write_report(report, tmp_path / "a.json")
    write_report(report, tmp_path / "a.html")
    assert json.loads((tmp_path / "a.json").read_text())["ok"] is True
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
