"""A mapping in shards: growth and sweeping never touch more than one small dict at a time."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Sharded(Generic[K, V]):
    """`shards` dicts (a power of two), chosen by the key's hash; `size` counts the entries."""

    __slots__ = ("_mask", "_shards", "size")

    def __init__(self, shards: int) -> None:
        self._shards: list[dict[K, V]] = [{} for _ in range(shards)]
        self._mask = shards - 1
        self.size = 0

    def get(self, key: K) -> V | None:
        """Return the value of `key`, `None` if it has none."""
        return self._shards[hash(key) & self._mask].get(key)

    def put(self, key: K, value: V) -> None:
        """Set the value of `key`."""
        shard = self._shards[hash(key) & self._mask]
        self.size += key not in shard
        shard[key] = value

    def pop(self, key: K) -> V | None:
        """Remove `key`, if it is there, and return its value."""
        shard = self._shards[hash(key) & self._mask]
        self.size -= key in shard
        return shard.pop(key, None)

    def drop(self, index: int, gone: Callable[[V], bool]) -> None:
        """Remove from one shard every value that is `gone`."""
        shard = self._shards[index]
        if not shard:
            return
        kept = {key: value for key, value in shard.items() if not gone(value)}
        if len(kept) < len(shard):
            self.size -= len(shard) - len(kept)
            shard.clear()
            shard.update(kept)
