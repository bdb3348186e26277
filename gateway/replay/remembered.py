"""What a replay keeps in mind: as much as is open, a little of what is settled, and never more than so much.

That is why a capture of ten million messages needs no more memory than one of ten thousand.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView
from typing import Final, Generic, TypeVar

MOST_OPEN: Final = 100_000
MOST_SETTLED: Final = 2_000

K = TypeVar("K")
V = TypeVar("V")
_put: Final = OrderedDict.__setitem__


class Remembered(OrderedDict[K, V]):
    """A dictionary that forgets what was put in first once it is full."""

    def __init__(self, size: int = MOST_OPEN) -> None:
        super().__init__()
        self._size = size

    def __setitem__(self, key: K, value: V) -> None:
        _put(self, key, value)
        if len(self) > self._size:
            self.popitem(last=False)


class Awaited(Generic[K, V]):
    """What is open, until it is settled; of what is settled the latest, for those who ask once more."""

    __slots__ = ("_open", "_settled")

    def __init__(self, most_open: int = MOST_OPEN, most_settled: int = MOST_SETTLED) -> None:
        self._open: Remembered[K, V] = Remembered(most_open)
        self._settled: Remembered[K, V] = Remembered(most_settled)

    def __len__(self) -> int:
        return len(self._open) + len(self._settled)

    def add(self, key: K, value: V, *, settled: bool = False) -> None:
        """Remember something that is open, or (`settled`) something nobody has to come back to."""
        if settled:
            self._settled[key] = value
        else:
            self._open[key] = value

    def get(self, key: K) -> V | None:
        """What is remembered of it."""
        value = self._open.get(key)
        return self._settled.get(key) if value is None else value

    def opened(self) -> ItemsView[K, V]:
        """What is open."""
        return self._open.items()

    def settle(self, key: K) -> None:
        """Nothing more has to come of it."""
        value = self._open.pop(key, None)
        if value is not None:
            self._settled[key] = value
