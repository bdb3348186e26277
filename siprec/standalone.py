"""Recording by itself: `siprec serve`, without the texting half and with its own tables only."""

from collections.abc import Sequence

from gateway import __version__
from gateway.directory.references import token_faults
from gateway.directory.settings import DirectorySettings
from gateway.directory.store import DirectoryStore
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
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.metrics import Metrics
from gateway.runtime.settings import ClockSettings, LogSettings, StorageSettings
from gateway.runtime.storage import open_storage
from gateway.runtime.tlsfiles import tls_check
from gateway.runtime.tracing import Tracing, TracingSettings
from gateway.runtime.worldtime.keeper import WORLD_TIME, WorldTime
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.telephony import Telephony
from siprec.calling.service import add_calling
from siprec.providers.traces import trace_recordings
from siprec.service import Foundation, Recording
from siprec.settings import BRANCHES, STANDALONE, RecordingSettings

_log = log.get_logger("service")


class Standalone:
    """A recording service of one process: made by `build`, run by its lifecycle."""

    def __init__(
        self,
        world: Foundation,
        lifecycle: Lifecycle,
        recording: Recording,
        http: HttpServer,
        telephony: Telephony | None = None,
    ) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.recording = recording
        self.http = http
        self.telephony = telephony

    async def close(self) -> None:
        """Stop every part and let go of the database; for those who started the lifecycle themselves."""
        await self.lifecycle.drain()
        await self.lifecycle.stop()
        await self.world.database.close()


_tls_faults = tls_check(("http", "recording"))


def load_config(name: str, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The configuration; raises `ConfigError` with every fault of the sections recording reads."""
    return load(find_config(name), STANDALONE, overrides, checks=(token_faults, _tls_faults))


async def build(config: LoadedConfig) -> Standalone:
    """Everything wired, nothing started."""
    storage = config.section("storage", StorageSettings)
    metrics, bus = Metrics(), Bus()
    lifecycle = Lifecycle(metrics)
    clock = _clock(config.section("clock", ClockSettings))
    database = await open_storage(storage, {"recording": (WORLD_TIME, *BRANCHES)}, metrics=metrics)
    kept = WorldTime(clock, database, config.section("clock", ClockSettings), node=storage.node)
    await kept.take_up()
    lifecycle.add("world time", kept)
    directory = DirectoryStore(
        config.section("directory", DirectorySettings).build(), database, bus, clock.now_ns
    )
    ids = IdSource(storage.node)
    world = Foundation(clock, bus, metrics, database, ids, directory, storage.folder, owns_directory=True)
    settings = config.section("recording", RecordingSettings)
    recording = Recording(world, settings, settings)
    _add_tracing(config.section("tracing", TracingSettings), lifecycle, world)
    health = Health()
    health.add_problems(lambda: lifecycle.problems)
    health.add_problems(database.problems)
    health.add_liveness(lambda: lifecycle.healthy)
    health.add_part("recording", lambda: recording.ready)
    lifecycle.add("recording", recording)
    calling = config.section("calling", CallingSettings)
    telephony, routes = add_calling(lifecycle, health, world, recording, calling)
    routes += [*recording.routes(), clock_routes(clock, bus, kept.durable)]
    http = _http(config, routes, health, world)
    lifecycle.add("http", http)
    return Standalone(world, lifecycle, recording, http, telephony)


def _add_tracing(settings: TracingSettings, lifecycle: Lifecycle, world: Foundation) -> None:
    if settings.enabled:
        tracing = Tracing(settings, world.clock.now_ns)
        lifecycle.add("tracing", tracing)
        trace_recordings(world.bus, tracing.traces)


def _clock(settings: ClockSettings) -> WorldClock:
    return WorldClock(settings.start_ns, speed=settings.speed, frozen=settings.mode == "frozen")


def _http(config: LoadedConfig, routes: list[Routes], health: Health, world: Foundation) -> HttpServer:
    settings = config.section("http", HttpSettings)
    stream = EventStream(world.bus, now_ns=world.clock.now_ns, metrics=world.metrics)
    application = build_app(
        routes,
        settings.tokens,
        world.metrics,
        health,
        "sms-siprec-gateway: recording",
        __version__,
        settings=settings,
        stream=stream,
    )
    return HttpServer(application, settings, health=health)


def run_standalone(name: str, overrides: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    config = load_config(name, overrides)
    settings = config.section("log", LogSettings)
    log.configure(settings.level, None if settings.format == "auto" else settings.format == "json")
    return run(_serve(config))


async def _serve(config: LoadedConfig) -> int:
    service = await build(config)
    service.world.clock.start()

    def on_ready() -> None:
        listening = {"http": service.http.url, "sip": service.recording.server.addresses}
        if service.telephony is not None:
            listening["call_control"] = service.telephony.address
        _log.info("listening", **listening)

    try:
        return await service.lifecycle.run(on_ready=on_ready)
    finally:
        await service.world.database.close()
