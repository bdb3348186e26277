"""How carriers learn what the registry holds: late, and each what concerns it.

A carrier enforces its own snapshot. After a change in the registry each carrier takes a new one,
`delay_seconds` of world time later (a setting of its profile); meanwhile registry and carrier disagree, as in
life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.carriers.caps import Registration
from gateway.carriers.service import CarriersService
from gateway.registry.events import BrandChanged, CampaignChanged, NumberAssigned
from gateway.registry.registry import Registered
from gateway.runtime.bus import Bus
from gateway.runtime.clock import TimerHandle, WorldClock
from gateway.runtime.lifecycle import BasePart

_SECOND_NS = 1_000_000_000

View = Callable[[str], Iterable[Registered]]
"""What the registry tells a carrier, by the carrier's name: `Registry.view` with that carrier's terms."""


def registrations_of(told: Iterable[Registered]) -> list[Registration]:
    """Return a carrier's rows of what it is told: the numbers of one campaign and state in one row."""
    rows: dict[tuple[str, str | None, bool], tuple[Registered, list[str]]] = {}
    for one in told:
        key = (one.campaign.id, one.campaign_class, one.active)
        rows.setdefault(key, (one, []))[1].append(one.number)
    return [
        Registration(
            numbers=tuple(numbers),
            brand=one.brand.id,
            tax_id=one.brand.tax_id,
            campaign=one.campaign.id,
            use_case=one.campaign.use_case,
            campaign_class=one.campaign_class or "E",
            # The Russell 3000 count as the top tier of the vetting scores.
            score=100 if one.brand.russell_3000 else one.brand.vetting_score,
            entity=one.brand.entity_type.value,
            active=one.active,
            number_limits=one.campaign.number_limits,
        )
        for one, numbers in rows.values()
    ]


class RegistryFeed(BasePart):
    """Gives every carrier a snapshot at the start, and after every change, with the carrier's delay."""

    def __init__(self, carriers: CarriersService, view: View, bus: Bus, clock: WorldClock) -> None:
        self._carriers, self._view, self._bus, self._clock = carriers, view, bus, clock
        self._waiting: dict[str, TimerHandle] = {}
        self._unlisten: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Hand over what the registry holds now, and listen."""
        for name in self._carriers.carriers:
            self.refresh(name)
        for event in (BrandChanged, CampaignChanged, NumberAssigned):
            self._unlisten.append(self._bus.listen(event, self._on_change))

    async def stop(self) -> None:
        """Listen no more."""
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten.clear()
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def refresh(self, name: str) -> None:
        """Give one carrier its snapshot now."""
        self._waiting.pop(name, None)
        self._carriers.carrier(name).replace_registrations(registrations_of(self._view(name)))

    def _on_change(self, event: object) -> None:
        """One refresh per carrier takes up all changes of its delay."""
        for name, carrier in self._carriers.carriers.items():
            if name not in self._waiting:
                delay_s = carrier.profile.registration.delay_seconds
                due_ns = self._clock.now_ns() + int(delay_s * _SECOND_NS)
                self._waiting[name] = self._clock.call_at(due_ns, self.refresh, name)
