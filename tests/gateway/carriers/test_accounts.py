"""Whose an inbound text is: the number's owner, its last writer, who was asked for, or who takes the rest."""

import pytest

from gateway.carriers.accounts import Accounts
from gateway.carriers.profile import Account
from gateway.runtime.clock import WorldClock

OWNED, WRITTEN, NOBODYS = "+12025550100", "+12025550101", "+12025550102"


class Wire:
    """A receiver that takes nothing."""

    window_free = 0


def accounts(*names: str, default: str = "") -> Accounts:
    made = [
        Account(
            system_id=name,
            password="p",
            numbers=(OWNED,) if name == "owner" else (),
            default=name == default,
        )
        for name in names
    ]
    return Accounts(made, 10, WorldClock(0, frozen=True), None)


def test_an_owned_number_is_its_owners_whoever_wrote_from_it() -> None:
    found = accounts("owner", "other", default="other")
    found.remember_writer(OWNED, "other")
    assert found.recipient_of(OWNED, "other") == "owner"
    assert found.owner_of(WRITTEN) is None


def test_the_last_writer_comes_before_who_was_asked_for() -> None:
    found = accounts("first", "second", "third")
    found.remember_writer(WRITTEN, "first")
    found.remember_writer(WRITTEN, "second")
    assert found.recipient_of(WRITTEN, "third") == "second"
    assert found.recipient_of(NOBODYS, "third") == "third"


def test_writers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.carriers.accounts._MOST_WRITERS", 2)
    found = accounts("one", "two")
    for last in range(3):
        found.remember_writer(f"+1202555010{last}", "one")
    assert [found.recipient_of(f"+1202555010{last}") for last in range(3)] == [None, "one", "one"]


@pytest.mark.parametrize(
    ("default", "listening", "taker"),
    [
        ("", (), None),
        ("", ("a",), "a"),
        ("", ("a", "b"), None),
        ("a", (), "a"),
        ("a", ("b",), "b"),
        ("a", ("a", "b"), "a"),
    ],
)
def test_what_is_nobodys_goes_to_the_default_or_the_only_one_that_listens(
    default: str, listening: tuple[str, ...], taker: str | None
) -> None:
    found = accounts("a", "b", default=default)
    for name in listening:
        found.mailboxes[name].add_receiver(Wire())  # type: ignore[arg-type]
    assert found.recipient_of(NOBODYS) == taker
