"""Where limits keep one integer per key: the TAT of a rate, the counter of a window.

Keys of one sender each may be a million: their integers lie in arrays, a shard's side by side, and a dict
says which slot is whose. Keys that many senders share are few and asked all the time: each has a cell, which
the limit's entry is itself, so that a reservation finds limit and state in one place. Both are sharded, so
that no growth, sweep or listing is long however many keys there are.

A swept key's slot or cell is marked `DEAD`, which sends a plan that still holds it to look again. So a slot
never serves another key: a shard in which swept keys outnumber the others gets a new array, and the old one
is marked throughout.
"""

from array import array
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from typing import Protocol

Values = MutableSequence[int]
"""An array of machine integers."""

NEVER = -(1 << 62)
"""Value of a key nobody has used."""
FAR = 1 << 62
"""Value of a rate key with islands: no text passes at once, the timeline beside it decides."""
DEAD = (1 << 63) - 1
"""Value of a key that was swept."""

_SWEPT = array("q", [DEAD])


class Cell:
    """The value of one key: in `value`, or in `values[slot]` where keys are many."""

    __slots__ = ("slot", "value", "values")

    def __init__(self) -> None:
        self.value = DEAD
        self.values: Values = _SWEPT
        self.slot = 0


class State(Protocol):
    """One integer per key, in shards."""

    @property
    def shards(self) -> Sequence[Mapping[str, object]]:
        """The keys that have a value."""

    def read(self, index: int, key: str) -> int:
        """Return the value of `key`, `NEVER` if it has none."""

    def write(self, index: int, key: str, value: int) -> None:
        """Set the value of `key`."""

    def items(self, index: int) -> Iterable[tuple[str, int]]:
        """Return the keys of one shard with their values."""

    def cell(self, index: int, key: str) -> Cell | None:
        """Return the cell of `key` that others may share."""

    def attach(self, index: int, key: str, cell: Cell) -> None:
        """Let `cell` show the value of `key`, giving the key one."""

    def drop(self, index: int, keys: Sequence[str]) -> None:
        """Forget `keys` and give their memory back."""


class Slots:
    """Values of many keys, in arrays."""

    def __init__(self, shards: int) -> None:
        self.shards: list[dict[str, int]] = [{} for _ in range(shards)]
        self.values: list[Values] = [array("q") for _ in range(shards)]

    def read(self, index: int, key: str) -> int:
        """Return the value of `key`, `NEVER` if it has none."""
        slot = self.shards[index].get(key)
        return NEVER if slot is None else self.values[index][slot]

    def write(self, index: int, key: str, value: int) -> None:
        """Set the value of `key`."""
        self.values[index][self._slot(index, key)] = value

    def items(self, index: int) -> Iterable[tuple[str, int]]:
        """Return the keys of one shard with their values."""
        values = self.values[index]
        return ((key, values[slot]) for key, slot in self.shards[index].items())

    def cell(self, index: int, key: str) -> Cell | None:
        """Return nothing: every sender has an entry of its own."""
        del index, key
        return None

    def attach(self, index: int, key: str, cell: Cell) -> None:
        """Tell `cell` where the value of `key` is, giving the key one."""
        if cell.values[cell.slot] == DEAD:
            cell.slot = self._slot(index, key)
            cell.values = self.values[index]

    def drop(self, index: int, keys: Sequence[str]) -> None:
        """Forget `keys` and give their memory back."""
        shard, values = self.shards[index], self.values[index]
        slots = [shard.pop(key) for key in keys]
        for slot in slots:
            values[slot] = DEAD
        if len(shard) * 2 <= len(values):
            self._renew(index)
        else:
            self.shards[index] = dict(shard)  # a dict that lost keys keeps its memory, a copy does not

    def _renew(self, index: int) -> None:
        """Give a shard an array without the slots of swept keys; in the old one every key is gone."""
        shard, old = self.shards[index], self.values[index]
        self.values[index] = array("q", [old[slot] for slot in shard.values()])
        self.shards[index] = {key: slot for slot, key in enumerate(shard)}
        for slot in shard.values():
            old[slot] = DEAD

    def _slot(self, index: int, key: str) -> int:
        shard = self.shards[index]
        slot = shard.get(key)
        if slot is None:
            values = self.values[index]
            slot = shard[key] = len(values)
            values.append(NEVER)
        return slot


class Cells:
    """Values of keys that many senders share, each in a cell of its own."""

    def __init__(self, shards: int) -> None:
        self.shards: list[dict[str, Cell]] = [{} for _ in range(shards)]

    def read(self, index: int, key: str) -> int:
        """Return the value of `key`, `NEVER` if it has none."""
        cell = self.shards[index].get(key)
        return NEVER if cell is None else cell.value

    def write(self, index: int, key: str, value: int) -> None:
        """Set the value of `key`."""
        cell = self.shards[index].get(key)
        if cell is None:
            cell = self.shards[index][key] = Cell()
        cell.value = value

    def items(self, index: int) -> Iterable[tuple[str, int]]:
        """Return the keys of one shard with their values."""
        return ((key, cell.value) for key, cell in self.shards[index].items())

    def cell(self, index: int, key: str) -> Cell | None:
        """Return the cell of `key`."""
        return self.shards[index].get(key)

    def attach(self, index: int, key: str, cell: Cell) -> None:
        """Make `cell` the one of `key`; one that was so far is dead and sends its plans to look again."""
        if cell.value != DEAD:
            return
        old = self.shards[index].get(key)
        cell.value = NEVER
        if old is not None:
            cell.value, old.value = old.value, DEAD
        self.shards[index][key] = cell

    def drop(self, index: int, keys: Sequence[str]) -> None:
        """Forget `keys` and give their memory back."""
        shard = self.shards[index]
        for key in keys:
            shard.pop(key).value = DEAD
        self.shards[index] = dict(shard)
