import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.runtime.http.auth import FailureThrottle, Principal, Tickets, Tokens, bearer_token
from gateway.runtime.http.settings import TokenSettings

ALICE = Principal("alice", "person", "acme", "alice")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc  ", "abc"),
        ("Bearer " + "x" * 1024, "x" * 1024),
        ("Bearer " + "x" * 1025, None),
        ("Bearerabc", None),
    ],
)
def test_bearer_header(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@given(st.text(max_size=50))
def test_any_header_parses_or_is_none(header: str) -> None:
    token = bearer_token(header)
    assert token is None or (token and token == token.strip() and header.lower().startswith("bearer "))


def test_tokens_know_whom_they_stand_for() -> None:
    tokens = Tokens([TokenSettings(token="t1", role="person", organization="acme", person="alice", name="a")])
    assert tokens.find("t1") == Principal("a", "person", "acme", "alice")
    assert tokens.find("t2") is None
    assert tokens.find("") is None
    assert len(tokens) == 1


def test_token_may_be_configured_as_digest() -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    tokens = Tokens([TokenSettings(sha256=digest, role="admin")])
    assert tokens.find("secret") == Principal("admin", "admin")
    assert tokens.find(digest) is None


@given(st.text(), st.text())
def test_only_the_very_token_is_found(token: str, other: str) -> None:
    if not token or any(0xD800 <= ord(c) <= 0xDFFF for c in token + other):
        return
    tokens = Tokens([TokenSettings(token=token, role="admin")])
    assert tokens.find(token) is not None
    assert (tokens.find(other) is not None) == (other == token)


def test_header_bytes_that_are_no_utf8_are_just_unknown() -> None:
    assert Tokens().find("\udcff\udc80") is None


def test_a_ticket_works_once() -> None:
    tickets = Tickets(30)
    ticket = tickets.issue(ALICE, 0.0)
    assert tickets.redeem(ticket, 1.0) == ALICE
    assert tickets.redeem(ticket, 1.0) is None


def test_a_ticket_expires() -> None:
    tickets = Tickets(30)
    ticket = tickets.issue(ALICE, 0.0)
    assert tickets.redeem(ticket, 30.0) is None
    assert len(tickets) == 0


def test_expired_tickets_are_dropped_and_the_table_is_bounded() -> None:
    tickets = Tickets(30, limit=5)
    first = tickets.issue(ALICE, 0.0)
    for _ in range(5):
        tickets.issue(ALICE, 1.0)
    assert len(tickets) == 5
    assert tickets.redeem(first, 1.0) is None
    tickets.issue(ALICE, 100.0)
    assert len(tickets) == 1


class TicketMachine(RuleBasedStateMachine):
    """However tickets are issued, redeemed and aged, each opens the door at most once and only in time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tickets = Tickets(10, limit=4)
        self.issued: dict[str, float] = {}
        self.used: set[str] = set()

    @rule()
    def issue(self) -> None:
        ticket = self.tickets.issue(ALICE, self.now)
        assert ticket not in self.issued
        self.issued[ticket] = self.now

    @rule(data=st.data())
    def redeem(self, data: st.DataObject) -> None:
        if self.issued:
            ticket = data.draw(st.sampled_from(sorted(self.issued)))
            if self.tickets.redeem(ticket, self.now) is not None:
                assert ticket not in self.used
                assert self.now - self.issued[ticket] < 10
                self.used.add(ticket)

    @rule(seconds=st.floats(0.1, 6))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def bounded(self) -> None:
        assert len(self.tickets) <= 4


TestTickets = TicketMachine.TestCase
TestTickets.settings = settings(max_examples=40, stateful_step_count=30)


def test_a_guesser_is_slowed_and_forgiven() -> None:
    throttle = FailureThrottle(per_minute=6)
    for _ in range(6):
        throttle.record("192.0.2.1", 0.0)
    assert throttle.wait_s("192.0.2.1", 0.0) == 0
    throttle.record("192.0.2.1", 0.0)
    assert throttle.wait_s("192.0.2.1", 0.0) == pytest.approx(10)
    assert throttle.wait_s("192.0.2.1", 10.0) == 0
    assert throttle.wait_s("192.0.2.2", 0.0) == 0


def test_the_level_is_capped_so_a_flood_is_not_punished_for_ever() -> None:
    throttle = FailureThrottle(per_minute=6)
    for _ in range(10_000):
        throttle.record("192.0.2.1", 0.0)
    assert throttle.wait_s("192.0.2.1", 0.0) <= 10


def test_the_table_of_guessers_is_bounded() -> None:
    throttle = FailureThrottle(per_minute=6, max_peers=10)
    for peer in range(100):
        throttle.record(str(peer), 0.0)
    assert len(throttle) == 10


def test_throttle_can_be_off() -> None:
    throttle = FailureThrottle(per_minute=0)
    for _ in range(100):
        throttle.record("192.0.2.1", 0.0)
    assert throttle.wait_s("192.0.2.1", 0.0) == 0
