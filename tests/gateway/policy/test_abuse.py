"""Reports block a sender at the gateway alone, and only the business identity leaves."""

import dataclasses
from types import SimpleNamespace

from gateway.policy.abuse import (
    Persona,
    SenderBlocked,
    SenderUnblocked,
    SpamBlock,
    SpamReport,
    may_send_as,
    persona,
)

TN = "+12025550100"
DAY = 86_400 * 10**9


def test_different_reporters_block_a_sender() -> None:
    block = SpamBlock(threshold=2)
    assert block.report(SpamReport(1, TN, "x", 0)) is None
    assert block.report(SpamReport(2, TN, "x", 1)) is None
    assert not block.is_blocked(TN)
    assert block.report(SpamReport(3, TN, "y", 2)) == SenderBlocked(TN)
    assert block.is_blocked(TN)
    assert block.blocked_since_ns(TN) == 2
    assert block.report(SpamReport(4, TN, "z", 3)) is None
    assert list(block) == [TN]


def test_old_reports_do_not_count() -> None:
    block = SpamBlock(threshold=2, window_seconds=86_400)
    block.report(SpamReport(1, TN, "x", 0))
    assert block.report(SpamReport(2, TN, "y", DAY)) is None
    assert block.report(SpamReport(3, TN, "x", DAY + 1)) == SenderBlocked(TN)


def test_a_lifted_block_needs_new_reports() -> None:
    block = SpamBlock(threshold=2)
    assert block.lift(TN) is None
    block.replay([SpamReport(1, TN, "x", 0), SpamReport(2, TN, "y", 0)])
    assert block.lift(TN) == SenderUnblocked(TN)
    assert len(block) == 0
    assert block.report(SpamReport(3, TN, "x", 1)) is None


def test_history_replays_to_the_same_state() -> None:
    block = SpamBlock(threshold=1)
    block.replay([SpamReport(1, TN, "x", 0), SenderUnblocked(TN), SpamReport(2, TN, "y", 5)])
    assert block.blocked_since_ns(TN) == 5


def test_the_persona_is_the_business(world: SimpleNamespace) -> None:
    snapshot = world.snapshot()
    person = dataclasses.replace(snapshot.person, last_name="Archer", personal_number="+12025550160")
    shown = persona(snapshot.organization, person)
    assert shown == Persona(TN, "Acme Dental")
    branded = dataclasses.replace(snapshot.organization, business_identity="Acme Smiles")
    assert persona(branded, person) == Persona(TN, "Acme Smiles")
    assert persona(branded, dataclasses.replace(person, number=None)) is None


def test_only_the_work_number_sends(world: SimpleNamespace) -> None:
    person = dataclasses.replace(world.snapshot().person, personal_number="+12025550160")
    assert may_send_as(person, TN)
    assert not may_send_as(person, "+12025550160")
    assert not may_send_as(dataclasses.replace(person, number=None), TN)
