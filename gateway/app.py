"""The composition root: reads the configuration, builds the parts asked for, runs them as one service."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

from gateway import __version__
from gateway.api.captures import capture_routes
from gateway.api.carriers import carrier_routes
from gateway.api.compliance import compliance_routes
from gateway.api.consent import consent_routes
from gateway.api.directory import directory_routes
from gateway.api.explain import explain_routes
from gateway.api.limits import limit_routes
from gateway.api.links import link_routes
from gateway.api.live import app_routes
from gateway.api.messages import message_routes
from gateway.api.registry import registry_routes
from gateway.api.replays import replay_routes
from gateway.api.rules import rule_routes
from gateway.api.totals import total_routes
from gateway.api.webhooks import webhook_routes
from gateway.carriers.feed import RegistryFeed
from gateway.carriers.journal import Journal
from gateway.carriers.service import CarriersService
from gateway.dashboard.routes import dashboard_routes
from gateway.directory.store import DirectoryStore
from gateway.esme.settings import EsmeSettings
from gateway.messages.traces import trace_messages
from gateway.messages.webhooks import Webhooks, WebhooksSettings
from gateway.policy.areacodes import AreaCodes
from gateway.replay.capturing import Capturing
from gateway.replay.jobs import Jobs
from gateway.replay.settings import CapturesSettings
from gateway.runtime import log
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import LoadedConfig, find_config, load
from gateway.runtime.http.app import build_app
from gateway.runtime.http.clock import clock_routes
from gateway.runtime.http.health import Health
from gateway.runtime.http.routes import Routes
from gateway.runtime.http.server import HttpServer
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.http.stream import EventStream
from gateway.runtime.ids import IdSource
from gateway.runtime.interrupts import run
from gateway.runtime.lifecycle import BasePart, Lifecycle
from gateway.runtime.metrics import Metrics
from gateway.runtime.settings import ClockSettings, LogSettings, StorageSettings
from gateway.runtime.storage import open_storage
from gateway.runtime.tlsfiles import tls_check
from gateway.runtime.tracing import Tracing, TracingSettings
from gateway.runtime.worldtime.keeper import WORLD_TIME, WorldTime
from gateway.service import Texting, TextingSettings, World
from gateway.settings import COMMON, CROSS_CHECKS, EVERY_SECTION, PARTS, TLS_SECTIONS, Networks
from siprec.callcontrol.settings import CallingSettings
from siprec.providers.traces import trace_recordings
from siprec.settings import BRANCHES as RECORDING_BRANCHES
from siprec.settings import RecordingSettings

if TYPE_CHECKING:
    from siprec.callcontrol.telephony import Telephony
    from siprec.service import Recording

_log = log.get_logger("service")

BRANCHES: dict[str, tuple[str, ...]] = {
    "texting": (
        WORLD_TIME,
        "gateway.directory",
        "gateway.registry",
        "gateway.policy",
        "gateway.throttle",
        "gateway.messages",
        "gateway.messages.webhooks",
    ),
    "carriers": (),
    "recording": (WORLD_TIME, *RECORDING_BRANCHES),
}
"""Packages whose tables each part makes; a part that keeps anything keeps the world's time too."""


class Service:
    """Everything of one process: made by `build`, run by its lifecycle."""

    def __init__(self, config: LoadedConfig, world: World, health: Health) -> None:
        self.config = config
        self.world = world
        self.health = health
        self.texting: Texting | None = None
        self.carriers: CarriersService | None = None
        self.webhooks: Webhooks | None = None
        self.recording: Recording | None = None
        self.telephony: Telephony | None = None
        self.http: HttpServer | None = None

    @property
    def lifecycle(self) -> Lifecycle:
        """The life of this service."""
        return self.world.lifecycle

    async def close(self) -> None:
        """Stop every part and let go of the database; for those who started the lifecycle themselves."""
        await self.world.lifecycle.drain()
        await self.world.lifecycle.stop()
        await self.world.database.close()


def load_config(name: str, parts: Sequence[str], overrides: Sequence[str]) -> LoadedConfig:
    """The configuration for these parts; raises `ConfigError` with every fault."""
    sections: dict[str, type[BaseModel]] = dict(COMMON)
    for part in parts:
        sections.update(PARTS[part])
    checks = (*CROSS_CHECKS, tls_check(["http", *(name for part in parts for name in TLS_SECTIONS[part])]))
    return load(find_config(name), sections, overrides, known=EVERY_SECTION, checks=checks)


async def build(
    config: LoadedConfig,
    parts: Sequence[str],
    only_carriers: Sequence[str] = (),
    *,
    clock: WorldClock | None = None,
) -> Service:
    """Every part of a service, wired, nothing started; raises what a part cannot be built of.

    `clock` stands in for the one that the section `clock:` describes.
    """
    world = await _world(config, parts, clock)
    durable = None if clock is not None else await _take_up_time(config, parts, world)
    service = Service(config, world, Health())
    service.health.add_problems(lambda: world.lifecycle.problems)
    service.health.add_problems(world.database.problems)
    service.health.add_liveness(lambda: world.lifecycle.healthy)
    _add_tracing(service, parts)
    stream = EventStream(world.bus, now_ns=world.clock.now_ns, metrics=world.metrics)
    routes = [clock_routes(world.clock, world.bus, durable), dashboard_routes()]
    if "carriers" in parts:
        routes += _add_carriers(service, parts, only_carriers)
    if "texting" in parts:
        routes += _add_texting(service, stream)
    if "recording" in parts:
        routes += _add_recording(service)
    _add_http(service, routes, stream)
    return service


def packages_of(config: LoadedConfig, parts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The packages whose tables each running part makes."""
    packages = {part: BRANCHES[part] for part in parts}
    if "carriers" in parts and config.section("carriers", Networks).kept(parts):
        packages["carriers"] = (WORLD_TIME, "gateway.carriers")
    return packages


async def _world(config: LoadedConfig, parts: Sequence[str], clock: WorldClock | None) -> World:
    storage = config.section("storage", StorageSettings)
    clock_settings = config.section("clock", ClockSettings)
    metrics = Metrics()
    clock = clock or WorldClock(
        clock_settings.start_ns,
        speed=clock_settings.speed,
        frozen=clock_settings.mode == "frozen",
    )
    return World(
        clock=clock,
        bus=Bus(),
        metrics=metrics,
        database=await open_storage(
            storage,
            packages_of(config, parts),
            metrics=metrics,
            clock=clock,
            process=storage.writer == "process" and "texting" in parts,
        ),
        directory=config.section("directory").build(),
        ids=IdSource(storage.node),
        lifecycle=Lifecycle(metrics),
    )


async def _take_up_time(
    config: LoadedConfig, parts: Sequence[str], world: World
) -> Callable[[], Awaitable[None]] | None:
    """The world goes on from where it was; parts that keep nothing begin anew."""
    if not any(WORLD_TIME in packages for packages in packages_of(config, parts).values()):
        return None
    kept = WorldTime(
        world.clock,
        world.database,
        config.section("clock", ClockSettings),
        node=config.section("storage", StorageSettings).node,
    )
    await kept.take_up()
    world.lifecycle.add("world time", kept)
    return kept.durable


def _add_tracing(service: Service, parts: Sequence[str]) -> None:
    """The first part, and so the last to stop; nothing at all while `tracing.enabled` is false."""
    settings, world = service.config.section("tracing", TracingSettings), service.world
    if not settings.enabled:
        return
    tracing = Tracing(settings, world.clock.now_ns)
    world.lifecycle.add("tracing", tracing)
    if "texting" in parts:
        trace_messages(world.bus, tracing.traces)
    if "recording" in parts:
        trace_recordings(world.bus, tracing.traces)


def _add_carriers(service: Service, parts: Sequence[str], only: Sequence[str]) -> list[Routes]:
    world = service.world
    networks = service.config.section("carriers", Networks)
    journal = Journal(world.database, world.clock, world.ids.new_id) if networks.kept(parts) else None
    service.carriers = CarriersService(
        networks, world.clock, world.metrics, only=only or None, journal=journal
    )
    world.lifecycle.add("carriers", service.carriers)
    return [carrier_routes(service.carriers)]


def _add_texting(service: Service, stream: EventStream) -> list[Routes]:
    config, world = service.config, service.world
    networks = config.section("carriers", Networks)
    settings = TextingSettings(
        registry=config.section("registry"),
        business_texting=config.section("business_texting"),
        limits=config.section("limits"),
        messages=config.section("messages"),
        esme=networks.address(config.section("esme", EsmeSettings)),
        terms={name: network.terms for name, network in networks.networks.items()},
    )
    world.lifecycle.add("area codes", AreaCodes(world.lifecycle))
    service.texting = texting = Texting(world, settings)
    service.webhooks = Webhooks(
        world.bus, world.database, world.clock, world.metrics, config.section("webhooks", WebhooksSettings)
    )
    if service.carriers is not None:
        world.lifecycle.add("addresses", Addresses(service.carriers, texting, config.section("esme")))
    capturing = _add_captures(service, texting)  # first, so that a capture holds binds and unbinds too
    world.lifecycle.add("texting", texting)
    if service.carriers is not None:
        terms = settings.terms
        feed = RegistryFeed(
            service.carriers,
            lambda name: texting.registry.view(name, terms[name]),
            world.bus,
            world.clock,
        )
        world.lifecycle.add("registry feed", feed)
    world.lifecycle.add("webhooks", service.webhooks)
    return [
        message_routes(texting.intake, texting.dispatch, texting.ledger.store, world.directory),
        app_routes(texting.intake, world.directory, stream),
        link_routes(texting.carriers.pools, texting.dispatch),
        total_routes(world.database, world.bus, stream),
        webhook_routes(service.webhooks, world.clock),
        capture_routes(capturing.recorder),
        replay_routes(_replays(service)),
        directory_routes(texting.directory_store, texting.registry, settings.business_texting),
        registry_routes(texting.registry_store, world.directory, settings.terms),
        rule_routes(texting.pipeline),
        limit_routes(texting.limiter, texting.limits, world.clock, world.directory, texting.registry),
        explain_routes(texting.intake, world.directory),
        consent_routes(texting.consent),
        compliance_routes(texting.ledger.store, settings.business_texting.revision),
    ]


def _replays(service: Service) -> Jobs:
    jobs = Jobs(service.config.section("storage", StorageSettings).folder / "replays")
    service.world.lifecycle.add("replays", jobs)
    return jobs


def _add_captures(service: Service, texting: Texting) -> Capturing:
    world = service.world
    capturing = Capturing(
        service.config.section("captures", CapturesSettings),
        service.config.section("storage", StorageSettings).folder / "captures",
        world.clock.now_ns,
        texting.carriers,
        world.bus,
    )
    world.lifecycle.add("captures", capturing)
    return capturing


class Addresses(BasePart):
    """Tells binds where the mock carriers of this process really listen: port 0 is known once it is bound."""

    def __init__(self, carriers: CarriersService, texting: Texting, esme: EsmeSettings) -> None:
        self._carriers, self._texting, self._esme = carriers, texting, esme

    async def start(self) -> None:
        """Point every bind that names no port to the carrier of its name."""
        for name, carrier in self._carriers.carriers.items():
            settings = self._esme.carriers.get(name)
            if settings is not None and settings.follows_carrier:
                self._texting.carriers.pools[name].readdress(carrier.host, carrier.port)


def _add_recording(service: Service) -> list[Routes]:
    from siprec.calling.service import add_calling  # noqa: PLC0415 - codecs and audio, which only it needs
    from siprec.service import Foundation, Recording  # noqa: PLC0415 - the same

    world, texting = service.world, service.texting
    directory = texting.directory_store if texting is not None else None
    foundation = Foundation(
        clock=world.clock,
        bus=world.bus,
        metrics=world.metrics,
        database=world.database,
        ids=world.ids,
        directory=directory or DirectoryStore(world.directory, world.database, world.bus, world.clock.now_ns),
        folder=service.config.section("storage", StorageSettings).folder,
        owns_directory=directory is None,
    )
    settings = service.config.section("recording", RecordingSettings)
    service.recording = recording = Recording(foundation, settings, settings)
    service.health.add_part("recording", lambda: recording.ready)
    world.lifecycle.add("recording", recording)
    calling = service.config.section("calling", CallingSettings)
    service.telephony, routes = add_calling(world.lifecycle, service.health, foundation, recording, calling)
    return [*recording.routes(), *routes]


def _add_http(service: Service, routes: list[Routes], stream: EventStream) -> None:
    world = service.world
    settings = service.config.section("http", HttpSettings)
    application = build_app(
        routes,
        settings.tokens,
        world.metrics,
        service.health,
        "sms-siprec-gateway",
        __version__,
        settings=settings,
        stream=stream,
    )
    service.http = HttpServer(application, settings, health=service.health)
    world.lifecycle.add("http", service.http)


def run_service(
    name: str,
    parts: Sequence[str],
    overrides: Sequence[str],
    only_carriers: Sequence[str] = (),
    announce: Callable[[Service], None] | None = None,
) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code. `announce` is called once everything is up."""
    config = load_config(name, parts, overrides)
    configure_log(config)
    return run(_serve(config, parts, only_carriers, announce))


def configure_log(config: LoadedConfig) -> None:
    """Set up logging as the section `log:` says."""
    settings = config.section("log", LogSettings)
    log.configure(settings.level, None if settings.format == "auto" else settings.format == "json")


def addresses(service: Service) -> dict[str, str | list[str]]:
    """Where each part of a running service listens."""
    found: dict[str, str | list[str]] = {}
    if service.http is not None:
        found["http"] = service.http.url
    if service.carriers is not None:
        found["smpp"] = [f"{one.name} {one.host}:{one.port}" for one in service.carriers.carriers.values()]
    if service.recording is not None:
        found["sip"] = service.recording.server.addresses
    if service.telephony is not None:
        found["call_control"] = service.telephony.address
    return found


async def _serve(
    config: LoadedConfig,
    parts: Sequence[str],
    only_carriers: Sequence[str],
    announce: Callable[[Service], None] | None,
) -> int:
    service = await build(config, parts, only_carriers)
    service.world.clock.start()

    def on_ready() -> None:
        _log.info("listening", **addresses(service))
        if announce is not None:
            announce(service)

    try:
        return await service.lifecycle.run(on_ready=on_ready)
    finally:
        await service.world.database.close()
