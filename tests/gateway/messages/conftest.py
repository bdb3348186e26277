"""A database that stores, or fails, when the test says so."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.messages import unstored
from gateway.runtime.database import DatabaseError, DatabaseOverloaded

Intents = tuple[Any, ...]


class Desk:
    """Stands in for `Database`: units wait until `settle`."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Intents, asyncio.Future[None] | None]] = []
        self.stored: list[Any] = []
        self.overloaded = False
        self._unstored: list[Callable[[Intents, DatabaseError], None]] = []

    def write(self, *intents: Any) -> asyncio.Future[None]:
        self._refuse()
        self.waiting.append((intents, asyncio.get_running_loop().create_future()))
        future = self.waiting[-1][1]
        assert future is not None
        return future

    def write_soon(self, *intents: Any) -> None:
        self._refuse()
        self.waiting.append((intents, None))

    def on_unstored(self, callback: Callable[[Intents, DatabaseError], None]) -> None:
        self._unstored.append(callback)

    async def flush(self) -> None:
        await self.settle()

    async def settle(self, error: DatabaseError | None = None, *, only: int | None = None) -> None:
        """Store what waits, or fail it (`only` so many of the first); then let everybody hear of it."""
        settled, self.waiting = self.waiting[:only], self.waiting[len(self.waiting[:only]) :]
        for intents, future in settled:
            if error is None:
                self.stored += intents
                if future is not None:
                    future.set_result(None)
            elif future is not None:
                future.set_exception(error)
            else:
                for callback in self._unstored:
                    callback(intents, error)
        await self.turns()

    async def settle_all(self) -> None:
        """Store what waits, and what follows from that."""
        await self.turns()
        while self.waiting:
            await self.settle()

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def of(self, kind: type[Any]) -> list[Any]:
        """What is stored of one kind."""
        return [intent for intent in self.stored if type(intent) is kind]

    def _refuse(self) -> None:
        if self.overloaded:
            raise DatabaseOverloaded


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A database in the test's hands; what waits for it is handed over again without a pause."""
    monkeypatch.setattr(unstored, "RETRY_S", 0.0)
    return Desk()


@pytest.fixture(scope="session")
def desk_kind() -> type[Desk]:
    """For tests that need one for each of many examples."""
    return Desk
