"""What stands between a service and its database: told by outcomes alone, in virtual time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseOverloaded,
    DatabaseUnavailable,
    IntegrityError,
    StatementInvalid,
)
from gateway.runtime.reachability import AWAY, SILENCE_S, Reachability

FAULTS = (DatabaseBusy, DatabaseFull, DatabaseUnavailable, IntegrityError, StatementInvalid)


def test_at_first_there_is_nothing_to_tell() -> None:
    found = Reachability()
    assert found.well
    assert found.problems() == []


@pytest.mark.parametrize("kind", [DatabaseBusy, DatabaseFull, DatabaseUnavailable])
def test_a_database_that_is_away_is_named_without_its_address(kind: type[DatabaseError]) -> None:
    found = Reachability()
    found.wrote(kind("connection to db.example at 10.1.2.3 refused"), 1.0)
    assert found.problems() == [f"database: {kind.advice}"]
    assert not found.well
    found.wrote(None, 2.0)
    assert found.problems() == []
    assert found.well


@pytest.mark.parametrize("kind", [IntegrityError, StatementInvalid, DatabaseOverloaded])
def test_a_fault_of_a_unit_says_that_the_database_answers(kind: type[DatabaseError]) -> None:
    found = Reachability()
    found.wrote(DatabaseBusy(), 1.0)
    found.wrote(kind("no"), 2.0)
    assert found.problems() == []


def test_reads_and_writes_are_told_apart() -> None:
    found = Reachability()
    found.read(DatabaseUnavailable(), 1.0)
    found.wrote(None, 2.0)
    assert found.reads_troubled
    assert len(found.problems()) == 1
    found.read(None, 3.0)
    assert found.well


def test_silence_is_a_problem_only_after_a_while() -> None:
    found = Reachability()
    found.silent(100.0)
    found.silent(100.0 + SILENCE_S - 0.1)
    assert found.problems() == []
    found.silent(100.0 + SILENCE_S)
    assert found.problems() == ["database: what is to be stored waits for it, 12 s now"]
    found.wrote(None, 100.0 + SILENCE_S)
    assert found.well
    found.silent(200.0)
    assert found.problems() == []


@given(st.lists(st.tuples(st.sampled_from(["read", "wrote"]), st.none() | st.sampled_from(FAULTS))))
def test_the_last_of_each_decides(story: list[tuple[str, type[DatabaseError] | None]]) -> None:
    found = Reachability()
    last: dict[str, type[DatabaseError] | None] = {"read": None, "wrote": None}
    for now, (verb, kind) in enumerate(story):
        getattr(found, verb)(kind and kind("x"), float(now))
        last[verb] = kind
    away = [kind for kind in last.values() if kind is not None and issubclass(kind, AWAY)]
    assert found.troubled == bool(away)
    assert bool(found.problems()) == bool(away)
