"""Reviews as world time brings them about: one timer per campaign that waits for a decision."""

from gateway.registry.events import CampaignChanged
from gateway.registry.lifecycle import advance, next_due_ns
from gateway.registry.model import Campaign
from gateway.registry.store import RegistryStore
from gateway.registry.terms import Terms
from gateway.runtime.bus import Bus
from gateway.runtime.clock import TimerHandle, WorldClock


class Reviews:
    """Moves campaigns along when their next step is due.

    A world that is advanced by four weeks takes every step on the way, each at its own moment.
    """

    def __init__(self, store: RegistryStore, terms: Terms, clock: WorldClock, bus: Bus) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._bus = bus
        self._timers: dict[str, TimerHandle] = {}
        self._unsubscribe = bus.listen(CampaignChanged, lambda event: self._arm(event.after))

    def start(self) -> None:
        """Wait for every campaign that is under review; what fell due while the service was down follows."""
        for campaign in tuple(self._store.registry.campaigns.values()):
            self._arm(campaign)

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, campaign: Campaign) -> None:
        timer = self._timers.pop(campaign.id, None)
        if timer is not None:
            timer.cancel()
        due_ns = next_due_ns(campaign)
        if due_ns is not None:
            self._timers[campaign.id] = self._clock.call_at(due_ns, self._decide, campaign.id)

    def _decide(self, campaign_id: str) -> None:
        self._timers.pop(campaign_id, None)
        registry = self._store.registry
        campaign = registry.campaigns[campaign_id]
        following = advance(campaign, registry.rulebook, self._terms, self._clock.now_ns())
        if following is campaign:
            self._arm(campaign)
        else:
            self._store.decide(following)
