"""B8: eDiscovery is never available, the Events API is not before T4."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.api.compliance import compliance_routes
from gateway.messages.store import MessageStore
from gateway.policy import Revision
from gateway.runtime.database import Database, MigrationBranch, migrate
from gateway.runtime.http import Health, HttpServer, HttpSettings, TokenSettings, build_app
from gateway.runtime.metrics import Metrics

TOKENS = (
    TokenSettings(token="demo-admin", role="admin", name="demo-admin", organization="acme-dental"),
    TokenSettings(token="demo-alice", role="person", organization="acme-dental", person="alice"),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.messages")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.mark.parametrize(("revision", "events_status"), [("T1", 404), ("T2", 404), ("T3", 404), ("T4", 200)])
async def test_what_each_revision_answers(database: Database, revision: str, events_status: int) -> None:
    http, health = HttpSettings(port=0), Health()
    routes = [compliance_routes(MessageStore(database), Revision(revision))]
    app = build_app(routes, TOKENS, Metrics(process=False), health, "Test", "1.0", settings=http)
    server = HttpServer(app, http, health=health)
    await server.start()
    admin = {"Authorization": "Bearer demo-admin"}
    try:
        async with aiohttp.ClientSession(server.url, headers=admin) as client:
            async with client.get("/v1/events") as events:
                body = await events.json()
                assert events.status == events_status
                expected = {"items": []} if events_status == 200 else None
                assert expected is None or body == expected
                assert expected is not None or body["errors"][0]["code"] == "events_api_not_available"
            async with client.get("/v1/ediscovery") as discovery:
                assert discovery.status == 404
                assert (await discovery.json())["errors"][0]["code"] == "ediscovery_not_available"
            async with client.post("/v1/ediscovery/reports") as report:
                assert (await report.json())["errors"][0]["code"] == "ediscovery_not_available"
            alice = {"Authorization": "Bearer demo-alice"}
            async with client.get("/v1/events", headers=alice) as refused:
                assert refused.status == 403
    finally:
        await server.stop()
