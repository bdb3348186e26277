"""The texting half, wired: registry, rules, throttle, binds and a text's life, as a part of the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gateway.directory.directory import Directory
from gateway.directory.store import DirectoryStore
from gateway.esme.observe import LinkCollector
from gateway.esme.pool import Carriers
from gateway.esme.settings import EsmeSettings
from gateway.messages.admission import Throttle
from gateway.messages.backlog import Backlog, Owed, overdue
from gateway.messages.beliefs import Beliefs
from gateway.messages.dispatch import Dispatch
from gateway.messages.gauges import QueueCollector
from gateway.messages.inbound import Inbound
from gateway.messages.intake import Intake
from gateway.messages.keywords import Keywords
from gateway.messages.ledger import Ledger
from gateway.messages.limits import StandingLimits
from gateway.messages.receipts import Receipts
from gateway.messages.refunds import Refunds
from gateway.messages.resume import resume
from gateway.messages.retention import Retention
from gateway.messages.senders import Senders
from gateway.messages.settings import MessagesSettings
from gateway.messages.upkeep import Upkeep
from gateway.policy.consent import Consent
from gateway.policy.rules import RECIPIENT_OPTED_OUT
from gateway.policy.settings import BusinessTextingSettings
from gateway.policy.verdict import Mode, Verdict
from gateway.registry.events import BrandChanged, CampaignChanged
from gateway.registry.reviews import Reviews
from gateway.registry.settings import RegistrySettings
from gateway.registry.store import RegistryStore
from gateway.registry.terms import CarrierTerms
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database
from gateway.runtime.ids import IdSource
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.throttle.limiter import Limiter
from gateway.throttle.settings import LimitsSettings
from gateway.throttle.store import LocalStore

_log = get_logger("service")


@dataclass(frozen=True, slots=True)
class World:
    """What every part of a service stands on."""

    clock: WorldClock
    bus: Bus
    metrics: Metrics
    database: Database
    directory: Directory
    ids: IdSource
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class CarrierBound:
    """A bind to a carrier came up."""

    name: ClassVar[str] = "carrier.bound"
    carrier: str
    link: str


@dataclass(frozen=True, slots=True)
class CarrierUnbound:
    """A bind to a carrier went down; `reason` says why."""

    name: ClassVar[str] = "carrier.unbound"
    carrier: str
    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class TextingSettings:
    """The sections the texting half reads."""

    registry: RegistrySettings
    business_texting: BusinessTextingSettings
    limits: LimitsSettings
    messages: MessagesSettings
    esme: EsmeSettings
    terms: Mapping[str, CarrierTerms]


class Texting:
    """The texting half as a part of the service's life."""

    def __init__(self, world: World, settings: TextingSettings) -> None:
        self._world = world
        rules = settings.business_texting
        self.registry = settings.registry.build()
        now_ns = world.clock.now_ns
        self.directory_store = DirectoryStore(world.directory, world.database, world.bus, now_ns)
        self.registry_store = RegistryStore(self.registry, world.database, world.bus, now_ns)
        self.reviews = Reviews(self.registry_store, settings.terms, world.clock, world.bus)
        self.pipeline = rules.pipeline(self._on_shadow)
        self.consent = Consent(
            rules,
            directory=world.directory,
            registry=self.registry,
            database=world.database,
            bus=world.bus,
            now_ns=now_ns,
            on_opt_out=self.pipeline.record_opt_out,
        )
        self.beliefs = Beliefs(self.registry, settings.terms, settings.limits)
        self.limiter = Limiter(settings.limits.defaults(), self.beliefs.derive)
        self.reservations = LocalStore(world.database, self.limiter)
        self.limits = StandingLimits(self.limiter, self.reservations)
        self.senders = Senders(
            world.directory,
            self.registry,
            self.consent.opt_outs,
            self.consent.spam_block,
            self.pipeline.terms,
            self.beliefs.enforcing,
        )
        self.ledger = Ledger(world.database, world.bus, world.clock, world.metrics)
        self.receipts = Receipts(self.ledger, settings.messages, world.ids, world.metrics)
        self.inbound = Inbound(
            senders=self.senders,
            pipeline=self.pipeline,
            ledger=self.ledger,
            receipts=self.receipts,
            settings=settings.messages,
            ids=world.ids,
            metrics=world.metrics,
        )
        self.carriers = Carriers(
            settings.esme,
            deliver=self.inbound,
            collector=LinkCollector(world.metrics),
            on_link_change=self._on_link_change,
        )
        self.throttle = Throttle(
            self.limiter,
            self.ledger,
            world.bus,
            world.metrics,
            self.beliefs.campaign_counts_per_number,
            self.pipeline,
        )
        self.backlog = Backlog(world.database, self.reservations, self.throttle, self.registry)
        if settings.limits.refund_refused:
            self.receipts.refused = Refunds(
                store=self.ledger.store,
                reservations=self.reservations,
                throttle=self.throttle,
                registrations=self.registry,
                clock=world.clock,
                spawn=world.lifecycle.spawn,
            ).refused
        stop_ends = self.pipeline.mode(RECIPIENT_OPTED_OUT) is Mode.ENFORCE
        self.dispatch = Dispatch(
            outlets=self.carriers.pools,
            terms_of=self.beliefs.terms_of,
            ledger=self.ledger,
            receipts=self.receipts,
            refund=self.throttle.refund,
            refund_refused=settings.limits.refund_refused,
            opted_out=self.senders.opted_out_meanwhile if stop_ends else None,
        )
        self.intake = Intake(
            senders=self.senders,
            pipeline=self.pipeline,
            admission=self.throttle,
            carrier_of=self.carrier_of,
            terms_of=self.beliefs.terms_of,
            ledger=self.ledger,
            dispatch=self.dispatch,
            settings=settings.messages,
            ids=world.ids,
        )
        self.inbound.listen(Keywords(self.consent, self.intake, world.directory, world.lifecycle.spawn))
        self.retention = Retention(
            world.database,
            world.clock,
            world.metrics,
            retention_days=rules.retention_days,
            idempotency_s=settings.messages.idempotency_s,
            own_days=self._own_retention if rules.retention_customizable else dict,
        )
        self.upkeep = Upkeep(
            retention=self.retention,
            limiter=self.limiter,
            reservations=self.reservations,
            settings=settings.limits,
            clock=world.clock,
            spawn=world.lifecycle.spawn,
        )
        QueueCollector(self.carriers.pools, self.dispatch, self.limiter, world.clock, world.metrics)
        world.bus.listen(CampaignChanged, self._on_registry_change)
        world.bus.listen(BrandChanged, self._on_registry_change)
        self._shadowed = world.metrics.counter(
            "gateway_messages_shadowed_total", "Verdicts of rules in shadow mode", ("direction", "code")
        )

    def carrier_of(self, destination: str) -> str:
        """The carrier that serves a number, empty where none does."""
        return self.carriers.routes.carrier_for(destination) or ""

    async def start(self) -> None:
        """Take up what a former run left, then connect to the carriers."""
        world = self._world
        world.ids.continue_after(await self.ledger.store.newest_id())
        await self.directory_store.load()
        await self.registry_store.load()
        await self.consent.load()
        self._on_registry_change(None)
        self.reviews.start()
        await self.limits.restore()
        owed = await self._take_up()
        await self.carriers.start()
        await resume(self.ledger.store, self.dispatch, self.receipts, self.inbound, owed)
        if owed:
            _log.info("resumed", unsent=len(owed))
        self.upkeep.start()

    async def _take_up(self) -> list[Owed]:
        """Rebuild the limiter's state, and find out when each unsent text leaves."""
        now_ns = self._world.clock.now_ns()
        stored = await self.ledger.store.unsent()
        unsent = [message for message in stored if self.dispatch.serves(message.carrier)]
        if overdue(unsent, now_ns):
            await self.reservations.restore(now_ns, {message.id for message in unsent})
            return await self.backlog.release(unsent, now_ns)
        await self.reservations.restore(now_ns)
        return [Owed(message, self.limiter.waiting(message.id)) for message in unsent]

    async def drain(self, deadline_s: float) -> None:
        """Hand nothing more out, let outstanding submits be answered; what waits is durable."""
        self.dispatch.stop()
        await self.carriers.drain(deadline_s)
        await self._world.database.flush()

    async def stop(self) -> None:
        """Let go of everything."""
        self.dispatch.stop()
        self.reviews.stop()
        self.upkeep.stop()
        await self.carriers.stop()

    def _own_retention(self) -> Mapping[str, int]:
        """Organisations whose administrators chose another retention, in days (webex.md B6)."""
        organizations = self._world.directory.organizations.values()
        return {one.id: one.text_retention_days for one in organizations if one.text_retention_days}

    def _on_link_change(self, carrier: str, link: str, state: str) -> None:
        if state == "bound":
            self._world.bus.publish(CarrierBound(carrier, link))
        else:
            self._world.bus.publish(CarrierUnbound(carrier, link, state))

    def _on_registry_change(self, _event: object) -> None:
        self.beliefs.forget()
        self.throttle.forget()

    def _on_shadow(self, verdict: Verdict) -> None:
        self._shadowed.labels(verdict.direction.value, verdict.code).inc()
