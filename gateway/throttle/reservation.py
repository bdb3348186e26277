"""What a reservation reads and what it answers: the plan of one sender, the granted text, the refusal.

A reservation over random senders waits for memory, not for the interpreter: of a plan it reads the head
alone, which is laid out side by side, and of the limits behind it only the heads of shared entries.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.throttle.dimension import EPOCH_NS
from gateway.throttle.entry import RateEntry, WindowEntry
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.state import Values

Shared = dict[Hashable, Any]
"""Tuples of entries made earlier: what plans share is warm in the processor's cache."""


class _Head:
    """What every reservation reads of a plan. Slots of a base class come first in memory, together.

    The state of the first personal rate lies here itself: it alone is not shared with other senders, and
    every object in between would be one more miss of the processor's cache.
    """

    __slots__ = (
        *("values", "slot", "step_ns", "tau_ns", "refusal"),
        *("campaign", "carrier", "brand_day", "others", "windows", "version"),
    )

    values: Values | None
    """Where the first personal rate has its value; `None`: there is no such rate."""
    slot: int
    step_ns: int
    tau_ns: int
    refusal: tuple[Scope, str] | None
    """What a full first personal rate answers; `None`: it lets texts wait."""
    campaign: RateEntry | None
    carrier: RateEntry | None
    brand_day: WindowEntry | None
    others: tuple[RateEntry | WindowEntry, ...]
    """Whatever else limits this sender."""
    windows: tuple[WindowEntry, ...]
    """All windows."""
    version: int


class Plan(_Head):
    """The limits of one sender's texts to one carrier, looked up. Made and renewed by the limiter."""

    __slots__ = ("first", "keys", "rates")

    def __init__(self, keys: ScopeKeys) -> None:
        self.keys = keys
        self.set((), (), -1, {})

    def set(
        self, rates: Sequence[RateEntry], windows: Sequence[WindowEntry], version: int, shared: Shared
    ) -> None:
        """Take over freshly looked-up limits; tuples of entries that others have too come from `shared`."""
        first: RateEntry | None = None
        campaign: RateEntry | None = None
        carrier: RateEntry | None = None
        brand_day: WindowEntry | None = None
        others: list[RateEntry | WindowEntry] = []
        for rate in rates:
            rate.find()
            if rate.personal and first is None and not others:
                first = rate
            elif rate.scope is Scope.CAMPAIGN:
                campaign = rate
            elif rate.scope is Scope.CARRIER:
                carrier = rate
            else:
                others.append(rate)
        for window in windows:
            window.find()
            if window.scope is Scope.BRAND_DAY:
                brand_day = window
            else:
                others.append(window)
        self.rates, self.windows = tuple(rates), _same(windows, shared)
        self.campaign, self.carrier, self.brand_day = campaign, carrier, brand_day
        self.others = _same(others, shared)
        self.version = version
        self._begin(first)

    @property
    def entries(self) -> tuple[RateEntry | WindowEntry, ...]:
        """All limits, in the order a reservation asks them."""
        direct = (self.first, self.campaign, self.carrier, self.brand_day)
        return (*(entry for entry in direct if entry is not None), *self.others)

    @property
    def waiting(self) -> tuple[RateEntry | WindowEntry, ...]:
        """The limits that let texts wait."""
        return tuple(entry for entry in self.entries if entry.limit.waits)

    @property
    def rejecting(self) -> tuple[RateEntry | WindowEntry, ...]:
        """The limits that refuse."""
        return tuple(entry for entry in self.entries if not entry.limit.waits)

    def find(self) -> None:
        """Find the state of personal keys again, after keys were swept."""
        for entry in self.entries:
            if entry.personal:
                entry.find()
        self._begin(self.first)

    def _begin(self, first: RateEntry | None) -> None:
        self.first = first
        self.values = self.refusal = None
        self.slot = self.step_ns = self.tau_ns = 0
        if first is not None:
            self.values, self.slot = first.values, first.slot
            self.step_ns, self.tau_ns, self.refusal = first.step_ns, first.tau_ns, first.refusal


def _same(entries: Sequence[Any], shared: Shared) -> tuple[Any, ...]:
    found = tuple(entries)
    for entry in found:
        if entry.personal:
            return found
    return shared.setdefault(found, found)  # type: ignore[no-any-return]


@dataclass(slots=True)
class Granted:
    """A reservation: the text may leave at `release_ns`.

    Nobody changes one; it is not frozen because the limiter fills it in place, in half the time.
    """

    release_ns: int
    segments: int
    plan: Plan
    destination: str | None
    message_id: int
    reserved_ns: int
    windows: tuple[WindowEntry, ...] = ()
    """The windows it counts in: none that came into force later."""
    taken: tuple[tuple[RateEntry, int], ...] = ()
    """Of a text that waits: each rate and the end of its interval there, which a refund frees."""

    @property
    def waits(self) -> bool:
        """Whether the text leaves later than it was accepted."""
        return self.release_ns > self.reserved_ns


class Refused(NamedTuple):
    """No room: which scope, its code, and when asking again makes sense (`None`: this text never fits)."""

    scope: Scope
    code: str
    retry_after_ns: int | None


def busy_until_ns(granted: Granted) -> list[tuple[RateEntry, int]]:
    """Return how far each rate is taken by a reservation: the end of its interval.

    Ask right after `reserve`: asked later it may say a later time, and a restart holds back more than needed.
    """
    if granted.taken:
        return [(entry, end + EPOCH_NS) for entry, end in granted.taken]
    return [(entry, entry.busy_until_ns()) for entry in granted.plan.rates]
