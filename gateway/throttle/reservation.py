"""What a reservation reads and what it answers: the plan of one sender, the granted text, the refusal.

A reservation over random senders waits for memory, not for the interpreter: of a plan it reads the head
alone, which is laid out side by side, and of the limits behind it only the heads of shared entries.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from gateway.throttle.dimension import EPOCH_NS
from gateway.throttle.entry import RateEntry, WindowEntry
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.state import Values

Entry = TypeVar("Entry", RateEntry, WindowEntry)
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

    __slots__ = ("entries", "first", "keys", "rates", "rejecting", "waiting")

    def __init__(self, keys: ScopeKeys) -> None:
        self.keys = keys
        self.set((), (), -1, {})

    def set(
        self, rates: Sequence[RateEntry], windows: Sequence[WindowEntry], version: int, shared: Shared
    ) -> None:
        """Take over freshly looked-up limits; tuples of entries that others have too come from `shared`."""
        self.rates = tuple(rates)
        self.windows = _same(tuple(windows), shared)
        self.first = rates[0] if rates and rates[0].personal else None
        self.campaign, self.carrier = _of(Scope.CAMPAIGN, rates), _of(Scope.CARRIER, rates)
        self.brand_day = _of(Scope.BRAND_DAY, windows)
        direct = (self.first, self.campaign, self.carrier, self.brand_day)
        asked = (*self.rates, *self.windows)
        self.others = _same(tuple(entry for entry in asked if entry not in direct), shared)
        self.entries = (*(entry for entry in direct if entry is not None), *self.others)
        self.waiting = tuple(entry for entry in self.entries if entry.limit.waits)
        self.rejecting = tuple(entry for entry in self.entries if not entry.limit.waits)
        self.version = version
        for entry in self.entries:
            entry.find()
        self.find()

    def find(self) -> None:
        """Find the state of personal keys: at first, and again after keys were swept."""
        for entry in self.entries:
            if entry.personal:
                entry.find()
        first = self.first
        self.values = self.refusal = None
        self.slot = self.step_ns = self.tau_ns = 0
        if first is not None:
            self.values, self.slot = first.values, first.slot
            self.step_ns, self.tau_ns, self.refusal = first.step_ns, first.tau_ns, first.refusal


def _of(scope: Scope, entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in entries if entry.scope is scope), None)


def _same(entries: tuple[Any, ...], shared: Shared) -> tuple[Any, ...]:
    if any(entry.personal for entry in entries):
        return entries
    return shared.setdefault(entries, entries)  # type: ignore[no-any-return]


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


def busy_until_ns(granted: Granted) -> list[tuple[Scope, int]]:
    """Return how far each rate is taken by a reservation: the end of its interval.

    Ask right after `reserve`: asked later it may say a later time, and a restart holds back more than needed.
    """
    if granted.taken:
        return [(entry.scope, end + EPOCH_NS) for entry, end in granted.taken]
    return [(entry.scope, entry.busy_until_ns()) for entry in granted.plan.rates]
