"""What the gateway believes each sender may send: registry and carriers' terms as limits of the throttle."""

from collections.abc import Mapping

from gateway.registry.model import Campaign
from gateway.registry.registry import Registry
from gateway.registry.terms import Caps, CarrierTerms
from gateway.throttle.limits import LONGEST_MESSAGE, SECOND_NS, UNLIMITED, Overflow, RateLimit, ScopeLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.settings import LimitsSettings

_NOTHING = 1  # a window needs a positive cap; no tier fits: one segment, the least the limiter can say
_MILLI = 1_000
_MAX_KNOWN = 100_000
#: Scopes with a key per sender: cheap to work out, and too many to keep.
_PER_SENDER = frozenset({Scope.NUMBER, Scope.PERSON})


class Beliefs:
    """Answers the limiter's question: what follows from a key (`Limiter`'s `derive`).

    `terms` are the carriers as the gateway sees them; a carrier without terms has no caps.
    """

    def __init__(
        self, registry: Registry, terms: Mapping[str, CarrierTerms], settings: LimitsSettings
    ) -> None:
        self._registry = registry
        self._terms = terms
        self._settings = settings
        self._known: dict[tuple[Scope, str], ScopeLimit | None] = {}
        self._known_caps: dict[tuple[str, str], Caps | None] = {}

    def terms_of(self, carrier: str) -> CarrierTerms:
        """The terms of a carrier; the usual ones where none are known."""
        return self._terms.get(carrier, _USUAL)

    def enforcing(self, carrier: str) -> str | None:
        """The carrier, where it is believed to enforce registration for its recipients (10dlc.md)."""
        return carrier if self.terms_of(carrier).registration and carrier in self._terms else None

    def campaign_counts_per_number(self, campaign: Campaign, carrier: str) -> bool:
        """Whether the campaign's class is capped per number at this carrier (AT&T classes G and N)."""
        caps = self._caps(campaign, carrier)
        return caps is not None and caps.campaign_counts_per_number

    def forget(self) -> None:
        """The registry or the terms have changed: work everything out anew when it is asked for."""
        self._known.clear()
        self._known_caps.clear()

    def derive(self, scope: Scope, key: str) -> ScopeLimit | None:
        """The limit that follows from a key; None where the scope's default holds."""
        if scope in _PER_SENDER:
            return self._derive(scope, key)
        known = self._known
        if (scope, key) not in known:
            if len(known) >= _MAX_KNOWN:
                known.clear()
            known[scope, key] = self._derive(scope, key)
        return known[scope, key]

    def _derive(self, scope: Scope, key: str) -> ScopeLimit | None:
        if scope is Scope.NUMBER:
            campaign = self._registry.campaign_of(key)
            return UNLIMITED if campaign is not None and not campaign.number_limits else None
        if scope is Scope.CARRIER:
            return self._carrier(key)
        name, _, carrier = key.rpartition("@")
        if scope is Scope.CAMPAIGN:
            return self._campaign(name, carrier)
        if scope is Scope.BRAND_DAY:
            return self._brand_day(name, carrier)
        return None

    def _carrier(self, carrier: str) -> ScopeLimit | None:
        rate = self.terms_of(carrier).segments_per_second
        if rate is None:
            return None
        segments = max(1, round(rate * _MILLI))
        burst = max(LONGEST_MESSAGE, int(rate))
        return ScopeLimit(rate=RateLimit(segments, _MILLI * SECOND_NS, burst, Overflow.QUEUE))

    def _campaign(self, name: str, carrier: str) -> ScopeLimit | None:
        campaign = self._registry.campaigns.get(name) or self._registry.campaign_of(name)
        caps = self._caps(campaign, carrier) if campaign is not None else None
        if caps is None or caps.campaign_minute is None:
            return None
        return self._settings.campaign_limit(max(2, caps.campaign_minute))

    def _brand_day(self, brand_id: str, carrier: str) -> ScopeLimit | None:
        found = [self._caps(campaign, carrier) for campaign in self._registry.campaigns_of(brand_id)]
        caps = [each.brand_day for each in found if each is not None]
        terms = self.terms_of(carrier).brand_day
        if not caps or terms is None:
            return None
        if None in caps:
            return UNLIMITED
        # The cap is the brand's: its best campaign decides (10dlc.md, T-Mobile).
        cap_per_day = max(_NOTHING, *(cap for cap in caps if cap is not None))
        return self._settings.brand_day_limit(cap_per_day, terms.time_zone)

    def _caps(self, campaign: Campaign, carrier: str) -> Caps | None:
        key = (campaign.id, carrier)
        if key not in self._known_caps:
            brand = self._registry.brand_of(campaign)
            caps = None if brand is None else self.terms_of(carrier).caps(brand, campaign)
            self._known_caps[key] = caps
        return self._known_caps[key]


_USUAL = CarrierTerms()
