"""The decision table is whole: every rule has its rows, and rows tell people what they show."""

from collections import Counter
from typing import get_args

from gateway.carriers.profile import RefusalEvent
from gateway.policy.decisions import ADMINISTRATION, CARRIERS, INBOUND, OUTBOUND
from gateway.policy.rules import RULES, find
from gateway.policy.verdict import Direction


def test_every_rule_has_rows() -> None:
    shown = {("outbound", case.code) for case in OUTBOUND}
    shown |= {("inbound", case.code) for case in INBOUND}
    shown |= {("administrative", case.code) for case in ADMINISTRATION}
    assert shown == {(rule.direction.value, rule.code) for rule in RULES}


def test_every_fact_of_an_administrative_rule_is_named_where_it_is_shown() -> None:
    for code in {case.code for case in ADMINISTRATION}:
        says = " ".join(case.shows for case in ADMINISTRATION if case.code == code)
        assert any(fact in says for fact in find(code, Direction.ADMINISTRATIVE).facts), code


def test_every_outbound_row_says_what_its_rule_says() -> None:
    for case in OUTBOUND:
        assert case.status == find(case.code).http_status, case.shows
        assert case.refused or case.changes or case.before, case.shows


def test_rows_are_told_apart() -> None:
    for table in (OUTBOUND, INBOUND, ADMINISTRATION, CARRIERS):
        names = Counter(case.shows for case in table)
        assert set(names.values()) == {1}


def test_every_refusal_of_a_carrier_for_what_a_gateway_sends_is_shown() -> None:
    shown = {case.event for case in CARRIERS}
    flow = {"throughput", "queue_full"}  # answered by pauses and repetitions, never told to a sender
    wrong = {"bad_source", "bad_destination"}  # the gateway's own rules come first
    assert shown == set(get_args(RefusalEvent)) - flow - wrong
