"""Filters of improper use (webex.md B5): what is looked for is data, who looks is a hop.

The same chain serves Cisco's own hop, a vendor's and a carrier's. Word and domain filters are stateless;
counting filters keep a bounded memory of senders, newest kept, and judge by the world time given to them.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NANOSECONDS = 1_000_000_000
_NEVER = -(1 << 62)

CAUSES = ("fraud", "volume", "burst", "spam", "unauthorised", "inappropriate")
"""The causes that B5 names; the list is open."""


class Count(Enum):
    """What a counting filter counts, per sending number."""

    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    """Different destinations."""
    SIMILAR = "similar"
    """Texts alike but for digits, case, punctuation and spacing."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_SIMILAR = Count.SIMILAR


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


Asked = tuple[str, str, str, list[bytes]]
"""A text put to a chain: source, destination, body, and its words where the chain folds."""


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

    def take_back(self, key: Hashable, now_ns: int) -> int:
        """Forget one event of `key` in its present window; return how many it then holds."""
        events = self.count(key, now_ns) - 1
        window = self._windows.get(key)
        if events <= 0:
            self._windows.pop(key, None)
        elif isinstance(window, list):
            window[1] = events
        return max(events, 0)


class SenderWindows:
    """Several counts per sender, each in windows as `WindowCounter` has them: one look-up for all of them."""

    __slots__ = ("_capacity", "_senders", "_unused")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._unused: list[int] = []
        # Per sender the beginning of each window and the events in it, side by side.
        self._senders: OrderedDict[str, list[int]] = OrderedDict()

    def open(self) -> int:
        """Have one more count, before the first text; return its place."""
        self._unused += [_NEVER, 0]
        return len(self._unused) - 2

    def of(self, sender: str) -> list[int]:
        """Return the windows of a sender, new ones if there are none; the oldest sender makes room."""
        windows = self._senders.get(sender)
        if windows is None:
            windows = self._senders[sender] = [*self._unused]
            if len(self._senders) > self._capacity:
                self._senders.popitem(last=False)
        return windows

    def look(self, sender: str) -> list[int]:
        """Return a copy of the windows of a sender, whom this makes no sender."""
        return [*self._senders.get(sender, self._unused)]


def _one_more(windows: list[int], place: int, window_ns: int, now_ns: int) -> int:
    """Count one event at a place; return how many its window then holds."""
    if now_ns - windows[place] < window_ns:
        number = windows[place + 1] = windows[place + 1] + 1
        return number
    windows[place], windows[place + 1] = now_ns, 1
    return 1


def _one_less(windows: list[int], place: int, window_ns: int, now_ns: int) -> None:
    """Forget one event at a place."""
    if now_ns - windows[place] < window_ns:
        windows[place + 1] -= 1
        if windows[place + 1] <= 0:
            windows[place], windows[place + 1] = _NEVER, 0


Add = Callable[[WindowCounter, Hashable, int], int]


class _Counting(NamedTuple):
    """A counting filter at work."""

    kind: Count
    limit: int
    window_ns: int
    place: int
    """Where its sender's windows have it; of `SIMILAR` no matter."""
    seen: WindowCounter | None
    """Pairs of numbers where recipients are counted, senders' texts where similar ones are."""
    item: CountFilter


class _Ratio(NamedTuple):
    """A filter by opt-outs at work."""

    item: OptOutRatioFilter
    window_ns: int
    place: int
    opt_outs: WindowCounter


_SPACED = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\n\r\t'
_DROPPED = "0123456789'"
_SPACED_BEYOND_ASCII = "\u00a0\u2013\u2014\u2026\u201c\u201d"
_FOLD = str.maketrans(
    _SPACED + _SPACED_BEYOND_ASCII, " " * len(_SPACED + _SPACED_BEYOND_ASCII), _DROPPED + "\u2019"
)
_LINKED = re.compile(r"\.\w").search  # a dot that ends no sentence: few texts have one
_FOLD_ASCII = bytes(ord(" " if chr(code) in _SPACED else chr(code).lower()) for code in range(128)).ljust(256)


def fold(body: str) -> list[bytes]:
    """Return lower-case words without digits or punctuation, in UTF-8: what "similar" compares."""
    if body.isascii():
        return body.encode().translate(_FOLD_ASCII, _DROPPED.encode()).split()
    return body.lower().translate(_FOLD).encode().split()


class FilterChain:
    """All filters of one hop, judged together.

    `judge` looks and counts; `peek` only looks, for `explain`. A text that an earlier rule refused is not
    counted: the chain is the last rule a text meets. What a limit or a full queue refuses afterwards is
    taken back.
    """

    def __init__(self, filters: Iterable[Filter], capacity: int = 100_000) -> None:
        self._triggers: dict[bytes, list[tuple[bytes, str]]] = {}
        self._domains: list[tuple[str, re.Pattern[str], str]] = []
        self._counts: list[_Counting] = []
        self._ratios: list[_Ratio] = []
        self._senders = SenderWindows(capacity)
        for item in filters:
            self._add(item, capacity)
        self._words = frozenset(self._triggers)
        self.folding = bool(self._words) or any(each.kind is _SIMILAR for each in self._counts)

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
        return self.judge_all([(source, destination, body, words)], now_ns)[0]

    def judge_all(self, asked: Sequence[Asked], now_ns: int) -> list[Hit | None]:
        """As `judge` for each, in order; filter by filter over all: see `Pipeline.check_outbound_all`."""
        counting = self._counts or self._ratios
        windows = [self._senders.of(source) for source, _, _, _ in asked] if counting else []
        return self._hits(asked, windows, now_ns, WindowCounter.add)

    def peek(self, source: str, destination: str, body: str, now_ns: int) -> Hit | None:
        """Return what `judge` would, without counting."""
        asked, windows = (source, destination, body, fold(body)), self._senders.look(source)
        return self._hits([asked], [windows], now_ns, _count_one_more)[0]

    def take_back(self, source: str, destination: str, body: str, now_ns: int) -> None:
        """Undo what `judge` counted for a text that it let pass, at the same moment."""
        if not self._counts and not self._ratios:
            return
        windows = self._senders.of(source)
        for kind, _, window_ns, place, seen, _ in self._counts:
            if seen is None:
                _one_less(windows, place, window_ns, now_ns)
            elif kind is _SIMILAR:
                seen.take_back(hash((source, b" ".join(fold(body)))), now_ns)
            elif seen.take_back(hash((source, destination)), now_ns) == 0:
                _one_less(windows, place, window_ns, now_ns)
        for _, window_ns, place, _ in self._ratios:
            _one_less(windows, place, window_ns, now_ns)

    def record_opt_out(self, source: str, now_ns: int) -> None:
        """Note that a recipient of `source` has opted out."""
        for ratio in self._ratios:
            ratio.opt_outs.add(source, now_ns)

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
                place, window_ns = self._senders.open(), item.window_seconds * NANOSECONDS
                seen = None
                if item.count is not Count.MESSAGES:
                    many = capacity * 10 if item.count is Count.RECIPIENTS else capacity
                    seen = WindowCounter(item.window_seconds, many)
                self._counts.append(_Counting(item.count, item.limit, window_ns, place, seen, item))
            case OptOutRatioFilter():
                place, window_ns = self._senders.open(), item.window_seconds * NANOSECONDS
                opt_outs = WindowCounter(item.window_seconds, capacity)
                self._ratios.append(_Ratio(item, window_ns, place, opt_outs))

    def _hits(
        self, asked: Sequence[Asked], windows: Sequence[list[int]], now_ns: int, add: Add
    ) -> list[Hit | None]:
        hits = [self._listed(words) or self._linked(body) for _, _, body, words in asked]
        if not windows:
            return hits
        for each in self._counts:
            numbers, item = _numbers(each, asked, windows, now_ns, add), each.item
            if max(numbers) > each.limit:
                hit = Hit(item.cause, f"more than {item.limit} {item.count.value} in {item.window_seconds} s")
                _mark(hits, [number > each.limit for number in numbers], hit)
        for ratio, window_ns, place, opt_outs in self._ratios:
            numbers = [_one_more(own, place, window_ns, now_ns) for own in windows]
            if max(numbers) >= ratio.minimum:
                over = [
                    number >= ratio.minimum and opt_outs.count(source, now_ns) > ratio.ratio * number
                    for number, (source, _, _, _) in zip(numbers, asked, strict=True)
                ]
                _mark(hits, over, Hit(ratio.cause, f"more than {ratio.ratio:.0%} of recipients opted out"))
        return hits

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
        if not self._domains or _LINKED(body) is None:
            return None
        lowered = body.lower()
        for domain, pattern, cause in self._domains:
            if domain in lowered and pattern.search(lowered) is not None:
                return Hit(cause, "a listed link")
        return None


def _numbers(
    counting: _Counting, asked: Sequence[Asked], windows: Sequence[list[int]], now_ns: int, add: Add
) -> list[int]:
    """How many of what is counted each text's sender has, with that text."""
    # Pairs and texts are known by their hashes: tuples would cost memory, and the collector time.
    kind, _, window_ns, place, seen, _ = counting
    if seen is None:
        return [_one_more(own, place, window_ns, now_ns) for own in windows]
    if kind is _SIMILAR:
        return [add(seen, hash((source, b" ".join(words))), now_ns) for source, _, _, words in asked]
    return [
        _one_more(own, place, window_ns, now_ns)
        if add(seen, hash((source, destination)), now_ns) == 1
        else own[place + 1]
        if now_ns - own[place] < window_ns
        else 0
        for (source, destination, _, _), own in zip(asked, windows, strict=True)
    ]


def _mark(hits: list[Hit | None], over: Sequence[bool], hit: Hit) -> None:
    """Note a hit where nothing was found before."""
    for place, is_over in enumerate(over):
        if is_over and hits[place] is None:
            hits[place] = hit


def _count_one_more(counter: WindowCounter, key: Hashable, now_ns: int) -> int:
    return counter.count(key, now_ns) + 1
