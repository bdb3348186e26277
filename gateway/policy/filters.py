"""Filters of improper use (webex.md B5): what is looked for is data, who looks is a hop.

The same chain serves Cisco's own hop, a vendor's and a carrier's. Word and domain filters are stateless;
counting filters keep a bounded memory of senders, newest kept, and judge by the world time given to them.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NANOSECONDS = 1_000_000_000

CAUSES = ("fraud", "volume", "burst", "spam", "unauthorised", "inappropriate")
"""The causes that B5 names; the list is open."""


class Count(Enum):
    """What a counting filter counts, per sending number."""

    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    """Different destinations."""
    SIMILAR = "similar"
    """Texts alike but for digits, case, punctuation and spacing."""


@dataclass(frozen=True, slots=True)
class WordFilter:
    """Words or phrases, found whatever their case and punctuation, as whole words; they hold no digits."""

    cause: str
    """What a hit stands for (B5)."""
    phrases: tuple[str, ...]
    """What is looked for."""


@dataclass(frozen=True, slots=True)
class DomainFilter:
    """Host names in links, public URL shorteners for instance; subdomains count."""

    cause: str
    """What a hit stands for (B5)."""
    domains: tuple[str, ...]
    """What is looked for."""


@dataclass(frozen=True, slots=True)
class CountFilter:
    """More than `limit` of something from one number within `window_seconds` of the first."""

    cause: str
    """What a hit stands for (B5)."""
    count: Count
    """What is counted."""
    limit: int
    """Most that pass."""
    window_seconds: int
    """Length of the window, seconds."""


@dataclass(frozen=True, slots=True)
class OptOutRatioFilter:
    """More than `ratio` of a number's texts answered by STOP, once it has sent `minimum` in the window."""

    cause: str
    """What a hit stands for (B5)."""
    ratio: float
    """Largest share that passes."""
    minimum: int
    """Texts in the window before it is judged."""
    window_seconds: int = 86_400
    """Length of the window, seconds."""


Filter = WordFilter | DomainFilter | CountFilter | OptOutRatioFilter


class Hit(NamedTuple):
    """What a chain found; never the words themselves."""

    cause: str
    detail: str


class WindowCounter:
    """Counts per key in windows that begin with the key's first event; at most `capacity` keys."""

    __slots__ = ("_capacity", "_windows", "window_ns")

    def __init__(self, window_seconds: int, capacity: int = 100_000) -> None:
        self.window_ns = window_seconds * NANOSECONDS
        self._capacity = capacity
        # A key with one event has its moment alone: no list for the many that never have a second.
        self._windows: OrderedDict[Hashable, list[int] | int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def count(self, key: Hashable, now_ns: int) -> int:
        """Return how many events of `key` its present window holds."""
        window = self._windows.get(key)
        if window is None:
            return 0
        began_ns, events = (window, 1) if isinstance(window, int) else window
        return 0 if now_ns - began_ns >= self.window_ns else events

    def add(self, key: Hashable, now_ns: int) -> int:
        """Count one event of `key`; return how many its window then holds."""
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = now_ns
            if len(self._windows) > self._capacity:
                self._windows.popitem(last=False)
            return 1
        if isinstance(window, int):
            window = self._windows[key] = [window, 1]
        if now_ns - window[0] >= self.window_ns:
            window[0], window[1] = now_ns, 0
            self._windows.move_to_end(key)
        window[1] += 1
        return window[1]


_SPACED = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\n\r\t'
_DROPPED = "0123456789'"
_SPACED_BEYOND_ASCII = "\u00a0\u2013\u2014\u2026\u201c\u201d"
_FOLD = str.maketrans(
    _SPACED + _SPACED_BEYOND_ASCII, " " * len(_SPACED + _SPACED_BEYOND_ASCII), _DROPPED + "\u2019"
)
_FOLD_ASCII = bytes(ord(" " if chr(code) in _SPACED else chr(code).lower()) for code in range(128)).ljust(256)


def fold(body: str) -> list[bytes]:
    """Return lower-case words without digits or punctuation, in UTF-8: what "similar" compares."""
    if body.isascii():
        return body.encode().translate(_FOLD_ASCII, _DROPPED.encode()).split()
    return body.lower().translate(_FOLD).encode().split()


class FilterChain:
    """All filters of one hop, judged together.

    `judge` looks and counts; `peek` only looks, for `explain`. A text that an earlier rule refused is not
    counted: the chain is the last thing a text meets.
    """

    def __init__(self, filters: Iterable[Filter], capacity: int = 100_000) -> None:
        self._triggers: dict[bytes, list[tuple[bytes, str]]] = {}
        self._domains: list[tuple[str, re.Pattern[str], str]] = []
        self._counts: list[tuple[CountFilter, WindowCounter]] = []
        self._ratios: list[tuple[OptOutRatioFilter, WindowCounter, WindowCounter]] = []
        self._recipients: dict[int, WindowCounter] = {}
        for item in filters:
            self._add(item, capacity)
        self._words = frozenset(self._triggers)
        self.folding = bool(self._words) or any(item.count is Count.SIMILAR for item, _ in self._counts)

    def __bool__(self) -> bool:
        return bool(self._triggers or self._domains or self._counts or self._ratios)

    def judge(
        self, source: str, destination: str, body: str, now_ns: int, words: list[bytes] | None = None
    ) -> Hit | None:
        """Count this text, and return what is wrong with it, if anything.

        `words` is the folded body, where a chain before this one has folded it already.
        """
        if words is None:
            words = fold(body) if self.folding else []
        hit = self._listed(words) or self._linked(body)
        if self._counts or self._ratios:
            return self._counted(hit, source, destination, words, now_ns, WindowCounter.add)
        return hit

    def peek(self, source: str, destination: str, body: str, now_ns: int) -> Hit | None:
        """Return what `judge` would, without counting."""
        words = fold(body)
        hit = self._listed(words) or self._linked(body)
        return self._counted(hit, source, destination, words, now_ns, _count_one_more)

    def record_opt_out(self, source: str, now_ns: int) -> None:
        """Note that a recipient of `source` has opted out."""
        for _, _, opt_outs in self._ratios:
            opt_outs.add(source, now_ns)

    def _add(self, item: Filter, capacity: int) -> None:
        match item:
            case WordFilter():
                for words in filter(None, map(fold, item.phrases)):
                    phrase = b" %b " % b" ".join(words)
                    self._triggers.setdefault(max(words, key=len), []).append((phrase, item.cause))
            case DomainFilter():
                for domain in map(str.lower, item.domains):
                    pattern = re.compile(rf"(?<![a-z0-9-]){re.escape(domain)}(?![a-z0-9-]|\.[a-z0-9])")
                    self._domains.append((domain, pattern, item.cause))
            case CountFilter():
                window = item.window_seconds
                if item.count is Count.RECIPIENTS:
                    self._recipients[len(self._counts)] = WindowCounter(window, capacity * 10)
                self._counts.append((item, WindowCounter(window, capacity)))
            case OptOutRatioFilter():
                window = item.window_seconds
                self._ratios.append((item, WindowCounter(window, capacity), WindowCounter(window, capacity)))

    def _counted(
        self,
        hit: Hit | None,
        source: str,
        destination: str,
        words: list[bytes],
        now_ns: int,
        add: Callable[[WindowCounter, Hashable, int], int],
    ) -> Hit | None:
        for index, (item, counter) in enumerate(self._counts):
            if item.count is Count.RECIPIENTS:
                first = add(self._recipients[index], f"{source} {destination}", now_ns) == 1
                number = add(counter, source, now_ns) if first else counter.count(source, now_ns)
            elif item.count is Count.SIMILAR:
                number = add(counter, (source, hash(b" ".join(words))), now_ns)
            else:
                number = add(counter, source, now_ns)
            if hit is None and number > item.limit:
                hit = Hit(item.cause, f"more than {item.limit} {item.count.value} in {item.window_seconds} s")
        for ratio, sent, opt_outs in self._ratios:
            number = add(sent, source, now_ns)
            if hit is None and number >= ratio.minimum:
                refused = opt_outs.count(source, now_ns)
                if refused > ratio.ratio * number:
                    hit = Hit(ratio.cause, f"more than {ratio.ratio:.0%} of recipients opted out")
        return hit

    def _listed(self, words: list[bytes]) -> Hit | None:
        if self._words.isdisjoint(words):
            return None
        padded = b" %b " % b" ".join(words)
        for trigger in self._words.intersection(words):
            for phrase, cause in self._triggers[trigger]:
                if phrase in padded:
                    return Hit(cause, "a listed word or phrase")
        return None

    def _linked(self, body: str) -> Hit | None:
        if not self._domains or "." not in body:
            return None
        lowered = body.lower()
        for domain, pattern, cause in self._domains:
            if domain in lowered and pattern.search(lowered) is not None:
                return Hit(cause, "a listed link")
        return None


def _count_one_more(counter: WindowCounter, key: Hashable, now_ns: int) -> int:
    return counter.count(key, now_ns) + 1
