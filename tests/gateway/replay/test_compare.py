"""Verdicts: recorded, golden, rules; tolerances; bounded memory; reports."""

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.replay.compare import SECOND_NS, Expected, Ledger, Outcome, Result, Tolerances, differences
from gateway.replay.errors import ExpectationInvalid
from gateway.replay.expectations import Golden, Rules, read_expectation, write_golden, write_golden_head
from gateway.replay.plots import bar_plot, line_plot, nice
from gateway.replay.report import Report
from gateway.replay.summary import MAX_BUCKETS, Latency, Summary, Timeline
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState

SUBMIT = p.SubmitSm(source_addr="12025550100", destination_addr="13105550121", registered_delivery=1,
                    short_message=b"please STOP")  # fmt: skip
S = MessageState


class Book:
    def __init__(self, tolerances=None, **options):
        self.results = []
        self.ledger = Ledger(self.results.append, tolerances or Tolerances(), **options)

    def words(self):
        return {result.number: [what for what, _, _ in result.differences] for result in self.results}


def test_a_message_is_settled_once_nothing_more_can_come():
    book = Book()
    book.ledger.request(1, SUBMIT, 0, None)
    book.ledger.expect_answer(1, 0, SECOND_NS)
    book.ledger.answered(1, 0, SECOND_NS)
    book.ledger.receipted(1, S.ENROUTE, 2 * SECOND_NS)
    book.ledger.receipted(1, S.DELIVERED, 3 * SECOND_NS)
    assert not book.results
    book.ledger.expect_receipt(1, S.DELIVERED, 2 * SECOND_NS)
    [result] = book.results
    assert result.actual == Outcome(0, "DELIVRD", SECOND_NS, 3 * SECOND_NS, "")
    assert not result.differences
    assert len(book.ledger) == 0
    book.ledger.receipted(1, S.DELIVERED, 9)
    assert book.ledger.unexpected == 1


def test_every_kind_of_difference():
    book = Book(Tolerances(response_s=0.5, receipt_s=1.0))
    for number in range(1, 7):
        book.ledger.request(number, SUBMIT, 0, None)
        book.ledger.expect_answer(number, 0x58 if number == 1 else 0, SECOND_NS)
        if number > 1:
            book.ledger.expect_receipt(number, S.DELIVERED, SECOND_NS)
    book.ledger.answered(1, 0, SECOND_NS)
    book.ledger.receipted(1, S.DELIVERED, SECOND_NS)
    book.ledger.answered(2, 0x45, SECOND_NS)
    book.ledger.answered(3, 0, SECOND_NS)
    book.ledger.receipted(3, S.UNDELIVERABLE, SECOND_NS)
    book.ledger.answered(4, 0, 3 * SECOND_NS)
    book.ledger.receipted(4, S.DELIVERED, 3 * SECOND_NS)
    book.ledger.answered(5, 0, SECOND_NS)
    book.ledger.finish()
    assert book.words() == {
        1: ["status"],
        2: ["status", "receipt_missing"],
        3: ["receipt"],
        4: ["response_time", "receipt_time"],
        5: ["receipt_missing"],
        6: ["unanswered", "receipt_missing"],
    }


def test_what_was_not_recorded_is_not_judged():
    book = Book()
    book.ledger.request(1, SUBMIT, 0, None)
    book.ledger.answered(1, 0, 1)
    book.ledger.receipted(1, S.UNDELIVERABLE, 2)
    book.ledger.finish()
    assert book.words() == {1: []}


def test_one_refusal_is_as_good_as_another_where_logs_hold_none():
    expected = Expected(statuses=frozenset((0x45,)))
    assert list(differences(expected, Outcome(0x58), Tolerances()))
    assert not list(differences(expected, Outcome(0x58), Tolerances(any_refusal=True)))
    assert list(differences(expected, Outcome(0), Tolerances(any_refusal=True)))


@given(st.integers(1, 50))
def test_open_messages_are_bounded(most):
    book = Book(max_open=most)
    for number in range(1, 101):
        book.ledger.request(number, SUBMIT, 0, None)
    assert len(book.ledger) == most
    assert [result.number for result in book.results] == list(range(1, 101 - most))


# --- golden and rules ---------------------------------------------------------------------------------------


def golden(path: Path, records) -> Path:
    with path.open("w") as stream:
        write_golden_head(stream, "esme", "pcap")
        for result in records:
            write_golden(stream, result)
    return path


def result_of(number, status=0, receipt="DELIVRD", key=None):
    from gateway.replay.compare import message_key

    return Result(number, key or message_key(SUBMIT), 0, Expected(), Outcome(status, receipt))


def test_a_golden_file_says_what_is_expected_even_out_of_order(tmp_path):
    file = golden(tmp_path / "g", [result_of(2, 0x58, None), result_of(1), result_of(3, None, None)])
    found = read_expectation(file)
    assert isinstance(found, Golden)
    assert found.expected(1, SUBMIT) == Expected(frozenset((0,)), frozenset(("DELIVRD",)))
    assert found.expected(2, SUBMIT) == Expected(frozenset((0x58,)), frozenset((None,)))
    assert found.expected(3, SUBMIT) == Expected(None, frozenset((None,)))
    assert found.expected(4, SUBMIT) == Expected()


def test_a_golden_file_of_another_capture_is_refused(tmp_path):
    found = Golden(golden(tmp_path / "g", [result_of(1, key="00000000")]))
    with pytest.raises(ExpectationInvalid, match="another capture"):
        found.expected(1, SUBMIT)


@pytest.mark.parametrize(
    "content", ['{"golden": 9}\n', '{"golden": 1}\nnonsense\n', '{"golden": 1}\n{"n": 1}\n']
)
def test_damaged_golden_files_name_their_line(content, tmp_path):
    (tmp_path / "g").write_text(content)
    with pytest.raises(ExpectationInvalid, match=r"g:\d"):
        read_expectation(tmp_path / "g").expected(1, SUBMIT)


RULES = """
tolerances: {differences: 2}
rules:
  - when: {from: "^1202", to: "0121$", text: "(?i)stop"}
    expect: {status: [ESME_RTHROTTLED, 0x401], receipt: none}
  - when: {to: "^1310"}
    expect: {receipt: [DELIVRD, ACCEPTD], receipt_within_s: 2, response_within_s: 1}
"""


def test_the_first_rule_that_fits_decides(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    rules = read_expectation(tmp_path / "rules.yaml")
    assert isinstance(rules, Rules)
    assert rules.tolerances == Tolerances(differences=2)
    first = rules.expected(1, SUBMIT)
    assert (first.statuses, first.receipts) == (frozenset((0x58, 0x401)), frozenset((None,)))
    second = rules.expected(1, p.SubmitSm(destination_addr="13105550121", short_message=b"hi"))
    assert second.statuses is None
    assert (second.most_receipt_ns, second.most_response_ns) == (2 * SECOND_NS, SECOND_NS)
    assert rules.expected(1, p.SubmitSm(destination_addr="1")) == Expected()
    late = Outcome(0, "DELIVRD", 2 * SECOND_NS, 3 * SECOND_NS)
    assert [what for what, _, _ in differences(second, late, Tolerances())] == [
        "response_time",
        "receipt_time",
    ]


_BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
"""Ten to the ninth values, were its aliases followed."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: [", "2: neither .* YAML"),
        ("rules:\n  - expect: {}\n    extra: 1", "rules.yaml:3: rules.0.extra"),
        ("rules: " + "[" * 5_000, "nested deeper"),
        (_BOMB, "aliases"),
        ("rules: []", "rules"),
        ("rules: [{expect: {status: ESME_NONSENSE}}]", "no status"),
        ("rules: [{expect: {receipt: DELIVERED}}]", "DELIVRD"),
        ("rules: [{when: {text: '('}, expect: {}}]", "regular expression"),
        ("rules: [{expect: {}, extra: 1}]", "extra"),
        ("just text", "dictionary"),
    ],
)
def test_faulty_rules_are_refused(content, message, tmp_path):
    (tmp_path / "rules.yaml").write_text(content)
    with pytest.raises(ExpectationInvalid, match=message):
        read_expectation(tmp_path / "rules.yaml")


def test_a_binary_file_is_no_expectation(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExpectationInvalid, match="neither"):
        read_expectation(tmp_path / "x")


# --- summary and reports ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_a_timeline_never_loses_an_event_nor_grows(seconds):
    timeline = Timeline()
    for at in seconds:
        timeline.add("offered", at * SECOND_NS + 10**18)
    document = timeline.to_dict()
    assert sum(document["series"]["offered"]) == len(seconds)
    assert len(document["series"]["offered"]) <= MAX_BUCKETS
    assert Timeline.from_dict(document).to_dict() == document


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200))
def test_percentiles_are_right_to_within_two_per_cent(durations):
    latency = Latency()
    for took in durations:
        latency.add(took)
    exact = sorted(durations)[int(len(durations) * 0.9)] / SECOND_NS
    assert latency.percentile_s(0.9) == pytest.approx(exact, rel=0.04, abs=1e-9)


def some_report(**options) -> Report:
    summary = Summary()
    for number in range(1, 40):
        status = 0x58 if number % 5 == 0 else 0
        receipt = None if status else "DELIVRD"
        actual = Outcome(status, receipt, 10**6 * number, 10**9, "ESME_RTHROTTLED" if status else "")
        found = (("status", "ESME_ROK", "<b>&ESME_RTHROTTLED"),) if number == 5 else ()
        summary.add(Result(number, "ab", number * SECOND_NS, Expected(), actual, found))
    return Report("day <1>.pcap", "pcap", "esme", "max", 1, "recorded", summary, pdus=9, **options)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_is_self_contained_and_escapes():
    page = some_report(complaints=["packet 1 (octet 24): <x>"]).to_html()
    parser = Tags()
    parser.feed(page)
    assert parser.tags.count("svg") == 3
    assert "script" not in parser.tags
    assert not parser.links
    assert "<b>&E" not in page
    assert "day &lt;1&gt;.pcap" in page
    for series in ("offered", "accepted", "delivered", "throttled: ESME_RTHROTTLED"):
        assert series in page


def test_junit_has_a_case_for_each_message():
    suite = ET.fromstring(some_report().to_junit())
    assert suite.attrib["tests"] == "39"
    assert suite.attrib["failures"] == "1"
    [failure] = suite.iter("failure")
    assert "expected ESME_ROK" in failure.attrib["message"]


def test_json_is_complete_and_the_verdict_counts_tolerances():
    report = some_report()
    document = json.loads(report.to_json())
    assert (document["ok"], document["messages"], document["refused"]) == (False, 39, {"ESME_RTHROTTLED": 7})
    assert some_report(tolerated=1).passed


def test_reports_are_written_by_suffix(tmp_path):
    for name, begin in (("r.html", "<!doctype"), ("r.xml", "<?xml"), ("r.json", "{"), ("r", "{")):
        some_report().write(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(begin)


def test_the_terminal_shows_verdict_and_differences():
    console = Console(record=True, width=120)
    some_report(complaints=["line 3 (octet 9): torn"]).show(console)
    shown = console.export_text()
    assert "not as expected" in shown
    assert "ESME_RTHROTTLED" in shown
    assert "line 3" in shown


def test_a_summary_survives_being_put_away():
    state = json.loads(json.dumps(some_report().summary.to_state()))
    assert Summary.from_state(state).to_dict() == some_report().summary.to_dict()


def test_plots_of_nothing_and_round_axes():
    assert "svg" not in line_plot({}, 1.0)
    assert "svg" not in bar_plot({})
    assert [nice(value) for value in (0, 0.3, 1, 3, 7, 10, 11)] == [1.0, 0.5, 1, 5, 10, 10, 20]
