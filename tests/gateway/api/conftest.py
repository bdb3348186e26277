"""The demo world behind its administrative API, on a real loopback socket."""

import dataclasses
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.api.consent import consent_routes
from gateway.api.directory import directory_routes
from gateway.api.registry import registry_routes
from gateway.api.rules import rule_routes
from gateway.directory.settings import DirectorySettings
from gateway.directory.store import DirectoryStore
from gateway.policy.consent import Consent
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry import CarrierTerms, Terms
from gateway.registry.reviews import Reviews
from gateway.registry.settings import RegistrySettings
from gateway.registry.store import RegistryStore
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import load
from gateway.runtime.database import Database, MigrationBranch, migrate
from gateway.runtime.http import Health, HttpServer, HttpSettings, TokenSettings, build_app
from gateway.runtime.metrics import Metrics

CONFIG = Path(__file__).parents[3] / "config"
START_NS = 1_790_000_000_000_000_000
TOKENS = (
    TokenSettings(token="demo-admin", role="admin", name="demo-admin", organization="acme-dental"),
    TokenSettings(token="demo-alice", role="person", organization="acme-dental", person="alice"),
    TokenSettings(token="demo-partner", role="partner", name="demo-partner"),
    TokenSettings(token="other-admin", role="admin", name="other-admin", organization="other"),
)


@dataclasses.dataclass
class Answer:
    """One answer, read."""

    status: int
    headers: Any
    json: Any

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.json["errors"]]

    @property
    def items(self) -> list[Any]:
        found: list[Any] = self.json["items"]
        return found


@dataclasses.dataclass
class Hub:
    """A running administrative API and the world behind it."""

    server: HttpServer
    client: aiohttp.ClientSession
    clock: WorldClock
    bus: Bus
    database: Database
    directory: DirectoryStore
    registry: RegistryStore
    reviews: Reviews
    consent: Consent

    async def call(self, method: str, path: str, *, token: str = "demo-admin", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        url = self.server.url + path
        async with self.client.request(method, url, headers=headers, **options) as response:
            json = await response.json() if await response.read() else None
            return Answer(response.status, response.headers, json)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, json=json, **options)

    async def patch(self, path: str, json: Any, **options: Any) -> Answer:
        return await self.call("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.call("DELETE", path, **options)


OpenHub = Callable[..., Awaitable[Hub]]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table and no row, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "world.db"
    rooms = ("directory", "registry", "policy")
    migrate(f"sqlite:///{path}", [MigrationBranch.of(f"gateway.{room}") for room in rooms])
    return path


@pytest.fixture
async def open_hub(tmp_path: Path, empty_database: Path) -> AsyncIterator[OpenHub]:
    """Open the demo world; keyword arguments change `business_texting`."""
    running: list[Hub] = []
    shutil.copy(empty_database, tmp_path / "world.db")
    url = f"sqlite:///{tmp_path}/world.db"

    async def start(**rules: Any) -> Hub:
        sections = {"directory": DirectorySettings, "registry": RegistrySettings}
        config = load(CONFIG / "gateway.yaml", sections)
        settings = BusinessTextingSettings.model_validate(rules)
        clock, bus, database = WorldClock(START_NS, frozen=True), Bus(), await Database.open(url)
        directory = DirectoryStore(config.section("directory").build(), database, bus, clock.now_ns)
        registry = RegistryStore(config.section("registry").build(), database, bus, clock.now_ns)
        terms = _terms()
        reviews = Reviews(registry, terms, clock, bus)
        await directory.load()
        await registry.load()
        reviews.start()
        consent = Consent(
            settings,
            directory=directory.directory,
            registry=registry.registry,
            database=database,
            bus=bus,
            now_ns=clock.now_ns,
        )
        await consent.load()
        routes = [
            directory_routes(directory, registry.registry, settings),
            registry_routes(registry, directory.directory, terms),
            rule_routes(settings.pipeline()),
            consent_routes(consent),
        ]
        http, health = HttpSettings(port=0), Health()
        app = build_app(routes, TOKENS, Metrics(process=False), health, "Test", "1.0", settings=http)
        server = HttpServer(app, http, health=health)
        await server.start()
        client = aiohttp.ClientSession()
        hub = Hub(server, client, clock, bus, database, directory, registry, reviews, consent)
        running.append(hub)
        return hub

    yield start
    for hub in running:
        hub.reviews.stop()
        await hub.client.close()
        await hub.server.stop()
        await hub.database.close()


def _terms() -> Terms:
    found = {}
    for name in ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus"):
        document = yaml.safe_load((CONFIG / "carriers" / f"{name}.yaml").read_text("utf-8"))
        found[name] = CarrierTerms.model_validate(document["terms"])
    return found


@pytest.fixture
async def hub(open_hub: OpenHub) -> Hub:
    """The demo world as it is."""
    return await open_hub()
