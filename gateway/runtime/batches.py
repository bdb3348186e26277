"""One batch of units, stored by one connection: together in one commit, apart only to find who is to blame.

Used by the writing thread and by the writing process; it knows neither loops nor SQLAlchemy.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from gateway.runtime.errors import DatabaseBusy, DatabaseError, DatabaseUnavailable


class Writer(Protocol):
    """One connection that writes. Methods raise the driver's errors; `explain` translates them."""

    def connect(self) -> None:
        """Open the connection if it is not open."""

    def begin(self) -> None:
        """Begin a transaction that may write."""

    def execute_many(self, sql: str, rows: list[Any]) -> None:
        """Run one statement for every row."""

    def savepoint(self) -> None:
        """Mark the place `undo` returns to."""

    def undo(self) -> bool:
        """Return to the savepoint; False says the whole transaction is gone."""

    def release(self) -> None:
        """Keep what was done since the savepoint."""

    def commit(self) -> None:
        """Make the transaction durable."""

    def rollback(self) -> None:
        """Drop the transaction if there is one. Never raises."""

    def explain(self, error: Exception) -> DatabaseError:
        """Translate a driver's error."""

    def close(self) -> None:
        """Close the connection. Never raises."""


class Group(NamedTuple):
    """All rows of one statement in a batch; `units[i]` is the number of the unit that row `i` belongs to."""

    rank: int
    sql: str
    rows: list[Any]
    units: list[int]


Faults = dict[int, DatabaseError]
"""Number of a unit that was not stored → why."""


def store(writer: Writer, groups: list[Group], count: int) -> Faults:
    """Store `count` units, whose rows are in `groups`; return those that were not stored."""
    if not groups:
        return {}
    groups.sort(key=_rank)
    try:
        writer.connect()
        writer.begin()
        for group in groups:
            writer.execute_many(group.sql, group.rows)
        writer.commit()
    except Exception as error:
        writer.rollback()
        return _store_apart(writer, groups, count, writer.explain(error))
    return {}


def _store_apart(writer: Writer, groups: list[Group], count: int, reason: DatabaseError) -> Faults:
    if count == 1 or isinstance(reason, DatabaseUnavailable | DatabaseBusy):
        return dict.fromkeys(range(count), reason)
    units: list[list[Group]] = [[] for _ in range(count)]
    for group in groups:
        for row, unit in zip(group.rows, group.units, strict=True):
            units[unit].append(Group(group.rank, group.sql, [row], [0]))
    try:
        return _store_behind_savepoints(writer, units)
    except Exception:  # the whole transaction is gone, or would not commit: each unit by itself, then
        writer.rollback()
        faults = (store(writer, unit, 1) for unit in units)
        return {number: fault[0] for number, fault in enumerate(faults) if fault}


def _store_behind_savepoints(writer: Writer, units: list[list[Group]]) -> Faults:
    faults: Faults = {}
    writer.connect()
    writer.begin()
    for number, unit in enumerate(units):
        writer.savepoint()
        try:
            for group in unit:
                writer.execute_many(group.sql, group.rows)
        except Exception as error:
            if not writer.undo():
                raise
            faults[number] = writer.explain(error)
        else:
            writer.release()
    writer.commit()
    return faults


def _rank(group: Group) -> int:
    return group.rank
