"""How much one source may ask of the endpoint: a token bucket per address, bounded in number."""

from collections import OrderedDict


class SourceLimiter:
    """Token buckets keyed by source address; the least recently seen is forgotten past `max_sources`.

    `rate` is in events a second, `burst` in events; a rate of 0 allows everything.
    """

    __slots__ = ("_buckets", "_burst", "_max_sources", "_rate")

    def __init__(self, rate: float, burst: float, max_sources: int = 10_000) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._max_sources = max_sources
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, source: str, now: float) -> bool:
        """Take one token of `source`; False where it has none left."""
        if self._rate <= 0:
            return True
        tokens, then = self._buckets.get(source, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[source] = (tokens - 1.0 if allowed else tokens, now)
        self._buckets.move_to_end(source)
        if len(self._buckets) > self._max_sources:
            self._buckets.popitem(last=False)
        return allowed
