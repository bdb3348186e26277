"""What a carrier enforces by its own truth: who may bind, who may send, and how much.

Pure: world time for calendar windows, wire time for throughput, both given. The registry is a snapshot that
its owner replaces; it may lag behind the gateway's, and the limits may differ from what the gateway believes.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from gateway.carriers.caps import Registration
from gateway.carriers.numbers import NumberTable
from gateway.carriers.outcomes import RefusalEvent
from gateway.carriers.profile import Account, CarrierProfile
from gateway.policy.filters import DomainFilter, FilterChain, WordFilter
from gateway.smpp.constants import CommandStatus
from gateway.throttle.windows import Calendar, Period

ZoneLookup = Callable[[str], tzinfo]
OnUse = Callable[[str, str, int, int], None]


# --- binds --------------------------------------------------------------------------------------------------


def authenticate(
    accounts: Sequence[Account],
    system_id: str,
    password: str,
    bind_type: str,
    address: str,
    binds_of: Callable[[str], int],
) -> Account | int:
    """Return the account that may bind, or the command_status that refuses it (SMPP 3.4 §4.1).

    `bind_type` is transmitter, receiver or transceiver, `address` the peer's IP address, `binds_of` counts an
    account's present binds.
    """
    account = next((one for one in accounts if one.system_id == system_id), None)
    if account is None:
        return CommandStatus.RINVSYSID
    if not hmac.compare_digest(account.password.encode(), password.encode()):
        return CommandStatus.RINVPASWD
    if not _comes_from(address, account.allowed_addresses) or bind_type not in account.bind_types:
        return CommandStatus.RBINDFAIL
    if binds_of(system_id) >= account.max_binds:
        return CommandStatus.RALYBND
    return account


def _comes_from(address: str, networks: Iterable[str]) -> bool:
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(host, "ipv4_mapped", None)
    host = mapped or host
    return any(host in network for network in map(ip_network, networks) if network.version == host.version)


# --- texts --------------------------------------------------------------------------------------------------


class Submission(NamedTuple):
    """One submit_sm as the rules see it; numbers in E.164."""

    account: str
    source: str
    destination: str
    segments: int
    text: Callable[[], str]
    """Reads the text; called only where a filter wants it."""
    parts: int = 1
    """Segments of the whole text that this is a part of."""


class _CalendarCounter:
    """Segments per key in the present window of a calendar; forgotten as a whole at the reset."""

    __slots__ = ("_calendar", "_counts")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._counts: dict[str, int] = {}

    def used(self, key: str, now_ns: int) -> int:
        if now_ns >= self._calendar.end_ns:
            self._calendar.roll(now_ns)
            self._counts.clear()
        return self._counts.get(key, 0)

    def add(self, key: str, segments: int) -> None:
        self._counts[key] = self._counts.get(key, 0) + segments

    def use(self, key: str) -> tuple[int, int]:
        """When the present window ends, and what `key` has used of it."""
        return self._calendar.end_ns, self._counts.get(key, 0)

    def take_up(self, key: str, segments: int, end_ns: int, now_ns: int) -> None:
        """Go on from what was counted before a restart, if that window is still the present one."""
        used = self.used(key, now_ns)
        if end_ns == self._calendar.end_ns:
            self._counts[key] = used + segments


class _Throughput:
    """GCRA per account with a burst of one second, on wire time."""

    __slots__ = ("_tat",)

    def __init__(self) -> None:
        self._tat: dict[str, float] = {}

    def take(self, account: str, segments: int, rate: float, now: float) -> bool:
        tat = max(self._tat.get(account, 0.0), now)
        if tat - now > max(0.0, 1.0 - 1.0 / rate) + 1e-9:
            return False
        self._tat[account] = tat + segments / rate
        return True


_Take = tuple[str, _CalendarCounter, str]


class Enforcement:
    """A carrier's rules over texts. `check` names the event that refuses one, and counts those that pass."""

    def __init__(self, profile: CarrierProfile, zone: ZoneLookup) -> None:
        self._profile = profile
        self._zone = zone
        self._throughput = _Throughput()
        self.throughput: float | None = profile.caps.throughput
        """Segments per second and account; None: unlimited."""
        self.refuse_all: RefusalEvent | None = None
        """An event for which every text is refused, whatever the rules say (behaviour `capped`)."""
        self.on_use: OnUse | None = None
        """Hears of every use of a calendar window: kind of cap, key, end of the window, segments used."""
        self._use_numbers(profile)
        self._use_filters(profile)
        self._brand_day = _CalendarCounter(Calendar(Period.DAY, zone(_brand_zone(profile))))
        self._campaign_minute = _CalendarCounter(Calendar(Period.MINUTE))
        self._number_minute = _CalendarCounter(Calendar(Period.MINUTE))
        self._number_day = _CalendarCounter(Calendar(Period.DAY, zone(_number_zone(profile))))
        self.replace_registrations(profile.registration.registrations)

    def adopt(self, profile: CarrierProfile) -> None:
        """Enforce another profile from now on. Filters that stay and windows go on counting; a window whose
        day now ends elsewhere begins anew. The registrations are left to `replace_registrations`."""
        before, self._profile = self._profile, profile
        self._use_numbers(profile)
        if profile.filters != before.filters:
            self._use_filters(profile)
        self._others = _other_vendors(profile, self._rows)
        if _brand_zone(profile) != _brand_zone(before):
            self._brand_day = _CalendarCounter(Calendar(Period.DAY, self._zone(_brand_zone(profile))))
        if _number_zone(profile) != _number_zone(before):
            self._number_day = _CalendarCounter(Calendar(Period.DAY, self._zone(_number_zone(profile))))

    def _use_numbers(self, profile: CarrierProfile) -> None:
        self._served = NumberTable([(profile.numbers, True)])
        self._blocked_sources = NumberTable([(profile.blocked_sources, True)])
        self._blocked_destinations = NumberTable([(profile.blocked_destinations, True)])

    def _use_filters(self, profile: CarrierProfile) -> None:
        self._filters = FilterChain(profile.filters)
        wordings = (one for one in profile.filters if isinstance(one, WordFilter | DomainFilter))
        self._wordings = FilterChain(wordings)

    def replace_registrations(self, rows: Iterable[Registration]) -> None:
        """Take another snapshot of the registry; counters go on."""
        self._rows = tuple(rows)
        self._registrations = NumberTable((row.numbers, row) for row in self._rows)
        self._others = _other_vendors(self._profile, self._rows)

    def registration(self, source: str) -> Registration | None:
        """Return what this carrier knows of a sending number."""
        found: Registration | None = self._registrations.get(source)
        return found

    def check(self, submission: Submission, now_ns: int, now: float) -> RefusalEvent | None:
        """Return the event that refuses a text, or None after counting it."""
        if self.refuse_all is not None:
            return self.refuse_all
        registration = self.registration(submission.source)
        takes: list[_Take] = []
        refused = (
            self._by_number(submission.source, submission.destination)
            or self._by_registry(registration)
            or self._by_content(submission, registration, now_ns)
            or self._by_caps(submission, registration, now_ns, takes)
            or self._by_throughput(submission, now)
        )
        if refused is None:
            for kind, counter, key in takes:
                counter.add(key, submission.segments)
                if self.on_use is not None:
                    self.on_use(kind, key, *counter.use(key))
        return refused

    def take_up(self, kind: str, key: str, segments: int, end_ns: int, now_ns: int) -> None:
        """Go on with what `on_use` was told before a restart; a window that is over counts no more."""
        counter = self._counter(kind)
        if counter is not None:
            counter.take_up(key, segments, end_ns, now_ns)

    def _counter(self, kind: str) -> _CalendarCounter | None:
        return {
            "brand_day": self._brand_day,
            "campaign_minute": self._campaign_minute,
            "number_minute": self._number_minute,
            "number_day": self._number_day,
        }.get(kind)

    def record_opt_out(self, source: str, now_ns: int) -> None:
        """Note a recipient's STOP to `source` for the filters that look at opt-out ratios."""
        self._filters.record_opt_out(source, now_ns)

    def _by_number(self, source: str, destination: str) -> RefusalEvent | None:
        if self._blocked_sources.get(source):
            return "source_blocklisted"
        if self._blocked_destinations.get(destination):
            return "destination_blocklisted"
        if not self._served.get(destination):
            return "bad_destination"
        return None if source else "bad_source"

    def _by_registry(self, registration: Registration | None) -> RefusalEvent | None:
        if not self._profile.registration.required:
            return None
        if registration is None:
            return "unregistered_number"
        return None if registration.active else "campaign_inactive"

    def _by_content(
        self, submission: Submission, registration: Registration | None, now_ns: int
    ) -> RefusalEvent | None:
        most = self._profile.caps.segments_per_text
        if most is not None and max(submission.segments, submission.parts) > most:
            return "too_long"
        # What is counted per number does not concern numbers that have no limits.
        free = registration is not None and not registration.number_limits
        chain = self._wordings if free else self._filters
        if not chain:
            return None
        hit = chain.judge(submission.source, submission.destination, submission.text(), now_ns)
        return "spam" if hit else None

    def _by_throughput(self, submission: Submission, now: float) -> RefusalEvent | None:
        rate = self.throughput
        if rate is None or self._throughput.take(submission.account, submission.segments, rate, now):
            return None
        return "throughput"

    def _by_caps(
        self,
        submission: Submission,
        registration: Registration | None,
        now_ns: int,
        takes: list[_Take],
    ) -> RefusalEvent | None:
        for event, kind, counter, key, cap, others in self._windows(submission.source, registration):
            if counter.used(key, now_ns) + others + submission.segments > cap:
                return event
            takes.append((kind, counter, key))
        return None

    def _windows(
        self, source: str, registration: Registration | None
    ) -> list[tuple[RefusalEvent, str, _CalendarCounter, str, int, int]]:
        caps = self._profile.caps
        found: list[tuple[RefusalEvent, str, _CalendarCounter, str, int, int]] = []
        if registration is not None:
            day = brand_day_cap(self._profile, registration)
            if day is not None:
                key = _counted_under(registration)
                others = self._others.get(key, 0)
                found.append(("brand_day_cap", "brand_day", self._brand_day, key, day, others))
            minute = campaign_minute_cap(self._profile, registration)
            if minute is not None:
                rule = caps.campaign_minute
                by_number = rule is not None and registration.campaign_class in rule.per_number
                key = source if by_number else registration.campaign
                found.append(
                    ("campaign_minute_cap", "campaign_minute", self._campaign_minute, key, minute, 0)
                )
        number = caps.number
        if number is not None and (registration is None or registration.number_limits):
            if number.per_minute is not None:
                found.append(
                    ("number_cap", "number_minute", self._number_minute, source, number.per_minute, 0)
                )
            if number.per_day is not None:
                found.append(("number_cap", "number_day", self._number_day, source, number.per_day, 0))
        return found


def _brand_zone(profile: CarrierProfile) -> str:
    rule = profile.caps.brand_day
    return rule.zone if rule is not None else "UTC"


def _number_zone(profile: CarrierProfile) -> str:
    rule = profile.caps.number
    return rule.zone if rule is not None else "UTC"


def _other_vendors(profile: CarrierProfile, rows: Iterable[Registration]) -> Mapping[str, int]:
    """Segments a day through others by what a brand's day is counted under: its Tax ID, else its id."""
    rule = profile.caps.brand_day
    given = rule.other_vendors if rule is not None else {}
    if not given:
        return {}
    names: dict[str, set[str]] = {}
    for row in rows:
        counted = _counted_under(row)
        names.setdefault(counted, {counted}).add(row.brand)
    return {counted: sum(given.get(name, 0) for name in each) for counted, each in names.items()}


def _counted_under(registration: Registration) -> str:
    return registration.tax_id or registration.brand


def brand_day_cap(profile: CarrierProfile, registration: Registration) -> int | None:
    """Return the segments a brand may send per day; None: uncapped. Legal form, use case, then score."""
    rule = profile.caps.brand_day
    if rule is None:
        return None
    if registration.entity in rule.entities:
        return rule.entities[registration.entity]
    if registration.use_case in rule.use_cases:
        return rule.use_cases[registration.use_case]
    if registration.score is None:
        return rule.unvetted
    for tier in rule.tiers:
        if registration.score >= tier.score:
            return tier.segments
    return rule.unvetted


def campaign_minute_cap(profile: CarrierProfile, registration: Registration) -> int | None:
    """Return the segments of a campaign (or number) per minute, by its class; None: uncapped."""
    rule = profile.caps.campaign_minute
    return None if rule is None else rule.classes.get(registration.campaign_class, rule.default)
