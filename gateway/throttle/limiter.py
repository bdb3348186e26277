"""Reservations: every scope evaluated, all or none taken, one release time per text.

    limiter = Limiter(defaults, derive)     # limits by scope; `derive(scope, key)`: terms of carriers
    plan = limiter.plan(ScopeKeys.of(number="+12025550100", person="p1", campaign="c1", brand="b1",
                                     carrier="att", organization="o1"), now_ns)
    verdict = limiter.reserve(plan, segments, now_ns, destination="+12125550120", message_id=42)
    if isinstance(verdict, Refused):
        ...  # verdict.scope, .code ("throttled_campaign", "queue_full"), .retry_after_ns (None: never fits)
    else:
        ...  # verdict.release_ns (now_ns or later), .waits; write it with the message:
             # database.write(InsertMessage(...), store.insert_reservation(verdict))
    limiter.refund(verdict, now_ns)         # cancel, expiry, failed write; a carrier's refusal by setting

A plan is the keys of one sender towards one carrier with their limits looked up. Keep it (per person and
carrier) and hand it to every `reserve`: it renews itself when limits change. A scope without a limit is not
in the plan and costs nothing. Not thread-safe, never blocks, reads no clock.

Rules
- A *rejecting* limit must have room at the earliest moment the text may leave (now, or behind its own pair)
  and at its release; otherwise the text is refused with that scope's code.
- A *waiting* limit (queue, defer) moves the release to the first moment at which all waiting limits have
  room. A limit that delays a text by more than its bound refuses it with `queue_full`.
- Texts of one (number, destination) pair never have decreasing release times; other pairs overtake freely.
- A refused text leaves no trace.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gateway.throttle.dimension import DEAD, EPOCH_NS, FAR, NEVER, PERSONAL, Rates, Windows
from gateway.throttle.entry import RateEntry, WindowEntry
from gateway.throttle.limits import UNLIMITED, ScopeLimit
from gateway.throttle.scopes import CODES, QUEUE_FULL, Scope, ScopeKeys
from gateway.throttle.sharded import Sharded

Derive = Callable[[Scope, str], ScopeLimit | None]
"""What the terms of a carrier or a class say of one key; `None`: the scope's default holds."""


class Plan:
    """The limits of one sender's texts to one carrier, looked up. Made and renewed by the limiter."""

    __slots__ = (
        "entries",
        "first",
        "first_slot",
        "first_step_ns",
        "first_tau_ns",
        "first_values",
        "hot_rates",
        "hot_windows",
        "keys",
        "rates",
        "rejecting",
        "version",
        "waiting",
        "windows",
    )

    def __init__(self, keys: ScopeKeys) -> None:
        self.keys = keys
        self.set((), (), -1)

    def set(self, rates: Iterable[RateEntry], windows: Iterable[WindowEntry], version: int) -> None:
        """Take over freshly looked-up limits.

        The first personal rate lies in the plan itself: of what a reservation reads, it alone is not shared
        with other senders, and every object in between would be one more miss of the processor's cache.
        """
        self.rates, self.windows, self.version = tuple(rates), tuple(windows), version
        self.first = self.rates[0] if self.rates and self.rates[0].scope in PERSONAL else None
        self.warm()
        self.entries: tuple[RateEntry | WindowEntry, ...] = (*self.rates, *self.windows)
        asked: tuple[RateEntry | WindowEntry, ...] = (*self.windows, *self.rates)
        self.waiting = tuple(entry for entry in asked if entry.limit.waits)
        self.rejecting = tuple(entry for entry in asked if not entry.limit.waits)

    def warm(self) -> None:
        """Find the slots of all keys: at first, and again after keys were swept."""
        self.first_values: list[int] | None = None
        self.first_slot = self.first_step_ns = self.first_tau_ns = 0
        if self.first is not None:
            self.first_values, self.first_slot, self.first_step_ns, self.first_tau_ns, _ = self.first.hot()
        self.hot_rates = tuple([entry.hot() for entry in self.rates if entry is not self.first])
        self.hot_windows = tuple([entry.hot() for entry in self.windows])


class Granted(NamedTuple):
    """A reservation: the text may leave at `release_ns`."""

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


def busy_until_ns(granted: Granted) -> dict[Scope, int]:
    """Return how far each rate is taken by a reservation: the end of its interval.

    Ask right after `reserve`: asked later it may say a later time, and a restart holds back more than needed.
    """
    if granted.taken:
        return {entry.scope: end + EPOCH_NS for entry, end in granted.taken}
    return {entry.scope: entry.busy_until_ns() for entry in granted.plan.rates}


class Refused(NamedTuple):
    """No room: which scope, its code, and when asking again makes sense (`None`: this text never fits)."""

    scope: Scope
    code: str
    retry_after_ns: int | None


Entries = tuple[RateEntry | None, WindowEntry | None]

SHARED_SHARDS = 256
"""Shards of the scopes whose keys many senders share."""
MAX_RETIRED = 100_000
"""Slots of swept keys above which all plans are renewed, so that the slots can be used again."""
MAX_SHARED = 65_536
"""Entries of shared keys kept ready; above this the collection starts anew."""

_new = tuple.__new__


class Limiter:
    """Admission of texts over all scopes.

    `defaults`: the limit of every key of a scope; `derive`: limits that follow from a key (class of a
    campaign, score of a brand, terms of a carrier). An override (`set_limit`) beats `derive`, which beats the
    default.
    """

    def __init__(
        self,
        defaults: Mapping[Scope, ScopeLimit] | None = None,
        derive: Derive | None = None,
        *,
        shards: int = 2048,
    ) -> None:
        if shards < 1 or shards & (shards - 1):
            raise ValueError(f"shards must be a power of two, not {shards}")
        self._defaults = {scope: (defaults or {}).get(scope, UNLIMITED) for scope in Scope}
        self._derive = derive
        self._overrides: dict[tuple[Scope, str], ScopeLimit] = {}
        few = min(shards, SHARED_SHARDS)
        sizes = {scope: shards if scope in PERSONAL else few for scope in Scope}
        self.rates = {s: Rates(s, limit.rate, sizes[s]) for s, limit in self._defaults.items()}
        self.windows = {s: Windows(s, limit.window, sizes[s]) for s, limit in self._defaults.items()}
        self._floors: Sharded[tuple[str | None, str], int] = Sharded(shards)
        self._waiting: Sharded[int, Granted] = Sharded(shards)
        self._shared: dict[tuple[Scope, str], Entries] = {}
        self._shared_version = 0
        self._tuples: dict[tuple[tuple[RateEntry | WindowEntry, int], ...], Any] = {}
        self._version = 0
        self._shards = shards
        self._swept = 0

    # --- limits -------------------------------------------------------------------------------------------

    def limit_of(self, scope: Scope, key: str) -> ScopeLimit:
        """Return the limit in force for one key: override, derived, default."""
        override = self._overrides.get((scope, key))
        if override is not None:
            return override
        derived = self._derive(scope, key) if self._derive is not None else None
        return self._defaults[scope] if derived is None else derived

    @property
    def defaults(self) -> Mapping[Scope, ScopeLimit]:
        """The default of every scope."""
        return self._defaults

    @property
    def overrides(self) -> Mapping[tuple[Scope, str], ScopeLimit]:
        """The keys whose limit was set by hand."""
        return self._overrides

    def set_default(self, scope: Scope, limit: ScopeLimit) -> None:
        """Change a scope's default while running; what is already admitted keeps its release time."""
        self._defaults[scope] = limit
        self.rates[scope].set_default(limit.rate)
        self.windows[scope].set_default(limit.window)
        self._version += 1

    def set_limit(self, scope: Scope, key: str, limit: ScopeLimit | None) -> None:
        """Set one key's limit while running; `None` takes the override away."""
        if limit is None:
            self._overrides.pop((scope, key), None)
        else:
            self._overrides[scope, key] = limit
        self._version += 1

    def invalidate(self) -> None:
        """Say that `derive` answers differently now: a class, a score or a carrier's terms changed."""
        self._version += 1

    def plan(self, keys: ScopeKeys, now_ns: int) -> Plan:
        """Look the limits of `keys` up, once for many texts."""
        plan = Plan(keys)
        self._renew(plan, now_ns)
        return plan

    def _renew(self, plan: Plan, now_ns: int) -> None:
        found = [
            self._entries(scope, key, now_ns)
            for scope, key in zip(Scope, plan.keys, strict=True)
            if key is not None
        ]
        rates = [rate for rate, _ in found if rate is not None]
        windows = [window for _, window in found if window is not None]
        plan.set(rates, windows, self._version)
        self._share(plan)

    def _share(self, plan: Plan) -> None:
        plan.hot_rates = self._same(plan.hot_rates)
        plan.hot_windows = self._same(plan.hot_windows)

    def _same(self, hot: Any) -> Any:
        """Return an equal tuple made earlier: what plans share is warm in the processor's cache."""
        if any(entry[-1].scope in PERSONAL for entry in hot):
            return hot
        key = tuple((entry, slot) for _, slot, *_, entry in hot)
        return self._tuples.setdefault(key, hot)

    def _entries(self, scope: Scope, key: str, now_ns: int) -> Entries:
        """Look one key's limits up; the keys many senders share keep one entry, warm in the cache."""
        shared = scope not in PERSONAL
        if shared:
            if self._shared_version != self._version or len(self._shared) >= MAX_SHARED:
                self._shared, self._tuples, self._shared_version = {}, {}, self._version
            found = self._shared.get((scope, key))
            if found is not None:
                return found
        limit = self.limit_of(scope, key)
        rate = self.rates[scope].adopt(key, limit.rate, now_ns)
        window = self.windows[scope].adopt(key, limit.window, now_ns)
        found = (
            None if rate is None else RateEntry(self.rates[scope], key, rate),
            None if window is None else WindowEntry(self.windows[scope], key, window),
        )
        if shared:
            self._shared[scope, key] = found
        return found

    # --- reservations -------------------------------------------------------------------------------------

    def reserve(  # noqa: PLR0912 - the hot path is one straight piece
        self, plan: Plan, segments: int, now_ns: int, destination: str | None = None, message_id: int = 0
    ) -> Granted | Refused:
        """Reserve `segments` in every scope of `plan`, or in none.

        `destination` keeps the order of the (number, destination) pair; `message_id` lets a waiting text be
        refunded by its id, also after a restart.
        """
        if plan.version != self._version:
            self._renew(plan, now_ns)
        if self._floors.size and self._floor(plan, destination) > now_ns:
            return self._search(plan, segments, now_ns, destination, message_id)
        now = now_ns - EPOCH_NS
        values = plan.first_values
        if values is not None:
            tat = values[plan.first_slot]
            if tat < now:  # noqa: PLR1730 - max() costs three times as much here
                tat = now
            tat += segments * plan.first_step_ns
            if tat - plan.first_tau_ns > now:
                if tat < FAR or plan.first is None or not plan.first.squeeze(segments, now):
                    return self._full(plan, segments, now_ns, destination, message_id, plan.first, tat)
            else:
                values[plan.first_slot] = tat
        for values, slot, step, tau, rate in plan.hot_rates:
            tat = values[slot]
            if tat < now:  # noqa: PLR1730
                tat = now
            tat += segments * step
            if tat - tau > now:
                if tat < FAR or not rate.squeeze(segments, now):
                    return self._full(plan, segments, now_ns, destination, message_id, rate, tat)
            else:
                values[slot] = tat
        for values, slot, cap, calendar, window in plan.hot_windows:
            if now_ns >= calendar.end_ns:
                calendar.roll(now_ns)
            base = calendar.base
            count = values[slot]
            if count < base:
                count = window.opening()
            count += segments
            if count - base > cap or now_ns < calendar.start_ns:
                return self._full(plan, segments, now_ns, destination, message_id, window, count)
            values[slot] = count
        return _new(Granted, (now_ns, segments, plan, destination, message_id, now_ns, plan.windows, ()))

    def _full(
        self,
        plan: Plan,
        segments: int,
        now_ns: int,
        destination: str | None,
        message_id: int,
        full: RateEntry | WindowEntry | None,
        value: int,
    ) -> Granted | Refused:
        """The hot path came to a limit without room (or to a swept key): undo, and refuse or look closer."""
        for entry in plan.entries:
            if entry is full:
                break
            entry.undo(segments)
        if value >= DEAD:
            plan.warm()
            self._share(plan)
            return self.reserve(plan, segments, now_ns, destination, message_id)
        if full is not None and full.rejects and value < FAR and full.plain(now_ns):
            return _new(Refused, (full.scope, full.code, full.wait_ns(segments, value, now_ns)))
        return self._search(plan, segments, now_ns, destination, message_id)

    def _floor(self, plan: Plan, destination: str | None) -> int:
        if destination is None:
            return NEVER
        return self._floors.get((plan.keys.number, destination)) or NEVER

    def _search(
        self, plan: Plan, segments: int, now_ns: int, destination: str | None, message_id: int
    ) -> Granted | Refused:
        """Find the release time of a text that may not leave at once, or the refusal."""
        floor_ns = max(now_ns, self._floor(plan, destination))
        refused = _reject(plan, segments, floor_ns, now_ns)
        if refused is not None:
            return refused
        release = _settle(plan, segments, floor_ns, now_ns)
        if isinstance(release, Refused):
            return release
        if release != floor_ns:
            refused = _reject(plan, segments, release, now_ns)
            if refused is not None:
                return refused
        taken = tuple((entry, entry.take(release, segments, now_ns)) for entry in plan.rates)
        for entry in plan.windows:
            entry.take(release, segments, now_ns)
        granted = Granted(release, segments, plan, destination, message_id, now_ns, plan.windows, taken)
        if release > now_ns:
            self._remember(granted)
        return granted

    def _remember(self, granted: Granted) -> None:
        if granted.destination is not None:
            self._floors.put((granted.plan.keys.number, granted.destination), granted.release_ns)
        if granted.message_id:
            self._waiting.put(granted.message_id, granted)

    def waiting(self, message_id: int) -> Granted | None:
        """Return the reservation of a text that has not been released yet."""
        return self._waiting.get(message_id)

    def refund(self, granted: Granted, now_ns: int) -> None:
        """Give a reservation back: the text will not leave (or, by setting, the carrier refused it).

        Windows are given back in full as long as they last, rates as far as the text was waiting: the share
        of a text that could leave at once drains by itself within the burst.
        """
        self._waiting.pop(granted.message_id)
        for entry, end in granted.taken:
            entry.refund(end, granted.segments, granted.reserved_ns, now_ns)
        if granted.plan.version != self._version:
            self._renew(granted.plan, now_ns)
        for window in granted.windows:
            if window.in_force():
                window.add(granted.release_ns, -granted.segments, now_ns)

    def restore(self, granted: Granted, ends_ns: Mapping[Scope, int], now_ns: int) -> Granted:
        """Take up a stored reservation after a restart; `ends_ns` is what `busy_until_ns` said of it."""
        plan = granted.plan
        if plan.version != self._version:
            self._renew(plan, now_ns)
        for window in plan.windows:
            window.add(granted.release_ns, granted.segments, now_ns)
        taken = tuple(
            (rate, rate.restore(granted.release_ns, ends_ns.get(rate.scope), granted.segments, granted.waits))
            for rate in plan.rates
            if ends_ns.get(rate.scope, granted.release_ns + rate.limit.tau_ns) > now_ns
        )
        granted = granted._replace(windows=plan.windows, taken=taken)
        if granted.release_ns > now_ns:
            self._remember(granted)
        return granted

    def count(self, scope: Scope, key: str, segments: int, at_ns: int, now_ns: int) -> None:
        """Add traffic that is no reservation (other vendors', stored totals) to the window of `at_ns`."""
        limit = self.windows[scope].adopt(key, self.limit_of(scope, key).window, now_ns)
        if limit is not None:
            WindowEntry(self.windows[scope], key, limit).add(at_ns, segments, now_ns)

    # --- upkeep -------------------------------------------------------------------------------------------

    def sweep(self, now_ns: int, shards: int = 16) -> int:
        """Forget idle keys in the next few shards of every scope; return how many. Call it from a timer."""
        swept = 0
        for _ in range(min(shards, self._shards)):
            index = self._swept
            for dimension in self._dimensions():
                if index <= dimension.mask:
                    swept += dimension.sweep(index, now_ns)
            self._floors.drop(index, lambda release_ns: release_ns <= now_ns)
            self._waiting.drop(index, lambda granted: granted.release_ns <= now_ns)
            self._swept = (index + 1) % self._shards
            if self._swept == 0:
                self._finish_round()
        return swept

    def _finish_round(self) -> None:
        """Every shard was swept: forget what only served the way there."""
        for dimension in self._dimensions():
            dimension.forget_changes()
        if sum(dimension.retired for dimension in self._dimensions()) > MAX_RETIRED:
            self._version += 1
            for dimension in self._dimensions():
                dimension.recycle()

    def _dimensions(self) -> Iterator[Rates | Windows]:
        yield from self.rates.values()
        yield from self.windows.values()


def _reject(plan: Plan, segments: int, at_ns: int, now_ns: int) -> Refused | None:
    """Return the refusal of the first rejecting limit without room at `at_ns`."""
    for entry in plan.rejecting:
        earliest = entry.earliest(at_ns, segments, now_ns)
        if earliest is None:
            return Refused(entry.scope, CODES[entry.scope], None)
        if earliest > at_ns:
            return Refused(entry.scope, CODES[entry.scope], entry.retry_ns(earliest, now_ns))
    return None


def _full(plan: Plan, segments: int, now_ns: int) -> Refused | None:
    """Return the refusal of a waiting limit whose own queue is too long already.

    A text behind its pair starts from the pair's last release: what its scopes owe until then counts too.
    """
    for entry in plan.waiting:
        earliest = entry.earliest(now_ns, segments, now_ns)
        if earliest is not None and earliest > now_ns:
            excess = entry.too_late(earliest, now_ns, earliest - now_ns)
            if excess is not None:
                return Refused(entry.scope, QUEUE_FULL, excess)
    return None


def _settle(plan: Plan, segments: int, floor_ns: int, now_ns: int) -> int | Refused:
    """Return the first moment from `floor_ns` at which every waiting limit has room."""
    if floor_ns > now_ns:
        full = _full(plan, segments, now_ns)
        if full is not None:
            return full
    release, delays = floor_ns, [0] * len(plan.waiting)
    while True:
        before = release
        for position, entry in enumerate(plan.waiting):
            earliest = entry.earliest(release, segments, now_ns)
            if earliest is None:
                return Refused(entry.scope, CODES[entry.scope], None)
            if earliest == release:
                continue
            delays[position] += earliest - release
            excess = entry.too_late(earliest, floor_ns, delays[position])
            if excess is not None:
                return Refused(entry.scope, QUEUE_FULL, excess)
            release = earliest
        if release == before:
            return release
