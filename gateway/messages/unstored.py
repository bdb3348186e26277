"""What has happened and could not be stored: kept, and handed over again until the database has it.

A carrier repeats what it was not told is stored. Its answer to a submit, an expiry and a refusal come once: a
database that is locked or away for a while must not lose them. They are kept by text, in bounds set by the
texts under way. Ends the process before they are stored, the texts stand as they were stored before, and the
next start goes on from there: at least once, as after any crash.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain, islice
from typing import Any

from gateway.messages.intents import InsertSegment, MarkQueued, MarkReceipt, MarkSubmitted
from gateway.runtime.database import (
    Database,
    DatabaseClosed,
    DatabaseError,
    IntegrityError,
    StatementInvalid,
)
from gateway.runtime.log import get_logger

RETRY_S = 1.0
"""Wire time between two attempts, while the database takes nothing."""
ROUND = 500
"""Units handed over together."""

Intents = tuple[Any, ...]
#: Failures that no repetition heals.
_FOR_GOOD = (IntegrityError, StatementInvalid, DatabaseClosed)
_MARKS = frozenset({InsertSegment, MarkQueued, MarkSubmitted})

_log = get_logger("messages")


class _Kept:
    """A unit that waits; `flown` are its intents that are with the database."""

    __slots__ = ("flown", "intents", "message_id", "then")

    def __init__(self, message_id: int, intents: Intents, then: Callable[[], None] | None) -> None:
        self.message_id, self.intents, self.then = message_id, intents, then
        self.flown = 0


class Unstored:
    """Units of texts that the database did not take yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[int, list[_Kept]] = {}
        self._flying = 0
        self._failed = False
        self._timer: asyncio.TimerHandle | None = None
        database.on_unstored(self._take_back)

    def __len__(self) -> int:
        """How many texts have something to store."""
        return len(self._kept)

    def write(self, message_id: int, intents: Intents, then: Callable[[], None] | None = None) -> None:
        """Store a unit, however long it takes; `then` is called once it is durable."""
        try:
            durable = self._database.write(*intents)
        except DatabaseError:
            self.keep(message_id, intents, then)
        else:
            durable.add_done_callback(partial(self._written, message_id, intents, then))

    def keep(self, message_id: int, intents: Intents, then: Callable[[], None] | None = None) -> None:
        """Hand a unit over later, again and again."""
        self._add(_Kept(message_id, intents, then))
        if self._timer is None and not self._flying:
            self._arm(RETRY_S)

    def amend(self, mark: MarkReceipt) -> None:
        """A receipt is stored. Waits the row of its segment still, then it found none: it is marked again."""
        for unit in self._kept.get(mark.message_id, ()):
            if any(type(one) is InsertSegment and one.part == mark.part for one in unit.intents):
                unit.intents += (mark,)

    def _take_back(self, intents: Intents, error: DatabaseError) -> None:
        """The database hands back what nobody waited for."""
        if intents and type(intents[0]) in _MARKS and not isinstance(error, _FOR_GOOD):
            self.keep(intents[0].message_id, intents)

    def _written(
        self,
        message_id: int,
        intents: Intents,
        then: Callable[[], None] | None,
        durable: "asyncio.Future[None]",
    ) -> None:
        error = _error(durable)
        if error is None:
            self._stored(intents, then)
        elif isinstance(error, _FOR_GOOD):
            self._drop(error)
        else:
            self.keep(message_id, intents, then)

    def _stored(self, intents: Intents, then: Callable[[], None] | None) -> None:
        if self._kept:
            for intent in intents:
                if type(intent) is MarkReceipt:
                    self.amend(intent)
        if then is not None:
            then()

    def _arm(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._try)

    def _try(self) -> None:
        self._timer, self._failed = None, False
        for unit in list(islice(chain.from_iterable(self._kept.values()), ROUND)):
            try:
                durable = self._database.write(*unit.intents)
            except DatabaseClosed:  # the next start goes on from what is stored
                self._kept.clear()
                return
            except DatabaseError:  # overloaded
                self._failed = True
                break
            unit.flown = len(unit.intents)
            self._flying += 1
            durable.add_done_callback(partial(self._tried, unit))
        self._go_on()

    def _tried(self, unit: _Kept, durable: "asyncio.Future[None]") -> None:
        self._flying -= 1
        error = _error(durable)
        if error is None:
            then, unit.then = unit.then, None
            self._settle(unit, unit.intents[unit.flown :])
            self._stored(unit.intents[: unit.flown], then)
        elif isinstance(error, _FOR_GOOD):
            rest = tuple(one for one in unit.intents if type(one) is not InsertSegment)
            if len(rest) == len(unit.intents):
                self._drop(error)
                rest = ()
            self._settle(unit, rest)  # without the row, which may be there: a commit can fail after the fact
        else:
            self._failed = True
        self._go_on()

    def _settle(self, unit: _Kept, rest: Intents) -> None:
        """Keep the rest of a unit, if there is any."""
        units = self._kept.get(unit.message_id, [])
        if unit in units:
            units.remove(unit)
            if not units:
                del self._kept[unit.message_id]
        if rest:
            self._add(_Kept(unit.message_id, rest, unit.then))

    def _add(self, unit: _Kept) -> None:
        self._kept.setdefault(unit.message_id, []).append(unit)

    def _go_on(self) -> None:
        if self._flying or self._timer is not None:
            return
        if self._kept:
            self._arm(RETRY_S if self._failed else 0.0)
        else:
            _log.info("all outcomes stored")

    def _drop(self, error: BaseException) -> None:
        _log.error("outcome not stored", error=type(error).__name__)


def _error(durable: "asyncio.Future[None]") -> BaseException | None:
    return DatabaseClosed() if durable.cancelled() else durable.exception()
