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

Rules (what rejecting and waiting limits do: `search`)
- Texts of one (number, destination) pair never have decreasing release times; other pairs overtake freely.
- A refused text leaves no trace.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from gateway.throttle.dimension import EPOCH_NS, PERSONAL, Rates, Windows
from gateway.throttle.entry import RateEntry, WindowEntry, rate_entry, window_entry
from gateway.throttle.limits import UNLIMITED, ScopeLimit
from gateway.throttle.reservation import Granted, Plan, Refused, Shared, busy_until_ns
from gateway.throttle.scopes import SCOPES, Scope, ScopeKeys
from gateway.throttle.search import place, refusals, search
from gateway.throttle.sharded import Sharded
from gateway.throttle.state import DEAD, FAR, NEVER

__all__ = ["Derive", "Granted", "Limiter", "Plan", "Refused", "busy_until_ns"]

Derive = Callable[[Scope, str], ScopeLimit | None]
"""What the terms of a carrier or a class say of one key; `None`: the scope's default holds."""

SHARED_SHARDS = 256
"""Shards of the scopes whose keys many senders share."""
MAX_SHARED = 65_536
"""Tuples of entries kept to be shared by plans; above this the collection starts anew."""

_new, _blank = tuple.__new__, object.__new__


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
        self._shared: Shared = {}
        self._ready: dict[tuple[Scope, str], tuple[RateEntry | None, WindowEntry | None]] = {}
        self._ready_version = -1
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
        if len(self._shared) >= MAX_SHARED:
            self._shared.clear()
        if self._ready_version != self._version or len(self._ready) >= MAX_SHARED:
            self._ready.clear()
            self._ready_version = self._version
        rates, windows = [], []
        for scope, key in zip(SCOPES, plan.keys, strict=True):
            if key is None:
                continue
            rate, window = self._ready.get((scope, key)) or self._entries(scope, key, now_ns)
            if rate is not None:
                rates.append(rate)
            if window is not None:
                windows.append(window)
        plan.set(rates, windows, self._version, self._shared)

    def _entries(self, scope: Scope, key: str, now_ns: int) -> tuple[RateEntry | None, WindowEntry | None]:
        """Look one key's limits up; those that many senders share are looked up once for all of them."""
        limit = self.limit_of(scope, key)
        rate = self.rates[scope].adopt(key, limit.rate, now_ns)
        window = self.windows[scope].adopt(key, limit.window, now_ns)
        found = (
            None if rate is None else rate_entry(self.rates[scope], key, rate),
            None if window is None else window_entry(self.windows[scope], key, window),
        )
        if scope not in PERSONAL:
            self._ready[scope, key] = found
        return found

    # --- reservations -------------------------------------------------------------------------------------

    def reserve(  # noqa: PLR0912, PLR0915 - the hot path is one straight piece
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
        values = plan.values
        if values is not None:
            slot = plan.slot
            tat = values[slot]
            if tat < now:  # noqa: PLR1730 - max() costs three times as much here
                tat = now
            tat += plan.step_ns if segments == 1 else segments * plan.step_ns
            if tat - plan.tau_ns <= now:
                values[slot] = tat
            elif tat < FAR and plan.refusal is not None:
                scope, code = plan.refusal
                fits = segments * plan.step_ns <= plan.tau_ns
                return _new(Refused, (scope, code, tat - plan.tau_ns - now if fits else None))
            elif tat < FAR or plan.first is None or not plan.first.squeeze(segments, now):
                return self._full(plan, segments, now_ns, destination, message_id, plan.first, tat)
        rate = plan.campaign
        if rate is not None:
            tat = rate.value
            if tat < now:  # noqa: PLR1730
                tat = now
            tat += rate.step_ns if segments == 1 else segments * rate.step_ns
            if tat - rate.tau_ns <= now:
                rate.value = tat
            elif tat < FAR or not rate.squeeze(segments, now):
                return self._full(plan, segments, now_ns, destination, message_id, rate, tat)
        rate = plan.carrier
        if rate is not None:
            tat = rate.value
            if tat < now:  # noqa: PLR1730
                tat = now
            tat += rate.step_ns if segments == 1 else segments * rate.step_ns
            if tat - rate.tau_ns <= now:
                rate.value = tat
            elif tat < FAR or not rate.squeeze(segments, now):
                return self._full(plan, segments, now_ns, destination, message_id, rate, tat)
        window = plan.brand_day
        if window is not None:
            calendar = window.calendar
            if now_ns >= calendar.end_ns:
                calendar.roll(now_ns)
            base = calendar.base
            count = window.value
            if count < base:
                count = window.opening()
            count += segments
            if count - base > window.cap or now_ns < calendar.start_ns:
                return self._full(plan, segments, now_ns, destination, message_id, window, count)
            window.value = count
        for entry in plan.others:
            value = entry.admit(segments, now_ns)
            if value is not None:
                return self._full(plan, segments, now_ns, destination, message_id, entry, value)
        granted = _blank(Granted)
        granted.release_ns = granted.reserved_ns = now_ns
        granted.segments = segments
        granted.plan = plan
        granted.destination = destination
        granted.message_id = message_id
        granted.windows = plan.windows
        granted.taken = ()
        return granted

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
            if full is not None and full.personal:
                plan.find()
            else:
                self._renew(plan, now_ns)  # others may have made a new entry of the key
            return self.reserve(plan, segments, now_ns, destination, message_id)
        if full is not None and full.refusal is not None and value < FAR and full.plain(now_ns):
            return _new(Refused, (*full.refusal, full.wait_ns(segments, value, now_ns)))
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
        release = search(plan, segments, floor_ns, now_ns)
        if isinstance(release, Refused):
            return release
        return self._take(plan, release, segments, now_ns, destination, message_id)

    def _take(
        self,
        plan: Plan,
        release: int,
        segments: int,
        now_ns: int,
        destination: str | None,
        message_id: int,
    ) -> Granted:
        taken = tuple((entry, entry.take(release, segments, now_ns)) for entry in plan.rates)
        for entry in plan.windows:
            entry.take(release, segments, now_ns)
        granted = Granted(release, segments, plan, destination, message_id, now_ns, plan.windows, taken)
        if release > now_ns:
            self._remember(granted)
        return granted

    def ask(self, plan: Plan, segments: int, now_ns: int, destination: str | None = None) -> list[Refused]:
        """Return every refusal that `reserve` might give, as if no other limit refused; take nothing."""
        if plan.version != self._version:
            self._renew(plan, now_ns)
        return refusals(plan, segments, max(now_ns, self._floor(plan, destination)), now_ns)

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
        taken = self._restore_rates(granted, ends_ns, now_ns)
        granted = replace(granted, windows=plan.windows, taken=taken)
        if granted.release_ns > now_ns:
            self._remember(granted)
        return granted

    def restore_unsent(self, granted: Granted, ends_ns: Mapping[Scope, int], now_ns: int) -> None:
        """Take up only what an unsent text may have put on the wire before the restart; `readmit` follows.

        One that was due may have gone out unanswered: it keeps its share of the rates, besides the new one.
        """
        if granted.release_ns <= now_ns:
            if granted.plan.version != self._version:
                self._renew(granted.plan, now_ns)
            self._restore_rates(granted, ends_ns, now_ns)

    def readmit(self, granted: Granted, now_ns: int) -> Granted:
        """Give an unsent text a release after a restart: its old one, or the first moment with room.

        It was admitted, so nothing refuses it now however long it waits. Call it in order of release, for
        all unsent texts: those that fell due while nobody sent push the later ones on.
        """
        plan = granted.plan
        if plan.version != self._version:
            self._renew(plan, now_ns)
        floor_ns = max(now_ns, granted.release_ns, self._floor(plan, granted.destination))
        release = place(plan, granted.segments, floor_ns, now_ns)
        return self._take(plan, release, granted.segments, now_ns, granted.destination, granted.message_id)

    def _restore_rates(
        self, granted: Granted, ends_ns: Mapping[Scope, int], now_ns: int
    ) -> tuple[tuple[RateEntry, int], ...]:
        return tuple(
            (rate, rate.restore(granted.release_ns, ends_ns.get(rate.scope), granted.segments, granted.waits))
            for rate in granted.plan.rates
            if ends_ns.get(rate.scope, granted.release_ns + rate.limit.tau_ns) > now_ns
        )

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
                for dimension in self._dimensions():
                    dimension.forget_changes()
        return swept

    def _dimensions(self) -> Iterator[Rates | Windows]:
        yield from self.rates.values()
        yield from self.windows.values()
