"""Ids: 63-bit integers in order of creation, and the 13 letters the API shows for them.

Layout, high to low: 41 bits of milliseconds since 2024-01-01 UTC (69 years), 10 bits of node, 12 bits of
sequence. A wall clock that steps back, or more than 4,096 ids in a millisecond, never repeats or reorders
an id: the source stays at, or borrows from, its own latest millisecond.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache

EPOCH_MS = 1_704_067_200_000
NODE_BITS = 10
SEQUENCE_BITS = 12
MAX_ID = (1 << 63) - 1
ID_LETTERS = 13

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
_TICK_SHIFT = NODE_BITS + SEQUENCE_BITS


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


class IdSource:
    """Hands out ids that only ever grow. Safe to call from several threads.

    `node` (0…1023) tells apart processes that write into one database; `now_ms` is the wall clock in
    milliseconds since the Unix epoch (give the world's clock for a run that has to repeat itself).
    """

    def __init__(self, node: int = 0, now_ms: Callable[[], int] = _system_ms) -> None:
        if not 0 <= node < 1 << NODE_BITS:
            raise ValueError(f"node {node} is outside 0…{(1 << NODE_BITS) - 1}")
        self._node = node << SEQUENCE_BITS
        self._now_ms = now_ms
        self._latest_tick = 0
        self._sequence = 0
        self._lock = threading.Lock()

    def new_id(self) -> int:
        """Return the next id, greater than every id this source gave before."""
        return self.new_ids(1)[0]

    def new_ids(self, count: int) -> list[int]:
        """Return the next `count` ids, in order: one look at the clock for all of them."""
        with self._lock:
            now_tick = self._now_ms() - EPOCH_MS
            if now_tick > self._latest_tick:
                self._latest_tick, self._sequence = now_tick, -1
            found: list[int] = []
            while len(found) < count:
                room = min(count - len(found), _SEQUENCE_MASK - self._sequence)
                first = self._latest_tick << _TICK_SHIFT | self._node | self._sequence + 1
                found += range(first, first + room)
                self._sequence += room
                if self._sequence == _SEQUENCE_MASK and len(found) < count:
                    self._latest_tick, self._sequence = self._latest_tick + 1, -1
            return found

    def continue_after(self, latest_id: int) -> None:
        """Make every further id greater than `latest_id`, e.g. the newest one found in the database."""
        with self._lock:
            self._latest_tick = max(self._latest_tick, (latest_id >> _TICK_SHIFT) + 1)
            self._sequence = _SEQUENCE_MASK


def id_unix_ms(value: int) -> int:
    """Return the moment in an id: milliseconds since the Unix epoch."""
    return (value >> _TICK_SHIFT) + EPOCH_MS


def encode_id(value: int) -> str:
    """Write an id as 13 letters of Crockford's base 32 in lower case; letters sort as the ids do.

    Raises `ValueError` outside 0…2**63-1.
    """
    return _head(value >> 20) + _PAIRS[value >> 10 & 1023] + _PAIRS[value & 1023]


@lru_cache(maxsize=256)  # ids made in the same millisecond share it
def _head(high: int) -> str:
    """The first nine letters: all but the last twenty bits."""
    if not 0 <= high <= MAX_ID >> 20:
        raise ValueError(f"{high << 20} and what follows are no 63-bit ids")
    pairs = _PAIRS
    return (
        _ALPHABET[high >> 40]
        + pairs[high >> 30 & 1023]
        + pairs[high >> 20 & 1023]
        + pairs[high >> 10 & 1023]
        + pairs[high & 1023]
    )


def decode_id(letters: str) -> int:
    """Read what `encode_id` wrote. Raises `ValueError` for anything else, other spellings included."""
    if len(letters) != ID_LETTERS:
        raise ValueError("not an id: 13 letters expected")
    value = 0
    try:
        for letter in letters:
            value = value << 5 | _VALUES[letter]
    except KeyError:
        raise ValueError("not an id: a letter outside Crockford's base 32 in lower case") from None
    if value > MAX_ID:
        raise ValueError("not an id: more than 63 bits")
    return value


_process_source = IdSource(node=os.getpid() & 1023)
new_id = _process_source.new_id


def use_node(node: int) -> None:
    """Give this process's `new_id` its node number, before the first id is made."""
    if not 0 <= node < 1 << NODE_BITS:
        raise ValueError(f"node {node} is outside 0…{(1 << NODE_BITS) - 1}")
    _process_source._node = node << SEQUENCE_BITS


def continue_after(latest_id: int) -> None:
    """Make every further `new_id` of this process greater than `latest_id`."""
    _process_source.continue_after(latest_id)
